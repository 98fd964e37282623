"""The notebook of the treatment over a real database: live and headless, and its numbers against the libraries' own."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import papermill
import pytest
from sqlalchemy import text
from world import make_world

from stormplay import TreatmentPolicy, accounts, controls, experiments, list_storms, registry, reports, tenancy, uplift

TREATMENT = Path(__file__).resolve().parents[2] / "notebooks" / "treatment.ipynb"

SECTIONS = ("header", "answer", "choose", "worked", "evidence", "who", "change", "take_along", "believe", "models")


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMPLAY_MODELS", str(tmp_path_factory.mktemp("models")))
        yield


@pytest.fixture(scope="module")
def world(database):
    """A storm of 500 homes whose outcomes are known, where old roofs are persuaded."""
    made = make_world(treat=350, hold_out=150, skip=20, suppressed=5, without_place=0, seed=3)
    rng = np.random.default_rng(0)
    old = pd.Series(rng.random(len(made.properties)) < 0.5, index=made.properties["property_id"])
    with tenancy.session(made.tenant) as connection:
        update = text("UPDATE properties SET roof_age_years = 22 WHERE property_id = ANY (CAST(:old AS uuid[]))")
        connection.execute(update, {"old": old.index[old].tolist()})
        rows = tenancy.frame(connection, "SELECT property_id::text, decision FROM policy_decisions_log")
        rows = rows[rows["decision"] != "skip"]
        chance = 0.15 + 0.4 * ((rows["decision"] == "treat") & rows["property_id"].map(old))
        tenancy.insert(connection, "policy_outcomes", pd.DataFrame({
            "property_id": rows["property_id"], "storm_id": made.storm_id,
            "actual_converted": rng.random(len(rows)) < chance,
        }))  # fmt: skip
    return made


def opened(tenant, storm="hail", **options):
    return controls.treatment(
        tenant, storm, policy=TreatmentPolicy, experiment=experiments.Experiment, models=registry.ModelRegistry,
        scorer=uplift.UpliftScorer, tenants=tenancy.my_tenants, storms=list_storms, **options,
    )  # fmt: skip


def recorded(path):
    outputs = [out for cell in nbformat.read(path, as_version=4).cells for out in cell.get("outputs", [])]
    assert not [out for out in outputs if out.output_type in ("error", "stream")]
    (found,) = [out.data[controls.MIME] for out in outputs if controls.MIME in out.get("data", {})]
    return found


def agrees(found, world):
    policy = TreatmentPolicy(world.tenant, "hail")
    would = policy.dry_run()
    counts = policy.ledger().groupby("decision")["homes"].sum()
    assert [found[name] for name in ("treated", "held_out", "skipped")] == counts[
        ["treat", "hold_out", "skip"]
    ].tolist()
    assert found["eligible"] == counts.sum() and found["would_change"] == would.changed
    read = experiments.Experiment(world.tenant, "hail").read_out()
    assert found["verdict"] == read.verdict.word
    assert found["difference_low"] == pytest.approx(read.difference.low, abs=1e-5)
    return True


def test_headless_it_says_what_the_libraries_say_and_stays_small(world, tmp_path):
    made = reports.run(TREATMENT, {"tenant": world.tenant, "storm": "hail"}, tmp_path)
    html, book = made.html.read_text(), made.notebook.read_text()
    assert agrees(recorded(made.notebook), world)
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))
    assert "Of 520 homes 350 are treated, 150 held out and 20 skipped." in said and "synthetic" in said
    assert "comes from test, which is not registered" in said
    assert len(html) < 2_000_000 and html.count('class="sp-plotly"') == 1
    assert "TreatmentPolicy(" not in html and not re.search(r"k_[0-9a-f]{32}|postgresql://", html + book)
    assert (
        "jupyter.widget-view" not in json.dumps(nbformat.read(made.notebook, as_version=4)) and "sp-plotly" not in book
    )


def test_live_it_runs_from_the_first_cell_to_the_last(world, tmp_path):
    target = tmp_path / "live.ipynb"
    parameters = {"tenant": world.tenant, "storm": "hail", "crew_days": 1.0}
    papermill.execute_notebook(str(TREATMENT), str(target), parameters, progress_bar=False, kernel_name="python3")
    found = recorded(target)
    assert found["eligible"] == 520 and found["would_change"] is not None
    assert "jupyter.widget-view" in json.dumps(nbformat.read(target, as_version=4))


def run(work):
    async def press():
        work.start()
        await asyncio.wait_for(work.task, 60)

    asyncio.run(press())
    return work.message.text


def test_from_a_trained_model_to_a_policy_that_is_applied(world, monkeypatch):
    """Train, promote, score, try out, apply: the page follows each step, and so does the database."""
    monkeypatch.delenv("QUERY_STRING", raising=False)
    page = opened(world.tenant)
    assert "uplift@1 is trained and waits as challenger" in run(page.training.train)
    page.training.reason.value = "the first one"
    page.training.promote.click()
    assert page.recorded()["champion"] == "uplift@1"
    assert "homes scored by uplift@1" in run(page.training.score)
    assert "The expected uplift comes from uplift@1, the champion, trained on 500 homes" in page._html["answer"].value
    page.form.uplift_min.value = 1.0
    would = page.treatment.trial.would
    assert would.changed > 0 and page.recorded()["runs"] == 0
    assert f"writes these {would.changed:,} changes at once" in page.applying._for_good.value
    assert "Run 1 is written." in run(page.applying.work)
    policy = TreatmentPolicy(world.tenant, "hail")
    assert len(policy.history()) == 1 and policy.dry_run(page.treatment.trial.rules).changed == 0
    assert page.recorded()["would_change"] == 0 and page.form.holdout.disabled
    page.form.uplift_min.value = 50.0
    assert "keep their arm, since their outcome is known." in page._html["changes"].value


def test_who_may_not_decide_is_told_and_the_database_refuses_besides(world, as_person, monkeypatch):
    monkeypatch.delenv("QUERY_STRING", raising=False)
    accounts.add_person("tp-operator", "Op", "long-enough-1")
    accounts.add_member("tp-operator", world.tenant, "operator")
    before = len(TreatmentPolicy(world.tenant, "hail").history())
    as_person("tp-operator")
    page = opened(world.tenant)
    assert page.message.text == "" and page.recorded()["eligible"] == 520
    assert page.applying._writing.layout.display == page.training.widget.layout.display == "none"
    page.form.uplift_min.value = 2.0
    assert page.treatment.trial.would is not None
    said = [run(page.applying.work), run(page.training.train)]
    assert all("analyst" in one or "may" in one for one in said), said
    assert len(TreatmentPolicy(world.tenant, "hail").history()) == before


@pytest.mark.parametrize("interactive", [True, False])
def test_a_storm_without_a_home_is_no_error(interactive, database):
    empty = make_world(treat=0, hold_out=0, skip=0, suppressed=0, without_place=0)
    page = opened(empty.tenant, interactive=interactive)
    for name in SECTIONS:
        assert getattr(page, name)() is not None
    assert page.recorded()["eligible"] == 0 and page.recorded()["would_change"] is None
