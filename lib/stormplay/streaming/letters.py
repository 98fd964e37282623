"""Dead letters: what was not applied, with the reason; discarded by a person, or replayed by the stream.

A page's kernel may not write the ledger. So a replay is asked for: the letter stays open with the moment of asking, and
the service, which looks every second (`take_replays`), applies it as if it came now. What is refused again stays open,
with the reason of this time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.errors import BadInput
from stormplay.streaming.applying import Applied, apply_letters
from stormplay.streaming.events import Record
from stormplay.streaming.staging import array, ask, texts

AT_ONCE = 500
"""Letters that one company gets replayed in one transaction; the others follow in the next."""
SHOWN = 400
STATUSES = ("open", "replayed", "discarded")

_LETTERS = """
SELECT d.letter_id::text, s.slug AS storm, d.topic, d.partition, d."offset", d.reason, d.said, d.event_id, d.event_type,
       d.event_at, d.received_at, d.status, d.attempts, d.replay_asked_at, d.replay_asked_by, d.settled_at,
       d.settled_by, length(d.payload) AS size_bytes, substr(d.payload, 1, :shown) AS payload
  FROM stream_dead_letters d JOIN storms s ON s.tenant_id = d.tenant_id AND s.storm_id = d.storm_id
 WHERE d.tenant_id = :tenant_id AND d.status = :status AND (CAST(:storm AS uuid) IS NULL OR d.storm_id = :storm)
 ORDER BY d.received_at DESC, d.letter_id DESC LIMIT :at_most
"""

# Two consumers may look at once: each takes what the other has not.
_ASKED = """
SELECT d.letter_id::text, d.topic, d.partition, d."offset", d.event_at, d.payload
  FROM stream_dead_letters d
 WHERE d.tenant_id = %(tenant_id)s::uuid AND d.status = 'open' AND d.replay_asked_at IS NOT NULL
 ORDER BY d.letter_id LIMIT %(at_most)s FOR UPDATE SKIP LOCKED
"""

_SETTLED = """
UPDATE stream_dead_letters d
   SET status = 'replayed', settled_at = clock_timestamp(), settled_by = coalesce(d.replay_asked_by, 'Event stream'),
       attempts = d.attempts + 1
 WHERE d.tenant_id = %(tenant_id)s::uuid AND d.letter_id = ANY (%(ids)s::uuid[])
"""

_REFUSED = """
UPDATE stream_dead_letters d
   SET reason = g.reason, said = g.said, attempts = d.attempts + 1, replay_asked_at = NULL
  FROM unnest(%(ids)s::uuid[], %(reason)s::text[], %(said)s::text[]) AS g (letter_id, reason, said)
 WHERE d.tenant_id = %(tenant_id)s::uuid AND d.letter_id = g.letter_id
