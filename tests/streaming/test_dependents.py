"""Beliefs that rest on the stream are scored anew, those homes alone, and what is due is never forgotten."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text
from streamed import as_service, impacted, make_streamed, records, run, service  # noqa: F401 - a fixture

from stormplay import database as db
from stormplay import registry, tenancy, uplift
from stormplay.streaming import dependents
from stormplay.uplift import reasons
from stormplay.uplift.features import FEATURES


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMPLAY_MODELS", str(tmp_path_factory.mktemp("models")))
        yield


@pytest.fixture(scope="module")
def payload():
    """A model of which one can say beforehand that more hail is more uplift."""
    rng = np.random.default_rng(0)
    n = 600
    table = pd.DataFrame({name: rng.random(n) for name in FEATURES})
    table["sii_score"] = rng.random(n) * 100
    table["hail_in"] = 0.5 + table["sii_score"] / 40
    table["roof_material"] = rng.choice(["asphalt", "metal"], n)
    treated = rng.random(n) < 0.5
    signed = (rng.random(n) < 0.05 + treated * table["sii_score"] / 130).astype(float)
    model = uplift.fit(table, treated, signed, "s", 0, base="linear")
    learnt = reasons.learn(model.encoding, table, model.predict(table), 0)
    return {**model.to_payload(), "reasons": learnt.to_plain()}, model.feature_names


def promote(world, payload):
    with tenancy.session(world.world.tenant) as connection:
        registry.register(connection, "uplift", payload[0], purpose="test", code_version="1",
                          feature_names=payload[1], alias="champion")  # fmt: skip


def beliefs(world):
    return dict(world.ask("SELECT property_id::text, model_version FROM lead_uplift"))


def test_only_the_changed_homes_are_scored_and_once(service, payload):  # noqa: F811
    world = make_streamed()
    promote(world, payload)
    tenant, storm = world.world.tenant, world.world.storm
    hit = world.homes[:2]
    run(service, records(world.topic, [impacted(hit[0], 95), impacted(hit[1], 5)]))
    with as_service(service) as connection:
        assert (world.tenant_id, world.world.storm_id) in dependents.due(connection)
    assert dependents.standing(tenant, storm).due == 2
    assert dependents.rescore(world.tenant_id, world.world.storm_id, address=service) == 2
    assert {home for home, version in beliefs(world).items() if version == "uplift@1"} == set(hit)
    sizes = dict(world.ask("SELECT property_id::text, expected_uplift FROM lead_uplift"))
    assert sizes[hit[0]] > sizes[hit[1]]
    found = dependents.standing(tenant, storm)
    assert (found.due, found.model_version) == (0, "uplift@1")
    assert dependents.rescore(tenant, storm, address=service) == 0
    with as_service(service) as connection:
        assert (world.tenant_id, world.world.storm_id) not in dependents.due(connection)
    old = impacted(world.homes[3], 50)
    run(service, records(world.topic, [old, impacted(world.homes[3], 60)]))
    assert dependents.standing(tenant, storm).due == 1
    assert dependents.rescore(tenant, storm, address=service) == 1


def test_without_a_champion_the_homes_stay_due(service, payload):  # noqa: F811
    world = make_streamed()
    run(service, records(world.topic, [impacted(world.homes[0], 95)]))
    assert dependents.rescore(world.world.tenant, world.world.storm, address=service) == 0
    found = dependents.standing(world.world.tenant, world.world.storm)
    assert (found.due, found.rescored_at, found.model_version) == (1, None, None)
    promote(world, payload)
    assert dependents.rescore(world.world.tenant, world.world.storm, address=service) == 1


def test_who_is_killed_between_scoring_and_writing_leaves_it_due(service, payload, monkeypatch):  # noqa: F811
    world = make_streamed()
    promote(world, payload)
    run(service, records(world.topic, [impacted(world.homes[0], 95)]))
    with monkeypatch.context() as patch:
        patch.setattr(dependents, "_MARK", "SELECT 1 / 0")
        with pytest.raises(Exception, match="division by zero"):
            dependents.rescore(world.world.tenant, world.world.storm, address=service)
    assert set(beliefs(world).values()) == {"test"}, "nor are the beliefs there"
    assert dependents.rescore(world.world.tenant, world.world.storm, address=service) == 1


def test_what_is_committed_late_is_not_missed(service, payload):  # noqa: F811
    """A transaction that began before the scoring and commits after it."""
    from stormplay.streaming.applying import apply

    world = make_streamed()
    promote(world, payload)
    with db.transaction(service) as connection:
        apply(connection, "late", records(world.topic, [impacted(world.homes[0], 95)], partition=1))
        run(service, records(world.topic, [impacted(world.homes[1], 95)], first=7))
        dependents.rescore(world.world.tenant, world.world.storm, address=service)
    dependents.rescore(world.world.tenant, world.world.storm, address=service)
    assert sum(version == "uplift@1" for version in beliefs(world).values()) == 2


def test_a_mark_of_another_server_begins_anew(service, payload):  # noqa: F811
    world = make_streamed()
    promote(world, payload)
    run(service, records(world.topic, [impacted(world.homes[0], 95)]))
    dependents.rescore(world.world.tenant, world.world.storm, address=service)
    with db.transaction(db.admin_url()) as connection:
        connection.execute(text("UPDATE stream_rescores SET done_until = '9000000000000'::xid8"))
    run(service, records(world.topic, [impacted(world.homes[1], 95)], first=5))
    assert dependents.rescore(world.world.tenant, world.world.storm, address=service) == 2
