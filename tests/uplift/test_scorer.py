"""On the demo, whose truth is known, and on small worlds: train, measure, promote, score, trace."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sqlalchemy import text
from world import guests, make_world

from stormplay import demo as package
from stormplay import tenancy
from stormplay.errors import (
    ArtifactRefused,
    BadInput,
    Cancelled,
    NotAllowed,
    TooLittleData,
    UnknownModel,
    UnknownStorm,
    WrongColumns,
)
from stormplay.registry import ModelRegistry
from stormplay.uplift import UpliftScorer, cross_fit, features
from stormplay.uplift.actions import CHANNELS


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMPLAY_MODELS", str(tmp_path_factory.mktemp("models")))
        yield


# ---- the demo's truth


@pytest.fixture(scope="module")
def measured(demo):
    """Out-of-fold predictions for the demo's homes, with the true effect of each."""
    from datetime import UTC, datetime

    with tenancy.session("lone-star") as connection:
        arms = features.arms(connection)
        rows = features.past(connection, list(zip(arms["storm_id"], arms["slug"], strict=True)), datetime.now(UTC))
    fitted = cross_fit(rows.features, rows.treated, rows.signed, ["s", "t", "x", "dr", "response"], groups=rows.storm,
                       homes=rows.property_id)  # fmt: skip
    age = rows.features["roof_age_years"].fillna(12)
    return fitted, package.true_effect(rows.features["hail_in"], age), rows


def test_held_out_predictions_find_the_planted_effect(measured):
    fitted, truth, _ = measured
    for learner in ("s", "t", "x", "dr"):
        assert spearmanr(fitted.predicted[learner], truth).statistic > 0.5, learner


def test_they_are_nearer_to_the_truth_than_a_response_model(measured):
    """The demo's owners who sign anyway are those whom visits persuade, so a response model ranks them as well; but
    it says how many sign, not how many sign because of the visit."""
    fitted, truth, _ = measured
    error = {name: float(np.sqrt(np.mean((fitted.predicted[name] - truth) ** 2))) for name in fitted.predicted}
    assert max(error[name] for name in ("s", "t", "x", "dr")) < 0.9 * error["response"], error


def test_the_mean_prediction_of_the_main_storm_is_the_planted_effect(measured):
    fitted, _, rows = measured
    main = (rows.storm == package.MAIN_STORM).to_numpy()
    t, y = rows.treated[main], rows.signed[main]
    error = np.sqrt(y[t].var() / t.sum() + y[~t].var() / (~t).sum())
    planted = package.build().tenants["lone-star"].planted.set_index("storm").loc[package.MAIN_STORM, "average_effect"]
    for learner in ("t", "x", "dr"):
        assert abs(fitted.predicted[learner][main].mean() - planted) < 1.96 * error, learner


@pytest.fixture(scope="module")
def trained(fresh_demo):
    scorer = UpliftScorer("lone-star", package.MAIN_STORM)
    version = scorer.train()
    scorer.models.promote(version.version, "the first that was trained")
    return scorer, version


def test_a_trained_version_says_what_it_saw_and_how_well_it_does(trained):
    scorer, version = trained
    assert (version.model_name, version.source, version.params["learner"]) == ("uplift", "trained", "x")
    assert version.trained_on["storms"] == ["2016-03-17", "2020-04-28", "2021-04-28"]
    assert version.trained_on["homes"] == 3_600 and version.feature_names == features.FEATURES
    assert version.metrics["observed_low"] < 0.11 < version.metrics["observed_high"]
    assert 0.7 < version.metrics["reasons_r2"] <= 1
    card = str(scorer.models.trace(version.model_version))
    assert "signatures in a hundred homes" in card and "explain the model, not the world" in card
    assert "Qini coefficient" in card and "standard error" in card and version.data_fingerprint[:16] in card


