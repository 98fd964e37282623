"""The tracker on a real database: one job, many, two people at once."""

from __future__ import annotations

import json
import threading
import uuid

import pandas as pd
import pytest
from sqlalchemy import text
from world import make_world

from stormplay import RouteBuilder, accounts, tenancy
from stormplay.errors import BadInput, Conflict, IllegalTransition, NotAllowed, UnknownJob, UnknownRoute, UnknownStorm
from stormplay.jobs import DEFAULT, JobTracker

SEED_PHASE_4 = """
SELECT
    j.job_id,
    j.status,
    j.notes,
    j.photos,
    j.claim_intel,
    p.address,
    lu.expected_uplift
FROM jobs j
JOIN properties p ON j.property_id = p.property_id
JOIN lead_uplift lu ON p.property_id = lu.property_id
WHERE j.property_id = :property_id
"""


@pytest.fixture(scope="module")
def world(database):
    made = make_world(treat=40)
    RouteBuilder(made.tenant, made.storm).generate_routes(max_per_route=10, time_limit_s=0.5)
    for name, role in (("opal", "operator"), ("otto", "operator"), ("vera", "viewer")):
        accounts.add_person(name, name.title(), "hailstorm-1")
        accounts.add_member(name, made.tenant, role)
    return made


@pytest.fixture
def tracker(world, as_person):
    as_person("opal")
    return JobTracker(world.tenant, world.storm)


@pytest.fixture
def fresh(tracker):
    """A job that nobody has begun."""
    rows = tracker.find(statuses=["scheduled"], limit=1)
    return tracker.get_job(rows["property_id"].iloc[0])


def test_the_seeds_sql_as_written_gives_the_same_row(tracker, world, fresh):
    tracker.update_job(
        fresh["job_id"],
        status="completed",
        notes="Roof inspected, hail damage confirmed",
        photos=["https://example.org/1.jpg"],
        claim_intel={"damage_type": "hail", "severity": "High"},
    )
    with tenancy.session(world.tenant) as connection:
        row = connection.execute(text(SEED_PHASE_4), {"property_id": fresh["property_id"]}).mappings().one()
    job = tracker.get_job(fresh["property_id"])
    assert {name: str(value) for name, value in row.items()} == {name: str(job[name]) for name in row}
    assert job["notes"] == "Roof inspected, hail damage confirmed"
    assert job["photos"] == ["https://example.org/1.jpg"]
    assert job["claim_intel"] == {"damage_type": "hail", "severity": "High"}
    assert job["completed_at"] is not None


def test_notes_are_added_with_author_and_time_and_never_overwritten(tracker, world, fresh, as_person):
    tracker.update_job(fresh["job_id"], notes="Gate code 4711")
    as_person("otto")
    JobTracker(world.tenant, world.storm).update_job(fresh["job_id"], notes="  Dog is friendly ")
    trail = tracker.get_trail(fresh["job_id"])
    assert trail[["who", "what", "text"]].to_numpy().tolist() == [
        ["Otto", "note", "Dog is friendly"], ["Opal", "note", "Gate code 4711"]
    ]  # fmt: skip
    assert tracker.get_job(fresh["property_id"])["notes"] == "Dog is friendly"


def test_an_illegal_step_changes_nothing_of_what_came_with_it(tracker, fresh):
    for status in ("contacted", "signed"):
        tracker.update_job(fresh["job_id"], status=status)
    before = tracker.get_job(fresh["property_id"])
    with pytest.raises(IllegalTransition, match=r"cannot become 'Completed'\. Next may be: Past rescission, Lost"):
        tracker.update_job(fresh["job_id"], status="completed", notes="lost?", photos=["https://x.org/a"])
    assert tracker.get_job(fresh["property_id"]) == before
    assert before["furthest"] == "signed"


def test_completed_at_is_there_while_it_is_completed(tracker, fresh):
    assert tracker.update_job(fresh["job_id"], status="completed")["completed_at"]
    again = tracker.update_job(fresh["job_id"], status="damage_documented")
    assert (again["completed_at"], again["furthest"]) == (None, "inspected")


def test_damage_fields_are_merged_and_none_takes_one_away(tracker, fresh):
    tracker.update_job(fresh["job_id"], claim_intel={"damage_type": "hail", "hail_in": 1.5})
    job = tracker.update_job(fresh["job_id"], claim_intel={"severity": "low", "hail_in": None})
    assert job["claim_intel"] == {"damage_type": "hail", "severity": "Low"}
    with pytest.raises(BadInput, match="never handles a claim"):
        tracker.update_job(fresh["job_id"], claim_intel={"claim_number": "1"})


def test_who_says_do_not_return_is_asked_by_nobody_again(tracker, world, fresh):
    job = tracker.update_job(fresh["job_id"], status="do_not_return")
    assert job["do_not_knock"]
    with tenancy.session(world.tenant) as connection:
        rows = connection.execute(text("SELECT channel, reason FROM suppressions WHERE property_id = :id"),
                                  {"id": fresh["property_id"]}).all()  # fmt: skip
    assert rows == [("all", "asked at the door not to return (noted by Opal)")]


