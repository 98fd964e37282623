"""Data quality of a storm: each check one query that a person can print and run, its counts kept for the score.

CHECKS      every check by name: title, why, remedy, sql
run         ask all of them and keep the counts
latest      what the newest run counted
history     the runs
SINCE       what may have happened since a run, in words; since_sql and since_newest_sql ask it
"""

from __future__ import annotations

from stormplay.quality.checks import Check
from stormplay.quality.running import (
    CHECKS,
    SINCE,
    history,
    latest,
    run,
    run_again_in,
    run_in,
    since_newest_sql,
    since_sql,
)

__all__ = [
    "CHECKS",
    "SINCE",
    "Check",
    "history",
    "latest",
    "run",
    "run_again_in",
    "run_in",
    "since_newest_sql",
    "since_sql",
]
