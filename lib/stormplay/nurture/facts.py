"""What the database knows of the people in question, as `People`: the only reader of consent, contacts and controls."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.nurture.clock import zone
from stormplay.nurture.people import ALL_CHANNELS, FOR_EVER, People
from stormplay.nurture.rules import CHANNELS, CODE, INBOUND, Rules, hash_share

# Up to so many ids are named in the query; beyond, everything of the tenant is read once and chosen from here.
_NAMED = 5_000

# A hold-out binds for its own storm and for every storm that is not closed; a signature for this storm and all before
# it (a new roof was bought meanwhile), not for a later one. Two companies' words for 'never again' read alike.
_HOMES = """
WITH this AS (SELECT event_date FROM storms WHERE storm_id = :storm_id),
held AS (
    SELECT DISTINCT d.property_id FROM policy_decisions_log d
      JOIN storms s ON s.tenant_id = d.tenant_id AND s.storm_id = d.storm_id
     WHERE d.decision = 'hold_out' AND (d.storm_id = :storm_id OR s.status <> 'closed') {only_d}
), treated AS (
    SELECT d.property_id FROM policy_decisions_log d WHERE d.storm_id = :storm_id AND d.decision = 'treat' {only_d}
), signed AS (
    SELECT o.property_id FROM policy_outcomes o
      JOIN storms s ON s.tenant_id = o.tenant_id AND s.storm_id = o.storm_id
     WHERE o.actual_converted AND s.event_date >= (SELECT event_date FROM this) {only_o}
    UNION
    SELECT j.property_id FROM jobs j WHERE j.storm_id = :storm_id AND j.furthest = 'signed'
       AND j.status <> 'lost' {only_j}
), barred AS (
    SELECT DISTINCT j.property_id FROM jobs j WHERE translate(lower(j.status), '_-', '  ') = 'do not return' {only_j}
), stopped AS (
    SELECT DISTINCT n.property_id FROM nurture_sequences n
     WHERE n.storm_id = :storm_id AND n.status = 'stopped' AND n.reason = 'stopped by a person' {only_n}
)
SELECT p.property_id::text, p.address, p.city, p.zip_code, p.time_zone, lu.expected_uplift,
       coalesce(p.phone ~ '([0-9][^0-9]*){{7}}', false) AS has_phone,
       position('@' IN coalesce(p.email, '')) > 1 AS has_email, btrim(p.address) <> '' AS has_address,
       held.property_id IS NOT NULL AS held, treated.property_id IS NOT NULL AS treated,
       signed.property_id IS NOT NULL AS signed, barred.property_id IS NOT NULL AS barred,
       stopped.property_id IS NOT NULL AS stopped, draw.is_held
  FROM properties p
  LEFT JOIN lead_uplift lu ON lu.tenant_id = p.tenant_id AND lu.property_id = p.property_id {only_lu}
  LEFT JOIN nurture_draws draw ON draw.tenant_id = p.tenant_id AND draw.property_id = p.property_id {only_draw}
  LEFT JOIN held ON held.property_id = p.property_id
  LEFT JOIN treated ON treated.property_id = p.property_id
  LEFT JOIN signed ON signed.property_id = p.property_id
  LEFT JOIN barred ON barred.property_id = p.property_id
  LEFT JOIN stopped ON stopped.property_id = p.property_id
 WHERE {where_p}
"""

_REFUSALS = """
SELECT s.property_id::text, s.channel, floor(extract(epoch FROM s.suppressed_at))::bigint AS from_s,
       ceil(extract(epoch FROM s.lifted_at))::bigint AS until_s
  FROM suppressions s WHERE (s.lifted_at IS NULL OR s.lifted_at > :now) {only_s}
"""

# Touches we made, steps to come, contacts handed over and not yet acknowledged (acknowledged ones are touches).
_CONTACTS = """
SELECT c.property_id::text, floor(extract(epoch FROM c."timestamp"))::bigint AS at_s, c.channel = 'door' AS is_visit
  FROM customer_journeys c WHERE c."timestamp" > :since AND c.channel <> ALL (:inbound) {only_c}
UNION ALL
SELECT b.property_id::text, floor(extract(epoch FROM b.handed_at))::bigint, false FROM nurture_outbox b
 WHERE b.handed_at > :since AND b.acknowledged_at IS NULL AND b.idempotency_key <> ALL (CAST(:without AS uuid[]))
       {only_b}
UNION ALL
SELECT j.property_id::text, floor(extract(epoch FROM j.completed_at))::bigint, true FROM jobs j
 WHERE j.completed_at > :since {only_j}