"""


def dead_letters(tenant: str | UUID, storm: str | UUID | None = None, status: str = "open", at_most: int = 1_000
                 ) -> pd.DataFrame:  # fmt: skip
    """The dead letters of a company, newest first.

    Args:
        tenant: Slug or id.
        storm: Slug or id; None: of all storms.
        status: 'open', 'replayed' or 'discarded'.
        at_most: Rows.

    Returns:
        letter_id, storm (slug), topic, partition, offset, reason, said (a sentence), event_id and event_type (None
        where they could not be read), event_at, received_at, status, attempts, replay_asked_at and _by (None: nobody
        has), settled_at, settled_by, size_bytes, payload (text of its first 400 bytes).

    Raises:
        BadInput: There is no such status.
        UnknownTenant, UnknownStorm: Not open to this person.
    """
    if status not in STATUSES:
        raise BadInput(f"There is no status '{status}'.", f"Expected one of {', '.join(STATUSES)}.")
    with tenancy.session(tenant) as connection:
        storm_id = None if storm is None else tenancy.storm_id(connection, storm)
        values = {"status": status, "storm": storm_id, "at_most": at_most, "shown": SHOWN}
        found = tenancy.frame(connection, _LETTERS, values)
    return found.assign(payload=[shown(one) for one in found["payload"]])


def shown(payload: bytes | memoryview) -> str:
    """The beginning of a message as a person may see it: signs that cannot be shown are replaced."""
    words = bytes(payload).decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in words)


def replay(tenant: str | UUID, letter_ids: Iterable[str | UUID]) -> dict[str, int]:
    """Ask for letters to be replayed; the stream does so within a second or two while it runs. For operators.

    Returns:
        'asked': how many will be; 'settled': how many were settled already, or are not there.
    """
    return _mark(tenant, letter_ids, "replay_asked_at = clock_timestamp()", "asked")


def discard(tenant: str | UUID, letter_ids: Iterable[str | UUID]) -> dict[str, int]:
    """Settle letters without applying them; who did so is kept. For operators.

    Returns:
        'discarded': how many; 'settled': how many were settled already, or are not there.
    """
    return _mark(tenant, letter_ids, "status = 'discarded', replay_asked_at = NULL", "discarded")


def take_back(tenant: str | UUID, letter_ids: Iterable[str | UUID]) -> dict[str, int]:
    """Ask no more for letters to be replayed. For operators.

    Returns:
        'waiting': how many stay as they are; 'settled': how many were settled already, or are not there.
    """
    return _mark(tenant, letter_ids, "replay_asked_at = NULL", "waiting")


def _mark(tenant: str | UUID, letter_ids: Iterable[str | UUID], assignments: str, word: str) -> dict[str, int]:
    ids = list(dict.fromkeys(_id(one) for one in letter_ids))
    statement = f"""UPDATE stream_dead_letters SET {assignments}
                     WHERE letter_id IN (SELECT letter_id FROM stream_dead_letters
                                          WHERE tenant_id = CAST(:tenant_id AS uuid) AND status = 'open'
                                            AND letter_id = ANY (CAST(:ids AS uuid[])) ORDER BY letter_id FOR UPDATE)
                       AND tenant_id = CAST(:tenant_id AS uuid)"""  # noqa: S608 - own words
    with tenancy.session(tenant) as connection:
        values = {"ids": ids, "tenant_id": connection.info["tenant_id"]}
        n = int(connection.execute(text(statement), values).rowcount)
    return {word: n, "settled": len(ids) - n}


def _id(letter: str | UUID) -> str:
    found = tenancy.as_uuid(letter)
    if found is None:
        raise BadInput(f"'{letter}' is no letter's id.", "Expected a UUID, as in the list of letters.")
    return str(found)


def take_replays(connection: Connection) -> int:
    """Apply the letters whose replay somebody has asked for, of all companies. The caller commits.

    Args:
        connection: An open transaction of the service's login.

    Returns:
        How many were taken; at most 500 a company at once.
    """
    taken = 0
    for (tenant_id,) in ask(connection, "SELECT a::text FROM sec.stream_asked() a ORDER BY 1", {}):
        ask(connection, "SELECT set_config('app.tenant_id', %(tenant_id)s, true)", {"tenant_id": tenant_id})
        rows = ask(connection, _ASKED, {"tenant_id": tenant_id, "at_most": AT_ONCE})
        if rows:
            _replay(connection, tenant_id, rows)
        taken += len(rows)
    return taken


def _replay(connection: Connection, tenant_id: str, rows: list[tuple[Any, ...]]) -> None:
    records = [Record(topic, partition, offset, int(at.timestamp() * 1000), None, bytes(payload))
               for _, topic, partition, offset, at, payload in rows]  # fmt: skip
    refused = {one.place: one for one in apply_letters(connection, tenant_id, records, Applied(len(records)))}
    again = [(rows[place][0], one.reason, one.said) for place, one in sorted(refused.items())]
    done = [row[0] for place, row in enumerate(rows) if place not in refused]
    ask(connection, _SETTLED, {"tenant_id": tenant_id, "ids": array(done)})
    ask(connection, _REFUSED, {
        "tenant_id": tenant_id, "ids": array([one[0] for one in again]), "reason": texts([one[1] for one in again]),
        "said": texts([one[2] for one in again]),
    })  # fmt: skip
