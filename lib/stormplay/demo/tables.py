"""The demo's homes as rows of the product's tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stormplay.demo import decisions, people
from stormplay.demo.cast import MAIN_STORM, STORMS, Storm
from stormplay.demo.streets import Rng
from stormplay.demo.truth import base_rate, true_effect
from stormplay.policy.changes import ledger
from stormplay.storms import impact_index


def storms() -> pd.DataFrame:
    """The table storms, the main one first."""
    return pd.DataFrame([{"slug": s.slug, "name": s.name, "status": s.status, "event_date": s.day} for s in STORMS])


def refused_by(homes: pd.DataFrame, said_no: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Per channel, which homes refused it before the first storm."""
    return {
        channel: homes["property_id"].isin(said_no.loc[said_no["channel"] == channel, "property_id"]).to_numpy()
        for channel in people.REFUSALS
    }


def impacts(storm: Storm, hit: pd.DataFrame) -> pd.DataFrame:
    """property_impacts: homes inside the modelled swath, with hail_in (inches) and sii_score."""
    inside = hit.loc[hit["hail_in"] > 0, ["property_id", "hail_in"]]
    return inside.assign(sii_score=impact_index(inside["hail_in"]).round(1), storm=storm.slug)


def planted(storm: Storm, arms: pd.DataFrame) -> pd.DataFrame:
    """One row: the arms of a storm and the ground truth averaged over both."""
    effect = true_effect(arms["hail_in"], arms["roof_age_years"])
    base = base_rate(arms["hail_in"], arms["roof_age_years"])
    return pd.DataFrame(
        {
            "storm": [storm.slug],
            "treat": [int((arms["decision"] == "treat").sum())],
            "hold_out": [int((arms["decision"] == "hold_out").sum())],
            "average_effect": [float(effect.mean())],
            "average_base_rate": [float(base.mean())],
        }
    )


def decided_at(storm: Storm) -> pd.Timestamp:
    """When the demo decided: on the second day at 13:00 in Texas."""
    return storm.midnight + pd.Timedelta(hours=42)


def decisions_log(storm: Storm, decided: pd.DataFrame, run_id: str) -> pd.DataFrame:
    """The table policy_decisions_log."""
    return decided.assign(
        storm=storm.slug, model_version=decisions.MODEL_VERSION, decided_at=decided_at(storm), run_id=run_id
    )


def policy_draw(storm: Storm) -> pd.DataFrame:
    """The table policy_draws: one row."""
    row = {"salt": storm.slug, "holdout_share": decisions.RULES.holdout_share, "drawn_by": "demo"}
    return pd.DataFrame([{**row, "drawn_at": decided_at(storm), "storm": storm.slug}])


def policy_run(storm: Storm, decided: pd.DataFrame, run_id: str) -> pd.DataFrame:
    """The table policy_runs: one row, the first run of a storm."""
    count = decided["decision"].value_counts()
    row = {
        "run_id": run_id, "run_number": 1, "rules": decisions.RULES.to_mapping(), "salt": storm.slug,
        "holdout_share": decisions.RULES.holdout_share, "model_version": decisions.MODEL_VERSION,
        "eligible": len(decided), "treated": int(count["treat"]), "held_out": int(count["hold_out"]),
        "skipped": int(count["skip"]), "changed": len(decided), "ledger": ledger(decided).to_dict("records"),
        "made_by": "demo", "made_at": decided_at(storm), "storm": storm.slug,
    }  # fmt: skip
    return pd.DataFrame([row])


def beliefs(homes: pd.DataFrame, refused: dict[str, NDArray[np.bool_]]) -> pd.DataFrame:
    """The table lead_uplift: the belief in force, which is about the main storm."""
    return homes[["property_id", "expected_uplift"]].assign(
        storm=MAIN_STORM,
        next_best_action=decisions.next_actions(homes, refused),
        model_version=decisions.MODEL_VERSION,
    )


def later_refusals(rng: Rng, homes: pd.DataFrame) -> pd.DataFrame:
    """About 1 % of the homes to be treated said no to visits after the decision was made."""
    treated = homes.loc[homes["decision"] == "treat", ["property_id"]]
    later = treated[rng.random(len(treated)) < 0.01]
    days = pd.to_timedelta(rng.integers(3, 20, len(later)), unit="D")
    return later.assign(
        channel="door",
        reason="do_not_knock: asked after the storm for no visits",
        suppressed_at=STORMS[0].midnight + pd.Timedelta(hours=16) + days,
    )


def properties(rng: Rng, homes: pd.DataFrame) -> pd.DataFrame:
    """The table properties, telephone numbers as people write them."""
    columns = [
        "property_id",
        "address",
        "city",
        "zip_code",
        "latitude",
        "longitude",
        "owner_name",
        "email",
        "roof_age_years",
        "roof_material",
        "roof_area_sqft",
        "home_value_cents",
    ]
    return homes[columns].assign(
        phone=people.format_phones(rng, homes["phone_e164"]), time_zone="America/Chicago", is_synthetic=True
    )
