"""What is kept for how long, and taking away what is no longer needed: `stormplay retire`, and the server once a day.

rules     each kind of history: how long, at least how long, and why
retiring  counting what would go, and letting it go
"""

from __future__ import annotations

from stormplay.retention.retiring import Retired, days_of, retire
from stormplay.retention.rules import KEPT, RULES, Rule

__all__ = ["KEPT", "RULES", "Retired", "Rule", "days_of", "retire"]
