"""Past one machine: events in a lake of Iceberg tables, and their history read from there or from Postgres.

places   where the lake is, as the environment says
tables   what the job of deploy/lakehouse writes into
readers  over Trino, or with pyiceberg and DuckDB
history  `event_history`: one frame from any of them, for members alone
"""

from __future__ import annotations

from stormplay.lakehouse.history import COLUMNS, event_history

__all__ = ["COLUMNS", "event_history"]
