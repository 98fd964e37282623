"""What units are worth in each other."""

from __future__ import annotations

METRES_PER_MILE = 1609.344
"""The international mile of 1959."""