def test_evaluating_says_the_same_again_and_notices_new_outcomes(trained):
    scorer, version = trained
    found = scorer.evaluate()
    assert found.metrics()["qini"] == pytest.approx(version.metrics["qini"])
    assert found.sentences() == version.metrics["sentences"]
    assert scorer.evaluate(version.version).verdict in ("better than chance", "too early to say")
    with tenancy.session("lone-star") as connection:
        connection.execute(text("""UPDATE policy_outcomes SET actual_converted = true, value_cents = 900000
                                    WHERE actual_converted IS NULL"""))  # fmt: skip
    assert any("have become known" in one for one in scorer.evaluate().sentences())


def test_a_storm_is_scored_whole_and_every_number_leads_to_its_model(trained):
    scorer, version = trained
    done = scorer.score()
    with tenancy.session("lone-star") as connection:
        rows = tenancy.frame(connection, """
            SELECT i.property_id, i.hail_in, p.roof_age_years, l.expected_uplift, l.next_best_action, l.model_version,
                   l.reasons, l.storm_id
              FROM property_impacts i JOIN lead_uplift l USING (tenant_id, property_id)
              JOIN properties p USING (tenant_id, property_id) WHERE i.storm_id = :storm""",
            {"storm": scorer.storm_id})  # fmt: skip
        refused = tenancy.frame(connection, "SELECT property_id, channel FROM suppressions WHERE lifted_at IS NULL")
        others = tenancy.frame(connection, """SELECT DISTINCT model_version FROM lead_uplift WHERE property_id NOT IN
                (SELECT property_id FROM property_impacts WHERE storm_id = :s)""", {"s": scorer.storm_id})  # fmt: skip
    assert done.homes == done.written == len(rows) and set(rows["model_version"]) == {"uplift@1"}
    assert set(rows["storm_id"]) == {scorer.storm_id} and rows["expected_uplift"].between(-1, 1).all()
    assert done.mean_uplift == pytest.approx(rows["expected_uplift"].mean(), abs=1e-5)
    assert rows["next_best_action"].value_counts().to_dict() == done.actions
    _never_refused(rows, refused)
    lists = rows["reasons"].tolist()
    assert all(len(one) <= 3 and all(said.endswith(("point", "points")) for said in one) for one in lists)
    assert sum(bool(one) for one in lists) > 0.9 * len(lists) and done.reasons_r2 > 0.7
    truth = package.true_effect(rows["hail_in"], rows["roof_age_years"].where(rows["roof_age_years"] < 100, 12))
    assert spearmanr(rows["expected_uplift"], truth).statistic > 0.5
    assert scorer.models.trace(rows["model_version"][0]).version == version
    # Homes outside the swath keep what was believed of them, which is traced as well.
    assert others["model_version"].tolist() == ["demo-planted-1"]
    assert "planted with the demo" in str(scorer.models.trace("demo-planted-1")).lower()


def _never_refused(rows, refused):
    needs = {"door_visit": "door", "call": "call", "text": "text", "email": "email", "mail": "mail"}
    no = refused.groupby("property_id")["channel"].agg(set)
    for home, action in zip(rows["property_id"], rows["next_best_action"], strict=True):
        said = no.get(home, set())
        assert needs.get(action) not in said and (action == "wait" or "all" not in said)
    assert set(refused["channel"]) <= set(CHANNELS)


def test_the_small_tenant_is_told_that_it_is_too_early(trained):
    with pytest.raises(TooLittleData, match=r"of \d+ held-out homes 8 signed. Expected 10 or more"):
        UpliftScorer("trinity", package.MAIN_STORM).train()
    with pytest.raises(UnknownModel, match="has no champion yet"):
        UpliftScorer("trinity", package.MAIN_STORM).score()


# ---- small worlds


