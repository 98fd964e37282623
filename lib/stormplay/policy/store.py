"""The writing of one `apply`: be alone with the storm, say the draw once, then the run and what it changed."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from stormplay import database
from stormplay.errors import ArmFixed, Conflict
from stormplay.policy.rules import Rules

PATIENCE_S = 10  # for whoever is just writing down a job or a touch of the storm

_BUSY = ("55P03",)  # lock not available: at once, or after the patience

_RUN = """
INSERT INTO policy_runs (storm_id, run_number, rules, salt, holdout_share, model_version, eligible, treated, held_out,
                         skipped, changed, ledger, made_by)
VALUES (:storm_id, (SELECT coalesce(max(run_number), 0) + 1 FROM policy_runs WHERE storm_id = :storm_id),
        CAST(:rules AS jsonb), :salt, :holdout_share, :model_version, :eligible, :treated, :held_out, :skipped,
        :changed, CAST(:ledger AS jsonb), :made_by)
RETURNING run_id::text, run_number
"""
# One array a column, written as one text: a list of a hundred thousand values is read more slowly than it is stored.
_ROWS = """unnest(CAST(:ids AS uuid[]), CAST(:decisions AS text[]), CAST(:reasons AS integer[]),
              CAST(:versions AS integer[])) AS v (property_id, decision, reason, version)"""
_NAMED = """decision = v.decision, reason = (CAST(:reason_names AS text[]))[v.reason],
       model_version = (CAST(:version_names AS text[]))[v.version]"""
# Ids with the run's moment in front, as uuidv7() has it, and a hash behind: random ones take as long as the storing.
_INSERT = f"""
INSERT INTO policy_decisions_log (tenant_id, decision_id, storm_id, property_id, decision, reason, model_version,
                                  run_id)
SELECT :tenant_id, CAST(left(:run_id, 18) || '-8' || left(h.hash, 3) || '-' || right(h.hash, 12) AS uuid), :storm_id,
       v.property_id, v.decision, (CAST(:reason_names AS text[]))[v.reason],
       (CAST(:version_names AS text[]))[v.version], CAST(:run_id AS uuid)
  FROM {_ROWS}
 CROSS JOIN LATERAL (SELECT md5(CAST(v.property_id AS text)) AS hash) h
"""  # noqa: S608 - own words
_UPDATE = f"""
UPDATE policy_decisions_log d
   SET {_NAMED}, run_id = CAST(:run_id AS uuid), decided_at = now()
  FROM {_ROWS}
 WHERE d.tenant_id = :tenant_id AND d.storm_id = :storm_id AND d.property_id = v.property_id
"""  # noqa: S608 - own words


@dataclass(frozen=True)
class Draw:
    """By which salt and at which share a storm's control group was drawn."""

    salt: str
    holdout_share: float


def be_alone(connection: Connection, storm_id: str) -> None:
    """Be the only one who decides, plans or works in this storm until the transaction ends.

    Who plans routes holds the storm for long and is not waited for; who writes down a job or a touch is.

    Raises:
        Conflict: Somebody else is deciding or planning, or does not come to an end.
    """
    try:
        connection.execute(text("SELECT FROM storms WHERE storm_id = :id FOR NO KEY UPDATE NOWAIT"), {"id": storm_id})
        connection.execute(text("SELECT set_config('lock_timeout', :s, true)"), {"s": f"{PATIENCE_S}s"})
        connection.execute(text("SELECT FROM storms WHERE storm_id = :id FOR UPDATE"), {"id": storm_id})
        connection.execute(text("SELECT set_config('lock_timeout', '0', true)"))
    except DBAPIError as error:
        if database.sqlstate(error) not in _BUSY:
            raise
        raise Conflict(
            "Somebody else is deciding, planning or working in this storm right now.",
            remedy="Nothing was changed; wait until they are done, then look at it again.",
        ) from None


def drawn(connection: Connection, storm_id: str) -> Draw | None:
    """The storm's draw; None: it has had no run yet."""
    query = text("SELECT salt, holdout_share FROM policy_draws WHERE storm_id = :id")
    found = connection.execute(query, {"id": storm_id}).one_or_none()
    return None if found is None else Draw(found.salt, float(found.holdout_share))


def with_draw(rules: Rules, slug: str, draw: Draw | None) -> Rules:
    """The rules to decide with, their salt as it is hashed: the storm's slug, and the company's word where it has one.

    Raises:
        ArmFixed: The storm was drawn with another salt or share.
    """
    salt = slug if not rules.salt else f"{slug}/{rules.salt}"
    wanted = Draw(salt, float(rules.holdout_share))
    if draw is not None and wanted != draw:
        raise ArmFixed(
            f"The control group of this storm was drawn by its first run: {_said(draw)}, not {_said(wanted)}.",
            "Share and salt of a storm stay what they were.",
            "Save the rules without applying them here: they hold from the next storm on.",
        )
    return replace(rules, salt=salt)


def own_word(draw: Draw, slug: str) -> str:
    """The company's word in a storm's salt: what `with_draw` made the salt from."""
    return draw.salt.removeprefix(slug).removeprefix("/")


def store(
    connection: Connection, storm_id: str, rules: Rules, run: dict[str, Any], homes: pd.DataFrame
) -> tuple[str, int]:
    """Write a run and the decisions that it changes.

    Args:
        connection: An open session that is alone with the storm.
        storm_id: The storm.
        rules: As decided with; the salt as hashed.
        run: rules and ledger (plain JSON), model_version, eligible, treated, held_out, skipped, made_by.
        homes: What changes: property_id, is_new, decision, reason, model_version.

    Returns:
        The run's id and its number in the storm.
    """
    common = {"storm_id": storm_id, "salt": rules.salt, "holdout_share": float(rules.holdout_share)}
    connection.execute(
        text("""INSERT INTO policy_draws (storm_id, salt, holdout_share, drawn_by)
                VALUES (:storm_id, :salt, :holdout_share, :made_by) ON CONFLICT (tenant_id, storm_id) DO NOTHING"""),
        {**common, "made_by": run["made_by"]},
    )
    values = {
        **run,
        "rules": json.dumps(rules.to_mapping()),
        "ledger": json.dumps(run["ledger"]),
        "changed": len(homes),
    }
    run_id, number = connection.execute(text(_RUN), {**common, **values}).one()
    for statement, part in ((_INSERT, homes[homes["is_new"]]), (_UPDATE, homes[~homes["is_new"]])):
        if len(part):
            given = {"tenant_id": connection.info["tenant_id"], "storm_id": storm_id, "run_id": run_id}
            connection.execute(text(statement), {**given, **_columns(part)})
    return str(run_id), int(number)


def _columns(homes: pd.DataFrame) -> dict[str, object]:
    reasons, reason_names = pd.factorize(homes["reason"])
    versions, version_names = pd.factorize(homes["model_version"])
    return {
        "ids": "{" + ",".join(homes["property_id"].tolist()) + "}",
        "decisions": "{" + ",".join(homes["decision"].tolist()) + "}",
        "reasons": "{" + ",".join(map(str, (reasons + 1).tolist())) + "}",
        "versions": "{" + ",".join(map(str, (versions + 1).tolist())) + "}",
        "reason_names": list(map(str, reason_names)),
        "version_names": list(map(str, version_names)),
    }


def _said(draw: Draw) -> str:
    return f"{draw.holdout_share * 100:g} % by the salt '{draw.salt}'"
