"""All storms of somebody's companies: how each stands, what comes first, and nothing of another company's."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from world import as_administrator, guests, make_world

from stormplay import StormPlayScore, accounts, clock, home, tenancy
from stormplay.errors import UnknownStorm, UnknownTenant
from stormplay.home import next_step
from stormplay.score import Counts


@pytest.fixture(scope="module")
def worlds(database):
    """Two companies with a storm each; the first has a closed one and an empty one too."""
    mine, foreign = (make_world(treat=8, hold_out=2, skip=2, suppressed=0, without_place=0) for _ in range(2))
    with tenancy.session(mine.tenant) as connection:
        for slug, status, day in (("old", "closed", "2022-01-01"), ("coming", "watching", "2019-01-01")):
            connection.execute(text("INSERT INTO storms (slug, name, status, event_date) VALUES (:s, :s, :t, :d)"),
                               {"s": slug, "t": status, "d": day})  # fmt: skip
    return mine, foreign


def tenant_id(tenant):
    with tenancy.session(tenant) as connection:
        return connection.scalar(text("SELECT tenant_id::text FROM tenants"))


@pytest.fixture
def member(worlds, as_person):
    """ana, a member of lone-star and of the first company, and not of the second."""
    mine, foreign = worlds
    with guests(mine.tenant, "viewer", "ana"):
        as_person("ana")
        yield mine, foreign


def test_open_storms_come_first_each_with_its_score_and_what_its_numbers_are_of(member):
    mine, _ = member
    found = home.storms_of_mine(mine.tenant)
    assert [one.slug for one in found.cards] == ["hail", "coming", "old"]
    hail = found.cards[0]
    assert (hail.homes, hail.homes_hit, hail.role, hail.is_synthetic) == (12, 12, "viewer", True)
    assert hail.standing == StormPlayScore(mine.tenant, "hail").current()
    assert hail.change is None and found.as_of == max(one.standing.as_of for one in found.cards)
    assert [one.step.page for one in found.cards] == ["phase3_routes", "storm_live", "score"]
    assert hail.step.why == "8 homes are to be visited and no crew has a route yet."
    frame = found.frame()
    assert list(frame["storm"]) == ["hail", "coming", "old"] and frame["treated"].tolist() == [8, 0, 0]
    assert home.storms_of_mine(mine.tenant, "newest").cards[0].slug == "old"
    assert home.storms_of_mine(mine.tenant, mine.storm_id).cards == (hail,)


def test_the_change_is_told_against_a_week_ago(member, monkeypatch):
    mine, _ = member
    later = datetime.now(UTC) + timedelta(days=8)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert home.storms_of_mine(mine.tenant).cards[0].change == pytest.approx(0.0)


def test_anothers_storm_is_never_on_it(member):
    """Attack: every way in which a company that is not the reader's could be asked for."""
    mine, foreign = member
    foreign_id = []
    as_administrator(lambda: foreign_id.append(tenant_id(foreign.tenant)))
    every = home.storms_of_mine()
    assert set(every.companies["slug"]) == {"lone-star", mine.tenant}
    assert foreign.tenant not in every.frame()["tenant"].tolist()
    assert foreign.storm_id not in {one.storm_id for one in every.cards}
    slug = foreign.tenant
    for name in (slug, slug.upper(), f"{slug}' OR true --", *foreign_id, str(uuid4()), ""):
        with pytest.raises(UnknownTenant):
            home.storms_of_mine(name)
    for storm in (foreign.storm_id, "2021-04-28' OR true --"):
        with pytest.raises(UnknownStorm):
            home.storms_of_mine(mine.tenant, storm)


def test_who_was_thrown_out_sees_it_no_more(worlds, as_person):
    mine, _ = worlds
    with guests(mine.tenant, "viewer", "ana"):
        as_person("ana")
        assert mine.tenant in set(home.storms_of_mine().companies["slug"])
    assert mine.tenant not in set(home.storms_of_mine().companies["slug"])


def test_who_is_in_no_company_has_an_empty_home(database, as_person):
    accounts.add_person("nowhere", "No Where", "hailstorm-1")
    as_person("nowhere")
    found = home.storms_of_mine()
    assert found.cards == () and found.companies.empty and found.as_of is None
    assert list(found.frame().columns)[:3] == ["tenant", "company", "storm"]


def test_fifty_storms_are_read_in_a_tenth_of_a_second(database):
    world = make_world(treat=40, hold_out=5, skip=5, suppressed=0, without_place=0)
    with tenancy.session(world.tenant) as connection:
        for number in range(49):
            connection.execute(text("INSERT INTO storms (slug, name, event_date) VALUES (:s, :s, '2021-05-01')"),
                               {"s": f"storm-{number}"})  # fmt: skip
        connection.execute(text(
            "INSERT INTO property_impacts (storm_id, property_id, hail_in, sii_score) "
            "SELECT s.storm_id, p.property_id, 1, 50 FROM storms s CROSS JOIN properties p WHERE s.slug <> 'hail'"
        ))  # fmt: skip
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        assert len(home.storms_of_mine(world.tenant).cards) == 50
        taken.append(time.perf_counter() - began)
    assert min(taken) < 0.5, taken  # a fifth of that on a machine with nothing else to do


@pytest.mark.parametrize(
    ("status", "hit", "counts", "do", "page"),
    [
        ("watching", 0, Counts(), "Watch it come in", "storm_live"),
        ("active", 12, Counts(), "Decide whom to visit", "treatment"),
        ("active", 12, Counts(decided=12, treat=8), "Generate routes", "phase3_routes"),
        ("active", 12, Counts(decided=12, treat=8, total=8), "Hand the routes out", "phase4_jobs"),
        ("active", 12, Counts(decided=12, treat=8, high_uplift=9, total=8, completed=3), "Check the data",
         "tenant_health"),
        ("closed", 12, Counts(), "Read what it was worth", "score"),
        ("active", 12, Counts(decided=9, treat=9, high_uplift=9, total=9, completed=9, treat_known=9, treat_converted=8,
                              control_known=4, control_converted=1, checks=9), "Read what it was worth", "score"),
    ],
)  # fmt: skip
def test_the_next_step_is_the_first_act_that_is_not_done_then_the_cheapest_raise(status, hit, counts, do, page):
    step = next_step(status, hit, counts)
    assert (step.do, step.page) == (do, page) and step.why.endswith(".")


def test_what_a_check_found_before_a_plan_is_not_called_left_to_mend():
    counts = Counts(decided=100, treat=80, hold_out=20, high_uplift=80, total=80, completed=80, treat_known=80,
                    treat_converted=80, control_known=20, control_converted=1, issues=80, checks=800)  # fmt: skip
    assert next_step("active", 100, counts).do == "Mend one issue in the data"
    step = next_step("active", 100, counts, "routes were planned")
    assert (step.do, step.page) == ("Check the data again", "tenant_health")
    assert next_step("active", 100, replace(counts, completed=70), "routes were planned").page == "phase4_jobs"
    assert step.why == "Since the last check, which found 80 issues in 800 checks, routes were planned."
