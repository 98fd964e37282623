"""Backup and restore: one file with every tenant's rows, all accounts and all rights, and nothing that is live.

`dump` writes it while people work, `restore` builds a database beside the one in use, proves it, and only then
lets the two change places.
"""

from __future__ import annotations

from stormplay.backup.dumping import Backup, dump
from stormplay.backup.restoring import Restored, asides, drop_aside, restore

__all__ = ["Backup", "Restored", "asides", "drop_aside", "dump", "restore"]
