"""Lists, places, stuck jobs, packs and steps taken back, on a real database."""

from __future__ import annotations

import csv
import io
from datetime import date

import pandas as pd
import pytest
from sqlalchemy import text
from world import make_world

from stormplay import RouteBuilder, accounts, tenancy
from stormplay.errors import BadInput, Conflict, NotAllowed, UnknownRoute
from stormplay.jobs import DEFAULT, JobTracker
from stormplay.packs import to_zip


@pytest.fixture(scope="module")
def world(database):
    made = make_world(treat=30, suppressed=2)
    builder = RouteBuilder(made.tenant, made.storm)
    routes = builder.generate_routes(max_per_route=10, time_limit_s=0.5)
    builder.assign_crew(routes[0].route_id, "Crew Ray")
    for name, role in (("ulla", "operator"), ("uwe", "operator"), ("una", "admin")):
        accounts.add_person(name, name.title(), "hailstorm-1")
        accounts.add_member(name, made.tenant, role)
    return made


@pytest.fixture
def tracker(world, as_person):
    as_person("ulla")
    return JobTracker(world.tenant, world.storm)


@pytest.fixture
def fresh(tracker):
    return tracker.get_job(tracker.find(statuses=["scheduled"], limit=1)["property_id"].iloc[0])


def test_a_list_its_count_and_its_map_are_of_the_same_jobs(tracker):
    crew = {"crew": "Crew Ray"}
    route = str(tracker.find(**crew)["route_id"].iloc[0])
    one = tracker.find(limit=1).iloc[0]
    for wanted in ({}, crew, {"crew": ""}, {"route_id": route}, {"statuses": ["scheduled"]}, {"address": "1"},
                   {"address": str(one["property_id"])}, {"address": "nowhere"}):  # fmt: skip
        listed = tracker.find(**wanted, limit=1000)
        assert tracker.count(**wanted) == len(listed)
        places = tracker.get_places(**wanted)
        assert set(places["job_id"].astype(str)) == set(listed["job_id"].astype(str))
    assert tracker.find(address=str(one["property_id"]))["address"].tolist() == [one["address"]]
    assert set(tracker.find(**crew)["crew_name"]) == {"Crew Ray"}
    assert tracker.find(crew="")["crew_name"].isna().all()


BY = {"address": "address", "zip": "zip_code", "route": "route_name", "crew": "crew_name", "status": "status",
      "uplift": "expected_uplift"}  # fmt: skip


@pytest.mark.parametrize("by", BY)
def test_the_database_orders_all_pages_by_what_was_chosen(tracker, by):
    column = BY[by]
    up = pd.concat([tracker.find(limit=7, skip=skip, order=(by, True)) for skip in range(0, 42, 7)])
    assert set(up["job_id"]) == set(tracker.find(limit=1000)["job_id"]) and up["job_id"].is_unique
    if by != "address":  # which the database orders by its words, not by its letters
        known = up[column].dropna().tolist()
        assert known == sorted(known)
        assert up[column].isna().tolist() == sorted(up[column].isna()), "what is not known comes last"
    down = tracker.find(limit=1000, order=(by, False))[column].dropna().tolist()
    assert down == up[column].dropna().tolist()[::-1]
    with pytest.raises(BadInput, match="cannot be ordered by 'job_id; DROP"):
        tracker.find(order=("job_id; DROP", True))


def test_the_list_is_taken_along_as_it_is_ordered(tracker):
    rows = list(csv.DictReader(io.StringIO(tracker.export_jobs_csv(crew="Crew Ray", order=("uplift", False)))))
    listed = tracker.find(crew="Crew Ray", order=("uplift", False))
    assert [row["property_id"] for row in rows] == [str(one) for one in listed["property_id"]]
    assert rows[0]["status_label"] == "Scheduled" and "job_id" not in rows[0]


def test_pages_are_the_whole_list_in_order(tracker):
    every = tracker.find(limit=1000)["job_id"].tolist()
    assert [job for at in range(0, len(every), 7) for job in tracker.find(limit=7, skip=at)["job_id"]] == every


def test_a_job_is_stuck_when_its_status_lasts_too_long_and_the_storm_is_open(tracker, world, fresh):
    assert tracker.get_stuck().empty
    with tenancy.session(world.tenant) as connection:
        connection.execute(text("UPDATE jobs SET status_since = now() - interval '9 days' WHERE job_id = :id"),
                           {"id": fresh["job_id"]})  # fmt: skip
    (row,) = tracker.get_stuck().to_dict("records")
    assert (str(row["job_id"]), row["allowed_days"], round(row["overdue_days"])) == (fresh["job_id"], 7, 2)
    assert row["why"].startswith("Scheduled for 9 days, where 7 days are usual; ")
    assert tracker.get_stuck().attrs["total"] == 1
    tracker.update_job(fresh["job_id"], status="no_answer")
    assert tracker.get_stuck().empty


