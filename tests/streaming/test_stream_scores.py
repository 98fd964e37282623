"""The score of a storm whose events come in is counted beside the batches: late by half a second, never lost, and by
nobody's word but the stream's."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import text
from streamed import as_service, completed, conversion, make_streamed, records, run, service  # noqa: F401 - a fixture

from stormplay import StormPlayScore, tenancy
from stormplay import database as db
from stormplay.errors import NotAllowed
from stormplay.streaming import scores

LATER = "SELECT count(*) FROM sec.score_later WHERE tenant_id = :tenant"


@pytest.fixture
def world(service):  # noqa: F811
    return make_streamed(homes=8, jobs=4)


def left(world):
    with db.transaction(db.admin_url()) as connection:
        return connection.execute(text(LATER), {"tenant": world.tenant_id}).scalar_one()


def score(world):
    return StormPlayScore(world.world.tenant, world.world.storm)


def settle(service, world):  # noqa: F811
    with as_service(service) as connection:
        assert world.tenant_id in scores.due(connection)
        return scores.settle(connection, world.tenant_id)


def complete(service, world, *jobs, **more):  # noqa: F811
    """A batch each."""
    for number, job in enumerate(jobs):
        run(
            service,
            records(world.topic, [completed(world.jobs[job])], first=job),
            f"{number}",
            scores_later=True,
            **more,
        )


def test_what_several_batches_touched_is_counted_once_and_told_as_the_streams(world, service):  # noqa: F811
    causes = score(world).history()["cause"].tolist()
    complete(service, world, 0, 1, 2)
    run(service, records(world.topic, [conversion(world.homes[0], 9_000)]), "signed", scores_later=True)
    assert score(world).current().counts.completed == 0
    assert score(world).history()["cause"].tolist() == causes
    assert settle(service, world) == 1
    assert score(world).current().counts == score(world).recount()
    (cause,) = score(world).history()["cause"].tolist()[len(causes) :]
    assert cause == "Event stream: 3 jobs completed, 1 home signed"
    assert left(world) == 0
    with as_service(service) as connection:
        assert world.tenant_id not in scores.due(connection)
        assert scores.settle(connection, world.tenant_id) == 0


def test_what_is_left_to_count_lives_and_dies_with_its_batch(world, service):  # noqa: F811
    with pytest.raises(ZeroDivisionError), as_service(service) as connection:
        from stormplay.streaming.applying import apply

        apply(connection, "undone", records(world.topic, [completed(world.jobs[0])]), scores_later=True)
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        raise ZeroDivisionError
    assert left(world) == 0
    complete(service, world, 1)
    assert left(world) == 1
    with pytest.raises(ZeroDivisionError), as_service(service) as connection:
        scores.settle(connection, world.tenant_id)
        raise ZeroDivisionError
    assert left(world) == 1
    assert settle(service, world) == 1


def test_two_at_once_share_the_work_and_none_waits(world, service):  # noqa: F811
    complete(service, world, 0)
    with as_service(service) as one:
        assert scores.settle(one, world.tenant_id) == 1
        with as_service(service) as other:
            other.execute(text("SET LOCAL lock_timeout = '2 s'"))
            assert scores.settle(other, world.tenant_id) == 0
    assert score(world).current().counts == score(world).recount()


def test_everybody_elses_score_is_never_stale(world, service):  # noqa: F811
    before = len(score(world).history())
    with tenancy.session(world.world.tenant) as connection:
        connection.execute(text("SELECT set_config('app.score_later', 'on', true)"))
        connection.execute(text("UPDATE jobs SET status = 'completed', completed_at = now() WHERE job_id = :job"),
                           {"job": world.jobs[0]})  # fmt: skip
    assert score(world).current().counts.completed == 1
    assert len(score(world).history()) == before + 1
    assert left(world) == 0


def test_who_is_not_the_stream_settles_nothing(world, service):  # noqa: F811
    complete(service, world, 0)
    for attack in ("SELECT settle_scores()", "SELECT * FROM sec.scores_due()", "DELETE FROM sec.score_later",
                   "SELECT * FROM sec.score_later"):  # fmt: skip
        with pytest.raises(NotAllowed), tenancy.session(world.world.tenant) as connection:
            connection.execute(text(attack))
    assert left(world) == 1


def test_a_company_that_is_gone_leaves_nothing_due(service):  # noqa: F811
    gone = str(uuid4())
    with db.transaction(db.admin_url()) as connection:
        connection.execute(text("""INSERT INTO sec.score_later (tenant_id, storm_id, table_name, act, sign, row_count)
                                   VALUES (:tenant, :tenant, 'jobs', 'changed', 'completed', 1)"""),
                           {"tenant": gone})  # fmt: skip
    with as_service(service) as connection:
        assert gone not in scores.due(connection)
    with db.transaction(db.admin_url()) as connection:
        assert connection.execute(text(LATER), {"tenant": gone}).scalar_one() == 0
