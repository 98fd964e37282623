"""What is wrong with this installation, and how to mend it: `stormplay doctor`.

finding    one answer of one check, and what checks are asked of
machine    Python, libraries, memory, disk, browser, ports
data       the database: reachable, migrated, its roles, its clock
streams    Kafka, and whether the stream is at work
files      folders, secrets, the last backup
examining  all of them, one after the other

No check changes anything, and none shows a secret or a row of a company.
"""

from __future__ import annotations

from stormplay.doctor.examining import CHECKS, examine
from stormplay.doctor.finding import Finding, Situation

__all__ = ["CHECKS", "Finding", "Situation", "examine"]
