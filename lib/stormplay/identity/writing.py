"""Take sightings into the graph: nodes, links, what a value is shared by. Inside a transaction that holds the gate.

Writers of one tenant follow one another: each takes the tenant's row of identity_gates first and nothing before it, so
none waits for another crosswise, and each sees all that came before. Sixteen at once give the graph of one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from psycopg2.extras import execute_values
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay.identity.kinds import PRIORITY, Rules
from stormplay.identity.sightings import SEEN_TOGETHER, Key, Seen

_CHUNK = 20_000
_BOOK = 1_000  # identifiers from which on rows are hashed, not looked up one by one
_HOUSES = ("property_id", "claim", "crm_id", "name_address")  # kinds that stand for a household

# How many households a value was seen with, and whether that is more than it may join.
_RECOUNT = """
WITH counted AS (
    SELECT l.to_id, count(DISTINCT coalesce(f.household_key, f.identifier_id::text)) AS households
      FROM identifier_links l JOIN identifiers f ON f.tenant_id = l.tenant_id AND f.identifier_id = l.from_id
     WHERE l.tenant_id = :tenant_id AND l.to_id = ANY (CAST(:ids AS uuid[])) AND l.revoked_at IS NULL
       AND l.rule = :rule AND f.identifier_type = ANY (:houses)
     GROUP BY l.to_id
), judged AS (
    SELECT v.identifier_id, coalesce(c.households, 0) AS households,
           CASE WHEN v.held_apart = 'blocked' THEN 'blocked'
                WHEN coalesce(c.households, 0) > m.households THEN 'shared' END AS held_apart
      FROM identifiers v JOIN unnest(:kinds, :limits) AS m (kind, households) ON m.kind = v.identifier_type
      LEFT JOIN counted c ON c.to_id = v.identifier_id
     WHERE v.tenant_id = :tenant_id AND v.identifier_id = ANY (CAST(:ids AS uuid[]))
)
UPDATE identifiers v SET household_count = j.households, held_apart = j.held_apart FROM judged j
 WHERE v.tenant_id = :tenant_id AND v.identifier_id = j.identifier_id
   AND (v.household_count, v.held_apart) IS DISTINCT FROM (j.households::integer, j.held_apart)
RETURNING v.identifier_id::text, old.held_apart IS DISTINCT FROM new.held_apart
"""


@dataclass(frozen=True)
class Written:
    """What became of sightings.

    Attributes:
        ids: Kind and value to identifier_id; without what may not come back.
        links: link_id to its two ends; the new ones.
        touched: Identifiers whose component has to be worked out anew.
        fresh: Identifiers that were not there before.
    """

    ids: Mapping[Key, str]
    links: Mapping[str, tuple[str, str]]
    touched: frozenset[str]
    fresh: frozenset[str]


def hold(connection: Connection) -> None:
    """Wait until no other writer of this tenant's graph is at work."""
    connection.execute(text("INSERT INTO identity_gates DEFAULT VALUES ON CONFLICT (tenant_id) DO NOTHING"))
    connection.execute(text("SELECT FROM identity_gates FOR UPDATE"))


def rules(connection: Connection) -> Rules:
    """The company's rules."""
    return Rules.from_json(connection.execute(text("SELECT identity_rules FROM tenants")).scalar_one())


def take_in(connection: Connection, seen: Seen, chosen: Rules) -> Written:
    """Write nodes and links that are not there yet, and count households. Components are as they were.

    Args:
        connection: A session that holds the gate.
        seen: What was seen.
        chosen: The company's rules.
    """
    before = known(connection, list(seen.nodes))
    _add(connection, seen, [key for key in seen.nodes if key not in before])
    ids = known(connection, list(seen.nodes))
    fresh = frozenset(ids[key] for key in ids if key not in before)
    moved = _move_homes(connection, seen, ids)
    _block(connection, seen, ids)
    links = _link(connection, seen, ids)
    ends = {node for pair in links.values() for node in pair} | moved
    turned = recount(connection, ends | beside(connection, moved), chosen)
    return Written(ids, links, frozenset(ends | turned | beside(connection, turned)), fresh)


def known(connection: Connection, keys: Sequence[Key]) -> dict[Key, str]:
    """The identifier_ids of kinds and values that the graph has."""
    found: dict[Key, str] = {}
    for some in _chunks(keys):
        wanted = {"kinds": [kind for kind, _ in some], "wanted": [value for _, value in some]}
        with _by_hash(connection, len(some)):
            rows = connection.execute(
                text("SELECT place, identifier_id::text FROM known_identifiers(:kinds, :wanted)"), wanted
            )
            found |= {some[place - 1]: identifier for place, identifier in rows}
    return found


def _chunks(items: Sequence[Key]) -> Iterator[list[Key]]:
    left = iter(items)
    while some := list(islice(left, _CHUNK)):
        yield some


def _add(connection: Connection, seen: Seen, keys: Sequence[Key]) -> None:
    for some in _chunks(keys):
        nodes = [seen.nodes[key] for key in some]
        connection.execute(
            text("""SELECT add_identifiers(:kinds, :wanted, :shown, CAST(:homes AS uuid[]),
                                           CAST(:households AS text[]), :sources)"""),
            {"kinds": [one.kind for one in nodes], "wanted": [one.value for one in nodes],
             "shown": [one.shown for one in nodes],
             "homes": [one.value if one.kind == "property_id" else None for one in nodes],
             "households": [one.household for one in nodes], "sources": [seen.sources[key] for key in some]},
        )  # fmt: skip


