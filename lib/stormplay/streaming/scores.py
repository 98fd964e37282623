"""Scores of storms whose events come in: counted beside the batches, at most twice a second.

A batch that was applied with `later` leaves what it touched in the database, in its own transaction; whoever is killed
on the way leaves all of it due, for the next consumer.
"""

from __future__ import annotations

from sqlalchemy.engine import Connection

from stormplay.streaming.staging import ask

EVERY_S = 0.5

_CHOOSE = """SELECT set_config('app.tenant_id', %(tenant_id)s, true),
                    set_config('app.score_cause', 'Event stream: {what}', true)"""


def due(connection: Connection) -> list[str]:
    """tenant_id of every company with scores to count, for the service."""
    return [str(tenant_id) for (tenant_id,) in ask(connection, "SELECT sec.scores_due()::text", {})]


def settle(connection: Connection, tenant_id: str) -> int:
    """Count what the stream has touched of one company; the caller commits. Returns of how many storms.

    A transaction a company, since it keeps the scores that it counts locked until its end. Two at once share the work.
    """
    ask(connection, _CHOOSE, {"tenant_id": tenant_id})
    ((storms,),) = ask(connection, "SELECT settle_scores()", {})
    return int(storms)