@pytest.fixture
def company(database):
    """A storm of 500 homes whose outcomes are known, where old roofs are persuaded."""
    made = make_world(treat=350, hold_out=150, skip=20, suppressed=5, without_place=0, seed=3)
    rng = np.random.default_rng(0)
    age = rng.integers(0, 30, len(made.properties))
    with tenancy.session(made.tenant) as connection:
        for home, years in zip(made.properties["property_id"], age, strict=True):
            connection.execute(text("UPDATE properties SET roof_age_years = :age WHERE property_id = :home"),
                               {"age": int(years), "home": home})  # fmt: skip
        rows = tenancy.frame(
            connection, "SELECT property_id, decision FROM policy_decisions_log WHERE decision <> 'skip'"
        )
        years = rows["property_id"].map(dict(zip(made.properties["property_id"], age, strict=True)))
        chance = 0.15 + 0.4 * ((rows["decision"] == "treat") & (years > 12))
        tenancy.insert(connection, "policy_outcomes", pd.DataFrame({
            "property_id": rows["property_id"], "storm_id": made.storm_id,
            "actual_converted": rng.random(len(rows)) < chance,
        }))  # fmt: skip
    return made


def beliefs(company):
    with tenancy.session(company.tenant) as connection:
        return tenancy.frame(connection, "SELECT * FROM lead_uplift ORDER BY property_id")


def test_the_same_data_give_the_same_scores(company):
    scorer = UpliftScorer(company.tenant, company.storm)
    seen = []
    for _ in range(2):
        version = scorer.train("t", base="linear", seed=5)
        scorer.score(version.version)
        seen.append(beliefs(company).drop(columns=["model_version", "scored_at"]).to_json())
    assert seen[0] == seen[1]
    assert scorer.models.versions()["data_fingerprint"].nunique() == 1


def test_a_challenger_is_scored_by_name_and_only_then(company):
    scorer = UpliftScorer(company.tenant, company.storm)
    scorer.train("t", base="linear")
    with pytest.raises(UnknownModel, match="no champion yet"):
        scorer.score()
    assert set(beliefs(company)["model_version"]) == {"test"}
    assert scorer.score("uplift@1").model_version == "uplift@1"
    assert scorer.evaluate().learner == "t"


def test_a_belief_about_a_later_storm_stays(company):
    scorer = UpliftScorer(company.tenant, company.storm)
    version = scorer.train("t", base="linear")
    kept = company.properties["property_id"][:7].tolist()
    with tenancy.session(company.tenant) as connection:
        connection.execute(text("INSERT INTO storms (slug, name, event_date) VALUES ('next', 'Next', '2022-05-01')"))
        connection.execute(text("""UPDATE lead_uplift SET storm_id = (SELECT storm_id FROM storms WHERE slug = 'next')
                                    WHERE property_id = ANY (CAST(:ids AS uuid[]))"""), {"ids": kept})  # fmt: skip
    done = scorer.score(version.version)
    assert (done.homes, done.written) == (520, 513)
    found = beliefs(company)
    assert set(found[found["model_version"] == "test"]["property_id"]) == set(kept)


def test_a_failed_scoring_changes_nothing(company, monkeypatch):
    from stormplay.uplift import writing

    scorer = UpliftScorer(company.tenant, company.storm)
    version = scorer.train("t", base="linear")
    before = beliefs(company).to_json(date_format="iso")
    monkeypatch.setattr(writing, "CHUNK", 100)
    texts, calls = writing._texts, []
    monkeypatch.setattr(writing, "_texts", lambda values: calls.append(1) or (1 / (len(calls) < 3) and texts(values)))
    with pytest.raises(ZeroDivisionError):
        scorer.score(version.version)
    assert len(calls) == 3 and beliefs(company).to_json(date_format="iso") == before
    monkeypatch.undo()


def test_roles(company, as_person):
    scorer = UpliftScorer(company.tenant, company.storm)
    scorer.models.promote(scorer.train("t", base="linear").version, "first")
    with guests(company.tenant, "operator", "ana"):
        as_person("ana")
        for attempt in (scorer.train, scorer.score):
            with pytest.raises(NotAllowed):
                attempt()
        assert scorer.evaluate().verdict
        assert set(beliefs(company)["model_version"]) == {"test"}