def test_the_second_saver_is_told_what_changed_and_loses_nothing(tracker, world, fresh, as_person):
    seen = fresh["row_version"]
    as_person("otto")
    JobTracker(world.tenant, world.storm).update_job(fresh["job_id"], status="no_answer", notes="Nobody home")
    as_person("opal")
    with pytest.raises(Conflict, match=r"Otto (noted: Nobody home|set the status to no answer)"):
        tracker.update_job(fresh["job_id"], status="inspected", expected_version=seen)
    now = tracker.get_job(fresh["property_id"])
    assert (now["status"], now["notes"]) == ("no_answer", "Nobody home")
    assert tracker.update_job(fresh["job_id"], status="inspected", expected_version=now["row_version"])


def test_many_at_once_lose_no_note_and_miss_no_version(tracker, fresh):
    failed = []

    def note(n):
        try:
            tracker.update_job(fresh["job_id"], notes=f"note {n}")
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=note, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert set(tracker.get_trail(fresh["job_id"])["text"]) == {f"note {n}" for n in range(8)}
    assert tracker.get_job(fresh["property_id"])["row_version"] == fresh["row_version"] + 8


def test_progress_counts_each_job_once(tracker, world):
    routes = tracker.get_progress("route")
    route = routes["key"].iloc[0]
    jobs = tracker.find(route_id=route)
    for job_id, status in zip(
        jobs.loc[jobs["status"] == "scheduled", "job_id"], ("lost", "completed", "en_route"), strict=False
    ):
        tracker.update_job(job_id, status=status)
    progress = tracker.get_route_progress(route)
    now = tracker.find(route_id=route)
    ended = now["status"].isin(DEFAULT.names(ends=True)).sum()
    assert progress["completion_pct"] == pytest.approx(100 * ended / len(now))
    assert progress["ended"] >= progress["completed"]
    (storm,) = tracker.get_progress("storm").to_dict("records")
    for column in ("total", "ended", "completed", "knocked", "contacted", "inspected", "signed"):
        assert (
            tracker.get_progress("route")[column].sum() == storm[column] == tracker.get_progress("crew")[column].sum()
        )
    assert storm["total"] == len(tracker.find(limit=1_000))
    assert storm["knocked"] >= storm["contacted"] >= storm["inspected"] >= storm["signed"]


def test_a_job_is_found_by_how_its_address_begins(tracker):
    whole = tracker.find(limit=1_000)
    for typed in ("10", "1", "  101  test", "101, TEST str", "101-test street"):
        wanted = " ".join(typed.replace(",", " ").replace("-", " ").lower().split())
        expected = whole[whole["address"].str.lower().str.startswith(wanted)]
        found = tracker.find(typed, limit=1_000)
        assert set(found["job_id"]) == set(expected["job_id"]), typed
    assert tracker.find("%").equals(tracker.find("")), "signs are no wildcards"
    assert tracker.find("zzz").empty
    pages = pd.concat([tracker.find(limit=7, skip=skip) for skip in range(0, 42, 7)])
    assert list(pages["job_id"]) == list(whole["job_id"])


def test_what_is_not_there_is_a_sentence(tracker, world):
    with pytest.raises(UnknownJob, match="no job at property"):
        tracker.get_job(uuid.uuid4())
    with pytest.raises(UnknownJob, match="has no job"):
        tracker.update_job(str(uuid.uuid4()), status="lost")
    with pytest.raises(UnknownRoute):
        tracker.get_route_progress(uuid.uuid4())
    with pytest.raises(UnknownStorm):
        JobTracker(world.tenant, "no-such-storm")
    for call in (lambda: tracker.get_job("x"), lambda: tracker.update_job("x"), lambda: tracker.find(limit=0),
                 lambda: tracker.find(statuses=["flying"]), lambda: tracker.get_progress("moon")):  # fmt: skip
        with pytest.raises(BadInput):
            call()


def test_a_viewer_looks_and_changes_nothing(world, fresh, as_person):
    as_person("vera")
    looking = JobTracker(world.tenant, world.storm)
    assert looking.get_job(fresh["property_id"])["job_id"] == fresh["job_id"]
    with pytest.raises(NotAllowed, match="is viewer"):
        looking.update_job(fresh["job_id"], status="lost")
    with pytest.raises(NotAllowed, match="is viewer"):
        looking.update_job(fresh["job_id"], notes="hello")


def test_a_company_has_its_own_machine(world, database):
    other = make_world(treat=7)
    RouteBuilder(other.tenant, other.storm).generate_routes(time_limit_s=0.5)
    own = [{"name": "scheduled", "follows": ["done"]}, {"name": "done", "ends": True, "reach": "contacted"}]
    with tenancy.session(other.tenant) as connection:
        connection.execute(text("UPDATE tenants SET job_workflow = CAST(:flow AS jsonb)"), {"flow": json.dumps(own)})
    tracker = JobTracker(other.tenant, other.storm)
    job_id = tracker.find()["job_id"].iloc[0]
    with pytest.raises(BadInput, match="Expected one of scheduled, done"):
        tracker.update_job(job_id, status="completed")
    tracker.update_job(job_id, status="done")
    assert tracker.get_progress()["ended"].iloc[0] == 1