def _move_homes(connection: Connection, seen: Seen, ids: Mapping[Key, str]) -> set[str]:
    """Homes whose address is another one than when they were last read."""
    at = {ids[key]: one.household for key, one in seen.nodes.items() if one.kind == "property_id" and key in ids}
    rows = connection.execute(
        text("""UPDATE identifiers i SET household_key = w.household
                  FROM unnest(CAST(:ids AS uuid[]), CAST(:households AS text[])) AS w (id, household)
                 WHERE i.identifier_id = w.id AND w.household IS NOT NULL
                   AND i.household_key IS DISTINCT FROM w.household
             RETURNING i.identifier_id::text"""),
        {"ids": list(at), "households": list(at.values())},
    )
    return set(rows.scalars())


def _block(connection: Connection, seen: Seen, ids: Mapping[Key, str]) -> None:
    """Hold apart what stands for nobody: shipped values and the company's own."""
    own = {(kind, value) for kind, value in connection.execute(
        text("SELECT identifier_type, value FROM identity_blocked WHERE lifted_at IS NULL"))}  # fmt: skip
    blocked = [ids[key] for key, one in seen.nodes.items() if key in ids and (one.is_blocked or key in own)]
    hold_apart(connection, blocked)


def hold_apart(connection: Connection, identifiers: Collection[str]) -> None:
    """Mark values as standing for nobody."""
    if identifiers:
        connection.execute(
            text("""UPDATE identifiers SET held_apart = 'blocked' WHERE identifier_id = ANY (CAST(:ids AS uuid[]))
                       AND held_apart IS DISTINCT FROM 'blocked'"""),
            {"ids": list(identifiers)},
        )


def _link(connection: Connection, seen: Seen, ids: Mapping[Key, str]) -> dict[str, tuple[str, str]]:
    """New links by id. One that was revoked is not made again."""
    wanted = {(ids[one], ids[other]): found for (one, other), found in seen.links.items()
              if one in ids and other in ids}  # fmt: skip
    return link(connection, wanted, SEEN_TOGETHER)


def link(connection: Connection, wanted: Mapping[tuple[str, str], tuple[float, str]],
         rule: str) -> dict[str, tuple[str, str]]:  # fmt: skip
    """Make the links that are not there yet: the two ends to strength and source. Returns the new ones by link_id."""
    if not wanted:
        return {}
    have = connection.execute(
        text("""SELECT from_id::text, to_id::text FROM identifier_links
                 WHERE from_id = ANY (CAST(:ids AS uuid[])) AND rule = :rule"""),
        {"ids": sorted({one for one, _ in wanted}), "rule": rule},
    )
    there = {(one, other) for one, other in have}
    again = [pair for pair in wanted if pair in there]
    _see_again(connection, again, rule)
    who = connection.execute(text("SELECT sec.my_name()")).scalar_one()
    tenant = connection.info["tenant_id"]
    rows = [(tenant, one, other, strength, rule, source, who)
            for (one, other), (strength, source) in wanted.items() if (one, other) not in there]  # fmt: skip
    made = execute_values(
        connection.connection.cursor(),
        """INSERT INTO identifier_links (tenant_id, from_id, to_id, strength, rule, source, made_by) VALUES %s
           RETURNING link_id::text, from_id::text, to_id::text""",
        rows, page_size=2_000, fetch=True,
    ) if rows else []  # fmt: skip
    return {link_id: (one, other) for link_id, one, other in made}


def _see_again(connection: Connection, pairs: Sequence[tuple[str, str]], rule: str) -> None:
    """Keep when a link was last seen; of a whole book that is no news."""
    if 0 < len(pairs) <= 1_000:
        connection.execute(
            text("""UPDATE identifier_links l SET seen_at = now()
                      FROM unnest(CAST(:ones AS uuid[]), CAST(:others AS uuid[])) AS w (one, other)
                     WHERE l.from_id = w.one AND l.to_id = w.other AND l.rule = :rule AND l.revoked_at IS NULL"""),
            {"ones": [one for one, _ in pairs], "others": [other for _, other in pairs], "rule": rule},
        )


def recount(connection: Connection, identifiers: Collection[str], chosen: Rules) -> set[str]:
    """Count the households of values anew. Returns those that began or ceased to join."""
    if not identifiers:
        return set()
    values = {"ids": list(identifiers), "rule": SEEN_TOGETHER, "houses": list(_HOUSES), "kinds": list(PRIORITY),
              "limits": [chosen.limit(kind) for kind in PRIORITY],
              "tenant_id": connection.info["tenant_id"]}  # fmt: skip
    with _by_hash(connection, len(identifiers)):
        return {identifier for identifier, has_turned in connection.execute(text(_RECOUNT), values) if has_turned}


@contextmanager
def _by_hash(connection: Connection, rows: int) -> Iterator[None]:
    """Let many rows be joined by hash alone.

    After a small import the planner knows of a handful of rows, and would nest its loops over the whole book that
    comes next: minutes instead of a tenth of a second. A few rows are looked up one by one all the same.
    """
    if rows > _BOOK:
        connection.execute(text("SELECT set_config('enable_nestloop', 'off', true)"))
    yield
    if rows > _BOOK:  # after an error the transaction, and the setting with it, is gone
        connection.execute(text("SELECT set_config('enable_nestloop', 'on', true)"))


def beside(connection: Connection, identifiers: Collection[str]) -> set[str]:
    """What hangs on these directly."""
    if not identifiers:
        return set()
    rows = connection.execute(
        text("""SELECT to_id::text FROM identifier_links
                 WHERE from_id = ANY (CAST(:ids AS uuid[])) AND revoked_at IS NULL
                 UNION SELECT from_id::text FROM identifier_links
                 WHERE to_id = ANY (CAST(:ids AS uuid[])) AND revoked_at IS NULL"""),
        {"ids": list(identifiers)},
    )
    return set(rows.scalars())
