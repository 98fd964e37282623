"""Files from the field on a real database: whole or not at all, once, and the same end in whatever order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from test_slips import file
from world import make_world

from stormplay import RouteBuilder, tenancy
from stormplay import database as db
from stormplay.errors import BadInput
from stormplay.jobs import DEFAULT, JobTracker

BEGIN = datetime(2021, 5, 3, 12, tzinfo=UTC)
JOBS = 3


@pytest.fixture(scope="module")
def world(database):
    made = make_world(treat=30)
    RouteBuilder(made.tenant, made.storm).generate_routes(time_limit_s=0.5)
    return made


def fresh(world):
    """A tracker over jobs as new: what a test did before is taken back as the administrator."""
    with db.transaction(db.admin_url()) as connection:
        own = "tenant_id = (SELECT tenant_id FROM sec.tenant_entry WHERE slug = :slug)"
        for table in ("job_events", "job_notes", "field_imports", "suppressions"):
            connection.execute(text(f"DELETE FROM {table} WHERE {own}"), {"slug": world.tenant})
        query = f"""UPDATE jobs SET status = 'scheduled', notes = NULL, completed_at = NULL, furthest = 'none',
                           status_since = '2021-05-01', row_version = 1 WHERE {own}"""
        connection.execute(text(query), {"slug": world.tenant})
    return JobTracker(world.tenant, world.storm)


@pytest.fixture
def tracker(world):
    return fresh(world)


def jobs(tracker):
    return list(tracker.find(limit=JOBS)["job_id"])


def state(tracker, ids):
    """What is true of jobs, without what only tells of the way there."""
    with tenancy.session(tracker.tenant) as connection:
        rows = connection.execute(
            text("""SELECT j.job_id::text, j.status, j.status_since, j.completed_at, j.furthest, j.notes,
                       (SELECT array_agg(n.notes ORDER BY n.noted_at, n.notes) FROM job_notes n
                         WHERE n.job_id = j.job_id),
                       (SELECT array_agg(e.to_status ORDER BY e.happened_at, e.to_status) FROM job_events e
                         WHERE e.job_id = j.job_id),
                       EXISTS (SELECT FROM suppressions s WHERE s.property_id = j.property_id)
                  FROM jobs j WHERE j.job_id = ANY (CAST(:ids AS uuid[])) ORDER BY 1"""),
            {"ids": list(ids)},
        )
        return [(*row[:7], without_repeats(row[7]), row[8]) for row in rows]


def without_repeats(said):
    """A status that is said again is no new step."""
    return [one for at, one in enumerate(said or []) if not at or one != said[at - 1]] or None


def test_a_file_is_applied_and_told(tracker):
    first, second, third = jobs(tracker)
    data = file({"job_id": first, "new_status": "completed", "seen_at": "2021-05-03 14:10"},
                {"job_id": second, "new_status": "no answer", "new_note": "dog", "seen_at": "2021-05-03 14:20"},
                {"job_id": third})  # fmt: skip
    applied = tracker.import_csv(data)
    assert (applied.rows, applied.changed, applied.faults, applied.again) == (2, 2, (), False)
    found = {row[0]: row for row in state(tracker, [first, second, third])}
    assert (found[first][1], found[first][3]) == ("completed", datetime(2021, 5, 3, 19, 10, tzinfo=UTC))
    assert (found[second][1], found[second][5]) == ("no_answer", "dog")
    assert found[third][1] == "scheduled"


def test_the_same_file_again_changes_nothing_and_says_so(tracker):
    data = file({"job_id": jobs(tracker)[0], "new_status": "lost", "new_note": "x", "seen_at": "2021-05-03 14:10"})
    tracker.import_csv(data)
    before = state(tracker, jobs(tracker))
    again = tracker.import_csv(data)
    assert (again.changed, again.again) == (0, True)
    assert state(tracker, jobs(tracker)) == before


def test_one_faulty_row_and_nothing_is_applied(tracker, database):
    first, second, _ = jobs(tracker)
    other = make_world(treat=7)
    RouteBuilder(other.tenant, other.storm).generate_routes(time_limit_s=0.5)
    foreign = JobTracker(other.tenant, other.storm).find(limit=1)["job_id"].iloc[0]
    before = state(tracker, [first, second])
    data = file({"job_id": first, "new_status": "lost"}, {"job_id": second, "new_status": "flown"},
                {"job_id": foreign, "new_status": "lost"})  # fmt: skip
    applied = tracker.import_csv(data)
    assert [(fault.line, fault.sentence.split(".")[0]) for fault in applied.faults] == [
        (3, "There is no status 'flown'"), (4, "This storm has no such job")
    ]  # fmt: skip
    assert (applied.changed, state(tracker, [first, second])) == (0, before)


def test_what_comes_late_takes_its_place_and_changes_no_status(tracker):
    first = jobs(tracker)[0]
    tracker.update_job(first, status="inspected", notes="on the page")
    applied = tracker.import_csv(file({"job_id": first, "new_status": "no_answer", "new_note": "from the field",
                                       "seen_at": "2021-05-03 14:10"}))  # fmt: skip
    assert [fault.sentence for fault in applied.outweighed] == ["Newer is 'Inspected'; 'No answer' is in the trail."]
    (row,) = state(tracker, [first])
    assert (row[1], row[5]) == ("inspected", "on the page")
    assert row[6] == ["from the field", "on the page"]
    assert row[7] == ["no_answer", "inspected"]


def test_a_status_said_again_on_the_page_is_newer_than_a_late_file(tracker):
    first = jobs(tracker)[0]
    tracker.import_csv(file({"job_id": first, "new_status": "do_not_return", "seen_at": "2021-05-03 14:10"}))
    (told,) = state(tracker, [first])
    tracker.update_job(first, status="do_not_return")
    applied = tracker.import_csv(file({"job_id": first, "new_status": "en_route", "seen_at": "2021-05-03 16:00"}))
    assert len(applied.outweighed) == 1
    (row,) = state(tracker, [first])
    assert (told[1], row[1]) == ("do_not_return", "do_not_return")
    assert row[7] == ["do_not_return", "en_route", "do_not_return"]


def test_a_no_in_a_file_is_on_the_ledger(tracker):
    first = jobs(tracker)[0]
    tracker.import_csv(file({"job_id": first, "new_status": "do not return", "seen_at": "2021-05-03 14:10"}))
    assert state(tracker, [first])[0][8] is True


def test_what_is_no_file_changes_nothing(tracker):
    before = state(tracker, jobs(tracker))
    with pytest.raises(BadInput):
        tracker.import_csv("not,a,pack\n1,2,3\n")
    assert state(tracker, jobs(tracker)) == before


words = st.tuples(
    st.integers(0, JOBS - 1),
    st.sampled_from(["", *(name for name in DEFAULT.statuses if name in DEFAULT.legal("scheduled"))]),
    st.sampled_from(["", "dog", "gate code", "call back"]),
    st.integers(0, 6),
)
# A no ends it whatever was known before, so it may be said at any moment of any order.
an_edit = st.tuples(
    st.integers(0, JOBS - 1), st.sampled_from(["", "do_not_return"]), st.sampled_from(["", "on the page"])
)
a_file = st.lists(words, min_size=1, max_size=JOBS, unique_by=lambda word: word[0])


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(st.lists(a_file, min_size=1, max_size=4), st.lists(an_edit, max_size=3), st.data())
def test_any_order_of_files_edits_and_repeats_ends_the_same(world, files, edits, data):
    ends = []
    for _ in range(2):
        made = fresh(world)
        ids = jobs(made)
        written = [
            file(*({"job_id": ids[job], "new_status": status, "new_note": note,
                    "seen_at": (BEGIN + timedelta(hours=hour)).isoformat()} for job, status, note, hour in words_))
            for words_ in files
        ]  # fmt: skip
        acts = [("file", at) for at in range(len(written))]
        acts = data.draw(st.permutations(acts + data.draw(st.lists(st.sampled_from(acts), max_size=3))))
        # Edits on the page keep their own order: each is made after the one before.
        places = sorted(data.draw(st.lists(st.integers(0, len(acts)), min_size=len(edits), max_size=len(edits))))
        for at, (place, edit) in enumerate(zip(places, edits, strict=True)):
            acts.insert(place + at, ("edit", edit))
        for kind, what in acts:
            if kind == "file":
                assert made.import_csv(written[what]).faults == ()
            else:
                job, status, note = what
                made.update_job(ids[job], status=status or None, notes=note or None)
        # Edits are made now, and now is later the second time.
        ends.append([tuple("now" if isinstance(value, datetime) and value.year > BEGIN.year else value for value in row)
                     for row in state(made, ids)])  # fmt: skip
    assert ends[0] == ends[1]
