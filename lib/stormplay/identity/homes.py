"""Take the company's book of homes into the graph: each home with its owner's name, telephone and e-mail address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.errors import BadInput
from stormplay.identity import sightings
from stormplay.identity.events import Cause
from stormplay.identity.kinds import PRIORITY
from stormplay.identity.settling import settle
from stormplay.identity.sightings import HOMES, Seen
from stormplay.identity.writing import Written, hold, known, recount, rules, take_in

AT_ONCE = 20_000  # homes in one transaction, so that others may write in between


@dataclass(frozen=True)
class Absorbed:
    """What was taken in: homes that were new or changed, identifiers, links, and how many identities met or parted."""

    homes: int = 0
    identifiers: int = 0
    links: int = 0
    merges: int = 0
    separations: int = 0

    def __add__(self, other: Absorbed) -> Absorbed:
        return Absorbed(self.homes + other.homes, self.identifiers + other.identifiers, self.links + other.links,
                        self.merges + other.merges, self.separations + other.separations)  # fmt: skip


def absorb(tenant: str | UUID) -> Absorbed:
    """Take in the homes that are new or were changed since they were last read. Safe to repeat; for operators.

    A home's identifiers of before stay: a number that somebody had is still theirs until somebody says otherwise.
    """
    done, last = Absorbed(), None
    with tenancy.session(tenant) as connection:
        settle_whole(connection)
    while True:
        with tenancy.session(tenant) as connection:
            some, last = absorb_some(connection, last)
        if last is None:
            return done
        done += some


def absorb_some(connection: Connection, after: str | None = None) -> tuple[Absorbed, str | None]:
    """Take in up to `AT_ONCE` homes that are new or changed, inside one session.

    Args:
        connection: An open session.
        after: The last home's id of the time before.

    Returns:
        What was taken in, and the last home's id; None where there was none left.
    """
    hold(connection)
    query = "SELECT * FROM unread_homes(CAST(:after AS uuid), :n)"
    homes = tenancy.frame(connection, query, {"after": after, "n": AT_ONCE})
    if homes.empty:
        return Absorbed(), None
    return take_homes(connection, homes), str(homes["property_id"].iloc[-1])


def take_homes(connection: Connection, homes: pd.DataFrame) -> Absorbed:
    """Take homes in, in a session that holds the gate: the columns of `unread_homes`."""
    seen = sightings.of_homes(homes)
    written, events = record(connection, seen)
    ids = [written.ids.get(("property_id", home)) for home in homes["property_id"]]
    connection.execute(
        text("""UPDATE identifiers i SET digest = w.digest
                  FROM unnest(CAST(:ids AS uuid[]), CAST(:digests AS text[])) AS w (id, digest)
                 WHERE i.tenant_id = :tenant_id AND i.identifier_id = w.id"""),
        {"ids": ids, "digests": homes["digest"].tolist(), "tenant_id": connection.info["tenant_id"]},
    )
    merges = sum(kind == "merged" for kind in events)
    return Absorbed(len(homes), len(written.fresh), len(written.links), merges, len(events) - merges)


def record(connection: Connection, seen: Seen) -> tuple[Written, list[str]]:
    """Write sightings and work out the components, in a session that holds the gate. Returns also the events' kinds."""
    chosen = rules(connection)
    written = take_in(connection, seen, chosen)
    cause = Cause(links=written.links, fresh=written.fresh)
    return written, [event.kind for event in settle(connection, written.touched, chosen, cause)]


def settle_whole(connection: Connection) -> bool:
    """Work the whole graph out where that was never done (after a migration, or when limits were changed)."""
    hold(connection)
    if connection.execute(text("SELECT settled_at FROM identity_gates")).scalar_one() is not None:
        return False
    chosen = rules(connection)
    everything = tenancy.bulk_frame(connection, "SELECT identifier_id::text FROM identifiers")["identifier_id"].tolist()
    recount(connection, everything, chosen)
    settle(connection, everything, chosen, Cause(rule="worked out anew"))
    connection.execute(text("UPDATE identity_gates SET settled_at = now()"))
    return True


def record_one(connection: Connection, written: Mapping[str, str], source: str) -> str | None:
    """See `IdentityGraph.record`."""
    seen = sightings.of_identifiers(written, source)
    if not seen.nodes:
        return None
    first = min(seen.nodes, key=lambda key: PRIORITY.index(key[0]))
    hold(connection)
    if first[0] == "property_id" and not known(connection, [first]):
        seen = sightings.of_identifiers(written, source, _home(connection, first[1]))
    written_now, _ = record(connection, seen)
    if first not in written_now.ids:
        return None
    row = connection.execute(
        text("SELECT identity_id::text, held_apart FROM identifiers WHERE identifier_id = :id"),
        {"id": written_now.ids[first]},
    ).one()
    return None if row.held_apart is not None else str(row.identity_id)


def _home(connection: Connection, property_id: str) -> Seen:
    """A home of the book as a sighting.

    Raises:
        BadInput: This company has no such home.
    """
    query = f"SELECT {', '.join(HOMES)} FROM properties WHERE property_id = CAST(:id AS uuid)"  # noqa: S608 - own words
    found = tenancy.frame(connection, query, {"id": property_id})
    if found.empty:
        raise BadInput(f"This company has no home '{property_id}'.", "Expected a property_id of its book.")
    return sightings.of_homes(found)