UNION ALL
SELECT j.property_id::text, floor(extract(epoch FROM e.happened_at))::bigint, true FROM job_events e
  JOIN jobs j ON j.tenant_id = e.tenant_id AND j.job_id = e.job_id
 WHERE e.happened_at > :since AND e.reach <> 'none' {only_j}
"""
_TO_COME = """
SELECT n.property_id::text, floor(extract(epoch FROM n.scheduled_at))::bigint AS at_s, false AS is_visit
  FROM nurture_sequences n
 WHERE n.status IN ('scheduled', 'due', 'paused') AND n.scheduled_at > :since
   AND n.sequence_id <> ALL (CAST(:without AS uuid[])) {only_n}
"""


@dataclass(frozen=True)
class Scope:
    """What one question is about: an open session, a storm, the company's limits, and the moment taken for now."""

    connection: Connection
    storm_id: str
    rules: Rules
    now: datetime

    @property
    def now_s(self) -> int:
        """Whole seconds since 1970 (UTC)."""
        return int(self.now.timestamp())

    def execute(self, statement: str, **values: object) -> int:
        """Run a statement; `:storm_id` and `:now` are filled in. Returns the rows it changed."""
        given = {"storm_id": self.storm_id, "now": self.now, **values}
        return self.connection.execute(text(statement), given).rowcount

    def frame(self, query: str, **values: object) -> pd.DataFrame:
        """The rows of a query; `:storm_id` and `:now` are filled in."""
        found = tenancy.frame(self.connection, query, {"storm_id": self.storm_id, "now": self.now, **values})
        return _in_utc(found)

    def bulk(self, query: str, **values: object) -> pd.DataFrame:
        """Like `frame` for hundreds of thousands of rows: see `tenancy.bulk_frame`; ids are selected as text."""
        found = tenancy.bulk_frame(self.connection, query, {"storm_id": self.storm_id, "now": self.now, **values})
        return _in_utc(found)


def _in_utc(found: pd.DataFrame) -> pd.DataFrame:
    """Moments in UTC, whatever zone the server speaks in: offsets that differ would make a column of objects."""
    for name in [str(column) for column in found.columns if str(column).endswith(("_at", "_until"))]:
        found[name] = pd.to_datetime(found[name], utc=True)
    return found


@dataclass(frozen=True)
class Facts:
    """People, and what a page shows of them: homes has property_id, address, city, zip_code, time_zone (the one that
    counts), expected_uplift, is_held, drawn_before, hash_share, in the order of `people`."""

    homes: pd.DataFrame
    people: People


def gather(
    scope: Scope,
    property_ids: Sequence[str],
    *,
    to_come: bool = True,
    without: Collection[str] = (),
    enrolled: Collection[str] = (),
    all_treated: bool = False,
) -> Facts:
    """Read everything the rules ask for, of these homes.

    Args:
        scope: The storm, the rules for draw and window, and the moment.
        property_ids: Homes of the tenant, each once; the result keeps their order.
        to_come: Whether pending steps count as contacts.
        without: Ids of steps that do not count, since they are the ones being placed.
        enrolled: Homes to be refused as 'already in this sequence'.
        all_treated: Whether all of them are treated for this storm, so that where there are many no others are read.
    """
    ids = pd.Index(list(property_ids))
    homes = _homes(scope, ids, all_treated=all_treated)
    zone_names, number, unknown = _zones(scope.connection, homes["time_zone"])
    query = _CONTACTS + (f"UNION ALL {_TO_COME}" if to_come else "")
    contacts = _read(scope, query, ids, since=_since(scope), inbound=list(INBOUND), without=list(without))
    contacts = _one_visit_a_day(contacts)
    refusals = _read(scope, _REFUSALS, ids)
    people = People(
        zone_names=zone_names,
        zone=number,
        clock_unknown=unknown,
        held_out=homes["is_held"].to_numpy(dtype=bool),
        converted=homes["signed"].to_numpy(dtype=bool),
        do_not_return=homes["barred"].to_numpy(dtype=bool),
        other=_other(homes, ids.isin(list(enrolled))),
        has_phone=homes["has_phone"].to_numpy(dtype=bool),
        has_email=homes["has_email"].to_numpy(dtype=bool),
        has_address=homes["has_address"].to_numpy(dtype=bool),
        contact_row=contacts["row"].to_numpy(dtype=np.intp),
        contact_at_s=contacts["at_s"].to_numpy(dtype=np.int64),
        refusal_row=refusals["row"].to_numpy(dtype=np.intp),
        refusal_channel=_channel_numbers(refusals["channel"]),
        refusal_from_s=refusals["from_s"].to_numpy(dtype=np.int64),
        refusal_until_s=_until(refusals["until_s"]),
    )
    shown = homes.assign(time_zone=np.array(zone_names, dtype=object)[number] if len(homes) else homes["time_zone"])
    return Facts(shown.drop(columns=["held", "treated", "signed", "barred", "stopped"]), people)


