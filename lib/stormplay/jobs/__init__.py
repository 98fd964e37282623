"""Phase 4: jobs. What may follow what, who said what, what was seen on the roof.

workflow  the status machine, pure
claim     the schema of damage records, pure
picture   a picture made fit to keep, pure
album     pictures of jobs, their bytes in an encrypted store
reading   jobs by one and by page, progress
lists     pages of jobs, places for a map, jobs that are stuck
outings   what a crew takes along, as a pack
writing   one change of one job
undoing   taking the newest step back
slips     what a crew filled in, checked row by row, pure
field     slips applied to jobs, in whatever order
reader    `JobReader`, what is read
tracker   `JobTracker`, what is read and changed
"""

from __future__ import annotations

from stormplay.jobs.tracker import JobTracker
from stormplay.jobs.workflow import DEFAULT, Status, Workflow

__all__ = ["DEFAULT", "JobTracker", "Status", "Workflow"]
