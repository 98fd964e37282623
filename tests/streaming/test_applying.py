"""A batch is applied once, whole or not at all: against a plain model, a second consumer, and rows that are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import numpy as np
import psycopg2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from streamed import (
    NOON,
    as_service,
    completed,
    conversion,
    impacted,
    make_streamed,
    records,
    run,
    service,  # noqa: F401 - a fixture
)

from stormplay import database as db
from stormplay import tenancy
from stormplay.errors import Fenced
from stormplay.storms.impact import hail_of, impact_index
from stormplay.streaming.applying import apply, offsets_of

EARLY, SINCE = datetime(2026, 4, 30, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
TIMES = [EARLY, datetime(2026, 5, 1, 9, tzinfo=UTC), datetime(2026, 5, 1, 10, tzinfo=UTC)]


@pytest.fixture(scope="module")
def base(database):
    return make_streamed()


def expected(world, messages, deliveries):
    """The semantics in plain Python, of the set of messages; `deliveries` counts how often each came."""
    state = {
        "ledger": [], "letters": [], "touches": [], "outcomes": {},
        "impacts": dict.fromkeys(world.homes, (60.0, 1.5, None)),
        "jobs": {job: ["lost" if place == 0 else "scheduled", None, "none"] for place, job in enumerate(world.jobs)},
    }  # fmt: skip
    for number, message in enumerate(messages):
        at = datetime.fromisoformat(message["occurred_at"])
        kind, home, job = message["type"], message.get("property_id"), message.get("job_id")
        refused = None
        if kind == "job_completed":
            if job not in state["jobs"]:
                refused = "unknown job"
            elif job == world.jobs[0] and at >= SINCE:
                refused = "illegal transition"
        elif home not in world.homes:
            refused = "unknown property"
        if refused:
            state["letters"] += [(message["event_id"], refused, at)] * deliveries[number]
            continue
        state["ledger"].append((message["event_id"],))
        if kind == "property_impacted":
            sii = float(message["sii_score"])
            new = (sii, message.get("hail_in", float(hail_of(sii))), at)
            old = state["impacts"][home]
            if old[2] is None or (new[2], new[0], new[1]) > (old[2], old[0], old[1]):
                state["impacts"][home] = new
        elif kind == "conversion":
            new = (True, round(message["value"] * 100), at)
            old = state["outcomes"].get(home)
            if old is None or (new[2], new[1]) > (old[2], old[1]):
                state["outcomes"][home] = new
            if "channel" in message:
                state["touches"].append((home, message["channel"], at))
        else:
            found = state["jobs"][job]
            found[2] = "contacted"
            if found[0] != "lost":
                found[0], found[1] = "completed", min(at, found[1] or at)
    for name in ("impacts", "jobs", "outcomes"):
        state[name] = [(key, *value) for key, value in state[name].items()]
    return {name: sorted(found, key=str) for name, found in state.items()}


@st.composite
def floods(draw):
    """Messages by places in lists, then their deliveries in any order, some twice, cut into batches anywhere."""
    one = st.tuples(st.sampled_from(["property_impacted", "job_completed", "conversion"]), st.integers(0, 3),
                    st.sampled_from(TIMES), st.sampled_from([0, 12.5, 60, 100]), st.booleans())  # fmt: skip
    messages = draw(st.lists(one, min_size=1, max_size=14))
    order = draw(
        st.permutations([*range(len(messages)), *draw(st.lists(st.integers(0, len(messages) - 1), max_size=6))])
    )
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=4)))
    return messages, order, cuts


@given(floods())
@settings(max_examples=25)
def test_any_order_any_cut_and_duplicates_end_in_the_same_state(base, service, flood):  # noqa: F811
    drawn, order, cuts = flood
    world = base.another_storm(("lost",))
    messages = []
    for kind, place, at, size, more in drawn:
        homes, jobs = [*world.homes[:3], str(uuid4())], [*world.jobs, str(uuid4())]
        when = at.isoformat()
        if kind == "property_impacted":
            messages.append(impacted(homes[place], size, when, **({"hail_in": 2.25} if more else {})))
        elif kind == "conversion":
            messages.append(conversion(homes[place], size * 99.99, when, **({"channel": "door"} if more else {})))
        else:
            messages.append(completed(jobs[place], when))
    group, first = uuid4().hex, 0
    for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True):
        batch = records(world.topic, [messages[place] for place in order[start:end]], first)
        first += len(batch)
        done = run(service, batch, group)
        assert sum(done.applied.values()) + done.duplicates + sum(done.dead.values()) + done.strays == len(batch)
    deliveries = [order.count(place) for place in range(len(messages))]
    assert world.state() == expected(world, messages, deliveries)


def test_hail_and_index_are_each_others():
    sizes = np.linspace(0.5, 3, 51)
    assert hail_of(impact_index(sizes)) == pytest.approx(sizes)
    assert hail_of([0, 100]).tolist() == [0.5, 3.0]


def test_events_offsets_positions_and_the_score_are_one_transaction(service):  # noqa: F811
    world = make_streamed()
    batch = records(world.topic, [completed(world.jobs[0]), completed(world.jobs[1]), conversion(world.homes[0], 900)])
    with pytest.raises(ZeroDivisionError), db.transaction(service) as connection:
        apply(connection, "whole", batch)
        raise ZeroDivisionError
    assert world.state()["ledger"] == []
    done = run(service, batch, "whole", end_offsets={(world.topic, 0): 10})
    assert done.applied == {"job_completed": 2, "conversion": 1}
    assert (done.tenants, done.storms) == ((world.tenant_id,), (world.world.storm_id,))
    assert world.ask("SELECT partition, next_offset, end_offset FROM stream_positions") == [(0, 3, 10)]
    cause, who = world.ask("SELECT cause, changed_by FROM storm_scores")[0]
    assert (cause, who) == ("Event stream: 2 jobs completed, 1 home signed", "Event stream")
    trail = world.ask("SELECT from_status, to_status, source, said_by, happened_at FROM job_events")
    assert trail == [("scheduled", "completed", "stream", "Event stream", NOON)] * 2
    with as_service(service) as connection:
        assert (world.topic, 0, 3) in offsets_of(connection, "whole")


def test_a_word_older_than_what_is_known_changes_nothing_and_is_marked(service):  # noqa: F811
    world = make_streamed()
    home = world.homes[0]
    new, old = impacted(home, 80, "2026-05-01T10:00:00Z"), impacted(home, 20, "2026-05-01T09:00:00Z")
    run(service, records(world.topic, [new]))
    assert run(service, records(world.topic, [old])).superseded == 1
    assert world.one("SELECT sii_score FROM property_impacts WHERE property_id = :home", home=home) == 80
    marks = dict(world.ask("SELECT event_id, is_superseded FROM stream_events"))
    assert marks == {new["event_id"]: False, old["event_id"]: True}


def test_a_completion_takes_its_place_in_the_trail(service):  # noqa: F811
    world = make_streamed(statuses=("signed", "inspected"))
    run(service, records(world.topic, [completed(world.jobs[0]), completed(world.jobs[1])]))
    ((reason, said),) = world.ask("SELECT reason, said FROM stream_dead_letters")
    assert reason == "illegal transition"
    assert said.startswith("A job that is 'Signed' cannot become 'Completed'. Next may be: Past rescission")
    run(service, records(world.topic, [completed(world.jobs[0], EARLY.isoformat())]))
    assert dict(world.ask("SELECT job_id::text, status FROM jobs WHERE job_id = ANY (CAST(:ids AS uuid[]))",
                          ids=world.jobs[:2])) == {world.jobs[0]: "signed", world.jobs[1]: "completed"}  # fmt: skip


def test_a_workflow_of_ones_own_decides(service):  # noqa: F811
    world = make_streamed()
    with tenancy.session(world.world.tenant) as connection:
        own = '[{"name": "scheduled", "follows": ["seen"]}, {"name": "seen", "ends": true}]'
        connection.execute(text("UPDATE tenants SET job_workflow = CAST(:own AS jsonb)"), {"own": own})
    assert run(service, records(world.topic, [completed(world.jobs[0])])).dead == {"illegal transition": 1}
    assert "There is no status 'completed'" in world.one("SELECT said FROM stream_dead_letters")


def test_a_refused_event_that_comes_again_mended_is_applied_in_the_same_batch_too(service):  # noqa: F811
    world = make_streamed()
    wrong = impacted(str(uuid4()), 50)
    mended = wrong | {"property_id": world.homes[0]}
    done = run(service, records(world.topic, [wrong, mended, mended]))
    assert (done.applied["property_impacted"], done.duplicates, dict(done.dead)) == (1, 1, {"unknown property": 1})


def test_an_id_used_for_another_event_is_known_already(service):  # noqa: F811
    world = make_streamed()
    first = impacted(world.homes[0], 50)
    run(service, records(world.topic, [first]))
    other = conversion(world.homes[0], 10) | {"event_id": first["event_id"]}
    newer = impacted(world.homes[1], 99) | {"event_id": first["event_id"]}
    done = run(service, records(world.topic, [other, completed(world.jobs[0]) | {"event_id": first["event_id"]}]))
    assert done.duplicates == 2
    done = run(service, records(world.topic, [newer, impacted(world.homes[1], 70)]))
    assert (done.duplicates, done.applied["property_impacted"], done.superseded) == (1, 1, 0)
    assert world.one("SELECT sii_score FROM property_impacts WHERE property_id = :h", h=world.homes[1]) == 70


def test_a_closed_storm_takes_nothing_until_it_is_opened(service):  # noqa: F811
    world = make_streamed()
    with tenancy.session(world.world.tenant) as connection:
        connection.execute(text("UPDATE storms SET status = 'closed'"))
    done = run(service, records(world.topic, [impacted(world.homes[0], 5), b"{"]))
    assert dict(done.dead) == {"late": 1, "malformed": 1}
    assert world.state()["ledger"] == []


def test_names_that_are_no_storms_go_to_the_administrator(service):  # noqa: F811
    world = make_streamed()
    nobody = f"storm_events_{uuid4()}"
    batch = [*records(nobody, [impacted(world.homes[0], 50)]), *records("weather", [b"\0\xff", None]),
             *records(world.topic, [impacted(world.homes[0], 50)])]  # fmt: skip
    done = run(service, batch)
    assert (done.strays, done.applied["property_impacted"]) == (3, 1)
    with db.transaction(db.admin_url()) as connection:
        rows = connection.execute(text("SELECT topic, said, payload FROM sec.stream_strays(100)")).all()
    assert ("weather", "The topic's name is no storm's.", b"\0\xff") in [(r[0], r[1], bytes(r[2])) for r in rows]
    assert (nobody, "There is no storm of this id.") in [(row[0], row[1]) for row in rows]


def test_two_companies_with_the_same_ids_of_events_and_each_others_homes(service):  # noqa: F811
    mine, theirs = make_streamed(), make_streamed()
    shared = {"event_id": "same"}
    batch = [
        *records(mine.topic, [impacted(mine.homes[0], 11) | shared, impacted(theirs.homes[0], 99),
                              completed(theirs.jobs[0]), conversion(theirs.homes[1], 5)]),
        *records(theirs.topic, [impacted(theirs.homes[0], 22) | shared, impacted(mine.homes[0], 99),
                                completed(mine.jobs[0]),
                                conversion(mine.homes[1], 5) | {"tenant_id": mine.tenant_id}]),
    ]  # fmt: skip
    done = run(service, batch)
    assert done.applied == {"property_impacted": 2}
    for world, index in ((mine, 11), (theirs, 22)):
        assert world.state()["ledger"] == [("same",)]
        assert world.one("SELECT sii_score FROM property_impacts WHERE event_at IS NOT NULL") == index
        reasons = sorted(row[1] for row in world.state()["letters"])
        assert reasons == ["unknown job", "unknown property", "unknown property"]
        assert world.state()["outcomes"] == []


def test_who_is_behind_another_consumer_is_fenced_and_leaves_nothing(service):  # noqa: F811
    world = make_streamed()
    first, second = records(world.topic, [impacted(home, 40) for home in world.homes[:4]]), "zombie"
    run(service, first[:2], second)
    with pytest.raises(Fenced, match=r"stands at 2 and not at 1"):
        run(service, first[1:3], second)
    for believed in ({(world.topic, 0): 0}, {(world.topic, 0): None}, {}):
        with pytest.raises(Fenced, match=r"stands at 2"):
            run(service, first[2:], second, expected=believed)
    assert len(world.state()["ledger"]) == 2
    run(service, first[2:], second, expected={(world.topic, 0): 2})
    assert len(world.state()["ledger"]) == 4


def test_two_at_once_on_one_partition_apply_it_once(service):  # noqa: F811
    world = make_streamed()
    batch = records(world.topic, [impacted(world.homes[0], 40)])
    with db.transaction(service) as one:
        apply(one, "pair", batch)
        with db.engine(service).connect() as other, pytest.raises(psycopg2.errors.LockNotAvailable):
            other.execute(text("SET LOCAL lock_timeout = '50ms'"))
            apply(other, "pair", batch, expected={(world.topic, 0): None})
    with pytest.raises(Fenced):
        run(service, batch, "pair", expected={(world.topic, 0): None})


@pytest.fixture
def refusing(database):
    """A home that the database refuses to hear of, by a rule that no message can know."""

    def plant(home: str, table: str = "stream_events", state: str = "23514") -> None:
        with db.transaction(db.admin_url()) as connection:
            connection.connection.cursor().execute(f"""
                CREATE OR REPLACE FUNCTION public.planted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    IF NEW.property_id = '{home}' THEN
                        RAISE EXCEPTION USING ERRCODE = '{state}', MESSAGE = 'a secret of another row';
                    END IF; RETURN NEW; END $$;
                CREATE TRIGGER planted BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION public.planted()""")

    yield plant
    with db.transaction(db.admin_url()) as connection:
        connection.execute(text("DROP FUNCTION public.planted() CASCADE"))


def test_a_row_that_the_database_refuses_stands_alone(service, refusing):  # noqa: F811
    world = make_streamed(homes=40)
    refusing(world.homes[17])
    done = run(service, records(world.topic, [impacted(home, 40) for home in world.homes]))
    assert (done.applied["property_impacted"], dict(done.dead)) == (39, {"refused": 1})
    ((said,),) = world.ask("SELECT said FROM stream_dead_letters")
    assert said == "The database refused what it says (SQLSTATE 23514); the message was valid."
    assert world.one("SELECT count(*) FROM property_impacts WHERE sii_score = 40") == 39


def test_the_control_groups_refusal_has_a_name(service, refusing):  # noqa: F811
    world = make_streamed()
    refusing(world.homes[0], "policy_outcomes", "SP001")
    assert dict(run(service, records(world.topic, [conversion(world.homes[0], 1)])).dead) == {"held out": 1}


@pytest.mark.parametrize("state", ["40P01", "40001", "53100", "57P01", "08006", "42501"])
def test_a_trouble_of_the_machine_is_no_ones_dead_letter(service, refusing, state):  # noqa: F811
    world = make_streamed()
    refusing(world.homes[0], state=state)
    batch = records(world.topic, [impacted(home, 40) for home in world.homes])
    with pytest.raises(psycopg2.Error) as trouble:
        run(service, batch, "machine")
    assert trouble.value.pgcode == state
    assert world.state()["ledger"] == world.state()["letters"] == []
    with as_service(service) as connection:
        assert (world.topic, 0) not in [row[:2] for row in offsets_of(connection, "machine")]
