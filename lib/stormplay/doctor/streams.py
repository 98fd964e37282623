"""Kafka, and whether the stream is at work."""

from __future__ import annotations

import os
import socket

from sqlalchemy import text

from stormplay.doctor.finding import UNKNOWN, WARNING, WELL, WRONG, Finding, Situation
from stormplay.errors import StormplayError

_PATIENCE_S = 3.0

# As a superuser. A worker is a login of the stream's that has not run out and has a connection now.
_AT_WORK = """
SELECT (SELECT count(DISTINCT l.login) FROM sec.login l JOIN sec.person p USING (person_id)
          JOIN pg_stat_activity a ON a.usename = l.login
         WHERE p.is_service AND l.purpose = 'service stream' AND l.expires_at > clock_timestamp()) AS workers,
       (SELECT coalesce(sum(greatest(end_offset - next_offset, 0)), 0) FROM public.stream_positions) AS behind,
       (SELECT max(told_at) FROM public.stream_positions) AS told_at,
       (SELECT count(*) FROM public.stream_dead_letters WHERE status = 'open') AS letters"""


def kafka(_: Situation) -> Finding:
    """Whether the events of storms can be read."""
    named = os.environ.get("STORMPLAY_KAFKA")
    if not named:
        return Finding(UNKNOWN, "No Kafka is configured; for trying things out 'stormplay stream' starts a stand-in.",
                       "For a company's events set STORMPLAY_KAFKA.")  # fmt: skip
    from stormplay.streaming import client, settings  # noqa: PLC0415 - kafka-python is heavy

    try:
        known = settings.read()
        if not any(_listens(server) for server in known.servers):
            return Finding(WRONG, f"No Kafka broker answers at {', '.join(known.servers)}.",
                           "Start it, or check STORMPLAY_KAFKA and the network between.")  # fmt: skip
        client.connect(known.for_asking()).close()
    except StormplayError as error:
        return Finding(WRONG, error.what, error.remedy)
    return Finding(WELL, f"Kafka answers at {', '.join(known.servers)} and lets us in.")


def _listens(server: str) -> bool:
    host, _, port = server.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE_S).close()
    except (OSError, ValueError):
        return False
    return True


def stream(at: Situation) -> Finding:
    """Whether somebody applies the events that come."""
    if at.connection is None or not at.is_superuser:
        return Finding(UNKNOWN, "Only a superuser of a database that answers can look at this.")
    if at.connection.execute(text("SELECT to_regclass('public.stream_positions') IS NULL")).scalar_one():
        return Finding(UNKNOWN, "The schema is older than the stream.")
    found = at.connection.execute(text(_AT_WORK)).one()
    open_letters = f" {found.letters:,} dead letters are open." if found.letters else ""
    if found.workers:
        at_work = "1 worker of the stream is" if found.workers == 1 else f"{found.workers} workers of the stream are"
        return Finding(WELL, f"{at_work} at work, {found.behind:,} events to go.{open_letters}")
    if found.told_at is None and not os.environ.get("STORMPLAY_KAFKA"):
        return Finding(UNKNOWN, "No stream has ever run here.")
    since = "" if found.told_at is None else f" The last event was applied on {found.told_at:%d %B %Y, %H:%M} UTC."
    return Finding(WARNING, f"No worker of the stream is at work.{since}{open_letters}",
                   "Start it: 'stormplay stream'; where it runs as a service, look at its log.")  # fmt: skip