def test_names_that_are_not_there(company):
    with pytest.raises(UnknownStorm):
        UpliftScorer(company.tenant, "1999-01-01")
    scorer = UpliftScorer(company.tenant, company.storm)
    with pytest.raises(UnknownStorm):
        scorer.train(storms=["1999-01-01"])
    with pytest.raises(UnknownModel, match="uplift@4"):
        scorer.score(4)


def test_a_model_of_other_columns_is_not_forced_onto_ours(company, monkeypatch):
    scorer = UpliftScorer(company.tenant, company.storm)
    version = scorer.train("t", base="linear")
    monkeypatch.setattr(features, "FEATURES", (*features.FEATURES[:-1],))
    with pytest.raises(WrongColumns, match="without 'channels_refused'"):
        scorer.score(version.version)


def test_an_artifact_that_was_changed_scores_nothing(company):
    from pathlib import Path

    from stormplay import store
    from stormplay.registry import seal, shelf

    scorer = UpliftScorer(company.tenant, company.storm)
    version = scorer.train("t", base="linear")
    with tenancy.session(company.tenant) as connection:
        _, path = store.locate(shelf.place(), seal.key(connection), version.artifact)
    Path(path).write_bytes(b"something else")
    with pytest.raises(ArtifactRefused, match="hash differs"):
        scorer.score(version.version)
    assert set(beliefs(company)["model_version"]) == {"test"}


def test_a_storm_without_homes_is_scored_to_nothing(company):
    scorer = UpliftScorer(company.tenant, company.storm)
    version = scorer.train("t", base="linear")
    with tenancy.session(company.tenant) as connection:
        connection.execute(text("INSERT INTO storms (slug, name, event_date) VALUES ('dry', 'Dry', '2022-05-01')"))
    done = UpliftScorer(company.tenant, "dry").score(version.version)
    assert (done.homes, done.written, done.actions) == (0, 0, {})


def test_two_versions_are_compared_on_the_same_homes(company):
    scorer = UpliftScorer(company.tenant, company.storm)
    first, second, third = (scorer.train(learner, base="linear") for learner in ("t", "t", "s"))
    with pytest.raises(UnknownModel, match="no champion yet"):
        scorer.compare()
    scorer.models.promote(first.version, "the first")
    found = scorer.compare()
    assert (found.one, found.other) == (third.model_version, first.model_version)
    assert set(found.ranking.table["name"]) == {"uplift@1", "uplift@3", "response"}
    assert found.low < found.difference < found.high and found.one in found.sentence and "500 homes" in found.sentence
    twins = scorer.compare(second.version)
    assert (twins.word, twins.difference) == ("cannot tell apart", 0) and "in the same way" in twins.sentence
    with pytest.raises(BadInput, match="with itself"):
        scorer.compare(1, 1)


def test_training_tells_how_far_it_is_and_stops_when_asked(company):
    scorer, told = UpliftScorer(company.tenant, company.storm), []
    with pytest.raises(Cancelled):
        scorer.train("t", base="linear", progress=lambda share, doing: told.append((share, doing)) or len(told) < 3)
    assert scorer.models.versions().empty and [share for share, _ in told] == sorted(share for share, _ in told)
    version = scorer.train("t", base="linear", progress=lambda *_: True)
    assert version.metrics["strongest"][0]["feature"] == "roof_age_years"
    curve = version.metrics["curves"]["t"]
    assert curve["share"][0] == 0 and curve["share"][-1] == 1 and len(curve["gain"]) == len(curve["share"]) <= 26


def test_metrics_are_plain_json(company):
    version = UpliftScorer(company.tenant, company.storm).train("t", base="linear")
    assert json.loads(json.dumps(dict(version.metrics), allow_nan=False)) == version.metrics
    assert ModelRegistry(company.tenant).trace("uplift@1").version == version
