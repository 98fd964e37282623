"""Data quality of a storm: each check one query that a person can print and run, its counts kept for the score.

CHECKS      every check by name: title, why, remedy, sql
run         ask all of them and keep the counts
latest      what the newest run counted
history     the runs
"""

from __future__ import annotations

from stormplay.quality.checks import Check
from stormplay.quality.running import CHECKS, history, latest, run, run_in

__all__ = ["CHECKS", "Check", "history", "latest", "run", "run_in"]
