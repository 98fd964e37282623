"""Which model made a number: versions with what they saw, champion and challenger with their history, signed files.

versions  a version, and how it is found
moves     champion and challenger: promote, roll back, who moved what and why
seal      the company's signature over a version
packing   a fitted model as bytes that run no code when they are read
shelf     these bytes in the store, checked before they are read
keeping   `register` and `load`
tracing   from the text beside a number to the card of its model
service   `ModelRegistry`, all of it for one tenant

The functions take an open session, so that a version, its alias and the numbers it made are one transaction.
"""

from __future__ import annotations

from stormplay.registry.keeping import load, register
from stormplay.registry.moves import challenger, champion, history, promote, roll_back
from stormplay.registry.service import ModelRegistry
from stormplay.registry.tracing import Card, trace
from stormplay.registry.versions import Version, code_version, find, versions

__all__ = [
    "Card",
    "ModelRegistry",
    "Version",
    "challenger",
    "champion",
    "code_version",
    "find",
    "history",
    "load",
    "promote",
    "register",
    "roll_back",
    "trace",
    "versions",
]
