"""What time it is: now, or the moment that a report speaks of.

`STORMPLAY_AS_OF` holds that moment in the process that makes a report, so that the same report of the same data, made
again, says the same. It looks forward and back from there; it does not bring back the data of then.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

VARIABLE = "STORMPLAY_AS_OF"


def now() -> datetime:
    """The moment to reckon from, in UTC."""
    return frozen() or datetime.now(UTC)


def frozen() -> datetime | None:
    """The moment that a report speaks of; None where time goes on."""
    said = os.environ.get(VARIABLE)
    return datetime.fromisoformat(said).astimezone(UTC) if said else None