def test_a_slip_of_the_thumb_is_taken_back(tracker, fresh):
    job = fresh["job_id"]
    before = tracker.get_job(fresh["property_id"])
    tracker.update_job(job, status="do_not_return", notes="Shut the door.")
    assert tracker.get_job(fresh["property_id"])["do_not_knock"] is True
    after = tracker.undo(job)
    for name in ("status", "furthest", "completed_at", "do_not_knock"):
        assert after[name] == before[name], name
    trail = tracker.get_trail(job)
    assert set(trail["what"]) == {"note", "taken back"}, "what was said stays"
    with pytest.raises(BadInput, match="no step to take back"):
        tracker.undo(job)


def test_the_second_of_two_steps_alone_is_taken_back(tracker, fresh):
    job = fresh["job_id"]
    tracker.update_job(job, status="contacted")
    tracker.update_job(job, status="inspected")
    after = tracker.undo(job)
    assert (after["status"], after["furthest"]) == ("contacted", "contacted")


def test_nobody_takes_back_anothers_step_or_an_old_one(tracker, world, fresh, as_person):
    job = fresh["job_id"]
    seen = tracker.update_job(job, status="contacted")
    as_person("uwe")
    his = JobTracker(world.tenant, world.storm)
    with pytest.raises(BadInput, match="made by Ulla"):
        his.undo(job)
    his.update_job(job, notes="I was there too.")
    as_person("ulla")
    with pytest.raises(Conflict, match="I was there too"):
        tracker.undo(job, expected_version=seen["row_version"])


def test_a_no_of_somebody_elses_is_not_lifted(tracker, world, fresh):
    with tenancy.session(world.tenant) as connection:
        connection.execute(text("INSERT INTO suppressions (property_id, channel, reason) VALUES (:id, 'all', 'wrote')"),
                           {"id": fresh["property_id"]})  # fmt: skip
    tracker.update_job(fresh["job_id"], status="do_not_return")
    assert tracker.undo(fresh["job_id"])["do_not_knock"] is True


def test_a_pack_of_a_route_and_of_a_crew(tracker):
    route = tracker.find(crew="Crew Ray").iloc[0]
    one = tracker.get_pack(route_id=route["route_id"], day=date(2021, 5, 3))
    assert (one.title, one.crew, one.day, one.is_synthetic) == (route["route_name"], "Crew Ray", date(2021, 5, 3), True)
    assert {stop.stop_id for stop in one.stops} == set(tracker.find(crew="Crew Ray")["property_id"].astype(str))
    assert [stop.number for stop in one.stops] == list(range(1, len(one.stops) + 1))
    day = tracker.get_pack(crew="Crew Ray")
    assert {stop.stop_id for stop in day.stops} == {stop.stop_id for stop in one.stops}
    assert to_zip(one)[:2] == b"PK"
    with pytest.raises(UnknownRoute):
        tracker.get_pack(crew="Crew Nobody")
    with pytest.raises(BadInput):
        tracker.get_pack()


def test_what_a_pack_says_comes_back_and_is_applied(tracker):
    pack = tracker.get_pack(crew="Crew Ray")
    from stormplay.packs import files

    lines = files.to_csv(pack).splitlines()
    lines[1] = lines[1].removesuffix(",,,") + ",contacted,Nice dog,"
    applied = tracker.import_csv("\r\n".join(lines))
    assert (applied.rows, applied.changed, applied.faults) == (1, 1, ())


def test_an_admin_gives_the_company_its_own_statuses(tracker, world, as_person):
    own = [status for status in DEFAULT.to_json() if status["name"] != "lost"]
    own = [{**status, "follows": [name for name in status["follows"] if name != "lost"]} for status in own]
    with pytest.raises(NotAllowed):
        tracker.save_workflow(own)
    as_person("una")
    hers = JobTracker(world.tenant, world.storm)
    assert "lost" not in hers.save_workflow(own).statuses
    assert "lost" not in JobTracker(world.tenant, world.storm).workflow.statuses
    with pytest.raises(BadInput, match="there is no such status"):
        hers.save_workflow(own[:3])
    assert hers.save_workflow(None).statuses.keys() == DEFAULT.statuses.keys()
