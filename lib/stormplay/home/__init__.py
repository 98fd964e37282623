"""All storms of all companies that somebody is a member of: how each stands, and what to do next.

steps    what to do next for a storm, from its counts (pure)
reading  `storms_of_mine`: one query a company, each in a session of its own
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormplay import lazy

if TYPE_CHECKING:
    from stormplay.home.reading import Card, Home, storms_of_mine
    from stormplay.home.steps import Step, next_step

__all__ = ["Card", "Home", "Step", "next_step", "storms_of_mine"]

__getattr__ = lazy.names(__name__, {"reading": "Card, Home, storms_of_mine", "steps": "Step, next_step"})
