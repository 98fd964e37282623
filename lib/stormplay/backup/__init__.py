"""Backup and restore: one file with every tenant's rows, all accounts and all rights, and nothing that is live.

`dump` writes it while people work; `keep` does so every night, and proves each before an older one goes. `restore`
builds a database beside the one in use, proves it, and only then lets the two change places.
"""

from __future__ import annotations

from stormplay.backup.dumping import Backup, dump
from stormplay.backup.restoring import Restored, asides, drop_aside, restore, verify
from stormplay.backup.rotating import Kept, folder, keep, kept_in, taken_at

__all__ = ["Backup", "Kept", "Restored", "asides", "drop_aside", "dump", "folder", "keep", "kept_in", "restore",
           "taken_at", "verify"]  # fmt: skip