def with_steps_to_come(scope: Scope, facts: Facts) -> People:
    """The people of facts that were gathered without steps to come, with these as contacts too."""
    ids, people = pd.Index(facts.homes["property_id"]), facts.people
    steps = _read(scope, _TO_COME, ids, since=_since(scope), without=[])
    return replace(
        people,
        contact_row=np.concatenate([people.contact_row, steps["row"].to_numpy(dtype=np.intp)]),
        contact_at_s=np.concatenate([people.contact_at_s, steps["at_s"].to_numpy(dtype=np.int64)]),
    )


def _since(scope: Scope) -> datetime:
    return scope.now - timedelta(days=scope.rules.window_days + 2)


def _homes(scope: Scope, ids: pd.Index, *, all_treated: bool) -> pd.DataFrame:
    found = _read(scope, _HOMES, ids, among="treated.property_id IS NOT NULL" if all_treated else "true")
    found = found.set_index("row").sort_index().reset_index(drop=True)
    share = hash_share(found["property_id"].tolist(), scope.rules.holdout_salt)
    drawn_before = found["is_held"].notna().to_numpy()
    # Drawn before anything else, and once drawn for good.
    drawn = np.where(drawn_before, found["is_held"].eq(True).to_numpy(), share < scope.rules.holdout_share)
    held = found["held"].to_numpy(dtype=bool)
    return found.assign(is_held=held | drawn, is_drawn=drawn, drawn_before=drawn_before, hash_share=share)


def _other(homes: pd.DataFrame, enrolled: NDArray[np.bool_]) -> NDArray[np.int8]:
    code = np.where(homes["stopped"].to_numpy(dtype=bool), CODE["stopped by a person"], 0)
    code = np.where(enrolled, CODE["already in this sequence"], code)
    code = np.where(homes["treated"].to_numpy(dtype=bool), code, CODE["not treated for this storm"])
    return code.astype(np.int8)


def _zones(connection: Connection, wanted: pd.Series) -> tuple[list[str], NDArray[np.intp], NDArray[np.bool_]]:
    """Names of good zones, the number of each home's, and where none is good: the home's own, else the company's."""
    own = str(connection.execute(text("SELECT time_zone FROM tenants")).scalar_one())
    good = {name for name in wanted.dropna().unique() if zone(str(name)) is not None}
    fallback = own if zone(own) is not None else "UTC"
    names = [fallback, *sorted(good - {fallback})]
    number = {name: place for place, name in enumerate(names)}
    is_good = wanted.isin(list(good)).to_numpy()
    unknown = ~is_good & (zone(own) is None)
    return names, wanted.map(number).fillna(0).to_numpy(dtype=np.intp), unknown


def _until(lifted_s: pd.Series) -> NDArray[np.int64]:
    lifted = pd.to_numeric(lifted_s).to_numpy(dtype=np.float64, na_value=np.nan)
    until: NDArray[np.int64] = np.full(lifted.shape, FOR_EVER, dtype=np.int64)
    until[~np.isnan(lifted)] = lifted[~np.isnan(lifted)].astype(np.int64)
    return until


def _channel_numbers(channels: pd.Series) -> NDArray[np.int64]:
    number: dict[str, int] = {name: k for k, name in enumerate(CHANNELS)}
    return np.asarray(channels.map({"all": ALL_CHANNELS, **number}), dtype=np.int64)


def _one_visit_a_day(contacts: pd.DataFrame) -> pd.DataFrame:
    """What was written down of one visit counts once: a touch, a finished job, each status on the way."""
    visits = contacts["is_visit"].to_numpy(dtype=bool)
    day = contacts["at_s"] // 43_200  # half days: two visits of one day, morning and evening, are two
    again = contacts.assign(day=day)[visits].duplicated(["row", "day"])
    return contacts.drop(index=again.index[again])


def _read(scope: Scope, query: str, ids: pd.Index, *, among: str = "true", **values: object) -> pd.DataFrame:
    """The rows of these homes, with `row`, the place of each in `ids`; of many, the rows `among` which they are."""
    named = len(ids) <= _NAMED
    only = {
        f"only_{a}": f"AND {a}.property_id = ANY (CAST(:ids AS uuid[]))" if named else ""
        for a in (*"bcdejnos", "lu", "draw")
    }
    where = "p.property_id = ANY (CAST(:ids AS uuid[]))" if named else among
    found = scope.bulk(query.format(where_p=where, **only), **values, **({"ids": list(ids)} if named else {}))
    found["row"] = ids.get_indexer(pd.Index(found["property_id"]))
    return found[found["row"] >= 0]
