"""Usage summed up, storage measured once a day and warnings given, while the server runs.

What is billed does not wait for this: usage is counted where it is caused, and a bill reads what is not summed up yet.
A turn that the database does not answer is made up by the next one.
"""

from __future__ import annotations

import logging

from stormplay.billing import metering
from stormplay.server.periodic import Periodic

EVERY_S = 600.0


class Metering(Periodic):
    """Meters all companies every ten minutes; the first turn comes after ten minutes.

    Args:
        log: Where it says that the database did not answer.
    """

    def __init__(self, log: logging.Logger) -> None:
        super().__init__("usage could not be summed up", log, EVERY_S)

    def turn(self) -> None:
        """Meter all companies."""
        metering.meter_all()
