"""How far the stream is behind, told to the objectives of the companies whose storms it reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay.streaming.events import TOPIC

_LOOK = text("SELECT sec.look_at_stream(CAST(:storms AS uuid[]), CAST(:waiting AS bigint[]))")


def look(connection: Connection, lag: Mapping[tuple[str, int], tuple[int, int]]) -> int:
    """Tell it, also where there is nothing to tell of: so it is known that somebody looks. Returns how many companies.

    Args:
        connection: The service's.
        lag: Topic and partition to how far it has been read and where it ends.
    """
    waiting: Counter[str] = Counter()
    for (topic, _), (reached, end) in lag.items():
        if named := TOPIC.fullmatch(topic):
            waiting[named[1]] += max(0, end - reached)
    values = {"storms": list(waiting), "waiting": list(waiting.values())}
    return int(connection.execute(_LOOK, values).scalar_one())
