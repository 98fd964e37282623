"""Every night: take in what is new, ask the model who is one household, merge what is sure, ask a person the rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import pandas as pd
from psycopg2.extras import Json, execute_values
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.errors import Cancelled
from stormplay.identity import matching, records
from stormplay.identity.comparisons import LEVELS
from stormplay.identity.events import Cause
from stormplay.identity.homes import Absorbed, absorb
from stormplay.identity.kinds import Rules
from stormplay.identity.settling import settle
from stormplay.identity.writing import hold, link, rules

ALIKE = "alike"  # the rule of the model's links
SOURCE = "nightly model"


@dataclass(frozen=True)
class Night:
    """What a nightly run did.

    Attributes:
        absorbed: What was taken in of the book.
        records: How many were compared.
        pairs: How many pairs might be one household.
        merged: Pairs that the model tied by itself.
        queued: Pairs that wait for a person's yes or no, those of before with them.
        seconds: How long it took.
    """

    absorbed: Absorbed
    records: int
    pairs: int
    merged: int
    queued: int
    seconds: float

    def __str__(self) -> str:
        return (f"{self.absorbed.homes:,} homes taken in, {self.records:,} records compared: {self.merged:,} pairs "
                f"merged, {self.queued:,} wait for a yes or no ({self.seconds:.0f} s).")  # fmt: skip


Progress = Callable[[float, str], bool]
"""Called with the share done, 0 to 1, and what is being done; returns False where the run should stop."""


def nightly(tenant: str | UUID, progress: Progress | None = None) -> Night:
    """Take in the book, compare all records, merge and propose. Safe to repeat; for operators.

    Nobody waits meanwhile: the graph is held only while it is written, not while the model thinks.

    Args:
        tenant: The tenant's slug or id.
        progress: Told between the steps how far it is; the longest of them, the comparison, is two.

    Raises:
        Cancelled: `progress` said so. The book is taken in by then; nothing is merged or proposed.
    """
    began = time.monotonic()
    tell = _teller(progress)
    tell(0.02, "Taking in the book of homes")
    taken = absorb(tenant)
    tell(0.08, "Reading all households")
    with tenancy.session(tenant) as connection:
        compared, chosen = records.read(connection), rules(connection)
    tell(0.15, f"Measuring how often strangers agree, of {len(compared):,} records")
    pairs = judged(compared, chosen, lambda: tell(0.45, f"Comparing {len(compared):,} records"))
    tell(0.95, f"Writing down {len(pairs):,} pairs")
    with tenancy.session(tenant) as connection:
        hold(connection)
        open_pairs = _undecided(connection, pairs)
        merged = _apply(connection, open_pairs[open_pairs["applies"]], chosen)
        _propose(connection, _questions(connection, open_pairs[~open_pairs["applies"]]))
        connection.execute(text("UPDATE identity_gates SET nightly_at = now()"))
        queued = waiting(connection)
    return Night(taken, len(compared), len(pairs), merged, queued, time.monotonic() - began)


def _teller(progress: Progress | None) -> Callable[[float, str], None]:
    def tell(share: float, doing: str) -> None:
        if progress is not None and not progress(share, doing):
            raise Cancelled("Stopped. Nothing was merged or proposed.")

    return tell


def judged(compared: pd.DataFrame, chosen: Rules, measured: Callable[[], None] = lambda: None) -> pd.DataFrame:
    """Pure: the pairs that are applied or proposed.

    Args:
        compared: Records as `records.read` gives them: identifier_id, identity_id and the compared fields.
        chosen: The company's thresholds.
        measured: Called between the two halves of the comparison.

    Returns:
        Columns of `matching.score` with one_id and other_id (identifiers, the lower first) and applies; only pairs of
        two identities, from the threshold of review on.
    """
    found: pd.DataFrame = matching.score(compared, measured=measured)
    found = found[found["strength"] >= chosen.review_from]
    ids, identities = (compared[name].to_numpy(object) for name in ("identifier_id", "identity_id"))
    found = found.loc[identities[found["one"]] != identities[found["other"]]]
    one, other = ids[found["one"]], ids[found["other"]]
    applies = (found["strength"] >= chosen.apply_from) & found["may_apply"]
    return found.assign(
        one_id=[min(pair) for pair in zip(one, other, strict=True)],
        other_id=[max(pair) for pair in zip(one, other, strict=True)],
        applies=applies.astype(bool),
    )


def _undecided(connection: Connection, pairs: pd.DataFrame) -> pd.DataFrame:
    """Without the pairs that somebody has decided on, and those whose link was revoked."""
    decided = tenancy.frame(
        connection,
        """SELECT one_id::text, other_id::text FROM identity_proposals
            WHERE tenant_id = :tenant_id AND state <> 'waiting'
           UNION SELECT from_id::text, to_id::text FROM identifier_links
            WHERE tenant_id = :tenant_id AND revoked_at IS NOT NULL AND rule = :rule""",
        {"rule": ALIKE},
    )
    done = set(zip(decided["one_id"], decided["other_id"], strict=True))
    fresh = [pair not in done for pair in zip(pairs["one_id"], pairs["other_id"], strict=True)]
    return pairs[pd.Series(fresh, index=pairs.index, dtype=bool)]


def _apply(connection: Connection, pairs: pd.DataFrame, chosen: Rules) -> int:
    wanted = {(one, other): (float(strength), SOURCE) for one, other, strength in
              zip(pairs["one_id"], pairs["other_id"], pairs["strength"], strict=True)}  # fmt: skip
    links = link(connection, wanted, ALIKE)
    ends = {node for pair in links.values() for node in pair}
    settle(connection, ends, chosen, Cause(rule=ALIKE, links=links))
    return len(links)


def _questions(connection: Connection, pairs: pd.DataFrame) -> pd.DataFrame:
    """One question for two identities, the surest; none for two that a person has told apart."""
    refused = tenancy.frame(
        connection, "SELECT one_id, other_id FROM identity_proposals WHERE tenant_id = :tenant_id AND state = 'no'"
    )
    ids = [*pairs["one_id"], *pairs["other_id"], *refused["one_id"], *refused["other_id"]]
    rows = connection.execute(
        text("""SELECT identifier_id::text, identity_id::text FROM identifiers
                 WHERE identifier_id = ANY (CAST(:ids AS uuid[]))"""),
        {"ids": list(set(ids))},
    )
    now = {str(identifier): str(identity) for identifier, identity in rows}
    between = [frozenset((now[one], now[other])) for one, other in zip(pairs["one_id"], pairs["other_id"], strict=True)]
    told_apart = {frozenset((now[one], now[other])) for one, other in
                  zip(refused["one_id"], refused["other_id"], strict=True)}  # fmt: skip
    asked = pairs.assign(between=pd.Series(between, index=pairs.index, dtype=object))
    is_open = [len(pair) == 2 and pair not in told_apart for pair in between]
    asked = asked[pd.Series(is_open, index=asked.index, dtype=bool)]  # an empty list would choose no columns
    return asked.sort_values("strength", ascending=False).drop_duplicates("between")


def _propose(connection: Connection, pairs: pd.DataFrame) -> None:
    tenant = connection.info["tenant_id"]
    rows = [
        (tenant, row["one_id"], row["other_id"], row["strength"], ALIKE,
         Json({field: row[field] for field in LEVELS if row[field] != "unknown"}))
        for row in pairs.to_dict("records")
    ]  # fmt: skip
    if rows:
        execute_values(
            connection.connection.cursor(),
            """INSERT INTO identity_proposals (tenant_id, one_id, other_id, strength, rule, evidence) VALUES %s
               ON CONFLICT (tenant_id, one_id, other_id) DO UPDATE SET strength = excluded.strength,
                   evidence = excluded.evidence WHERE identity_proposals.state = 'waiting'""",
            rows, page_size=2_000,
        )  # fmt: skip


def waiting(connection: Connection) -> int:
    """How many proposals wait for an answer."""
    found = connection.execute(
        text("""SELECT count(*) FROM identity_proposals p JOIN identifiers a ON a.identifier_id = p.one_id
                  JOIN identifiers b ON b.identifier_id = p.other_id
                 WHERE p.state = 'waiting' AND a.identity_id <> b.identity_id""")
    )
    return int(found.scalar_one())
