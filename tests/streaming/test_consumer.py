"""A consumer's life: begins, meets a new storm, a database that goes away, a signal, and begins again."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from uuid import uuid4

import pytest
from chaos import Chaos
from command import in_process
from kafka import KafkaProducer
from kafka_up import development
from sqlalchemy import text
from streamed import completed, make_streamed

from stormplay import StormPlayScore, accounts, tenancy
from stormplay.demo import evening, simulating
from stormplay.errors import BadInput
from stormplay.streaming import stand_in


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with development(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def chaos(database, broker):
    with Chaos(broker, seed=3, home=database) as made:
        yield made


@pytest.fixture
def kafka(broker, monkeypatch):
    monkeypatch.setenv("STORMPLAY_KAFKA", broker.bootstrap)
    with KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all") as producer:
        yield producer


def send(producer, topic, *messages):
    for message in messages:
        producer.send(topic, message if isinstance(message, bytes) else json.dumps(message).encode())
    producer.flush()


def impact(home, sii=40.0, **more):
    return {"event_id": str(uuid4()), "type": "property_impacted", "property_id": home, "sii_score": sii, **more}


def seconds_until(true, at_most=20.0):
    begin = time.monotonic()
    while not true():
        assert time.monotonic() - begin < at_most
        time.sleep(0.02)
    return time.monotonic() - begin


def test_a_signal_ends_it_a_new_storm_is_found_and_it_begins_again_at_once(chaos, kafka):
    chaos.start(1)
    chaos.produce(200)
    chaos.settle()
    late = make_streamed(3, 1)  # a storm that began after the consumer did
    send(kafka, late.topic, impact(late.homes[0]))
    assert seconds_until(lambda: late.one("SELECT count(*) FROM stream_events")) <= 5.0
    chaos.produce(600)
    time.sleep(0.3)
    process = chaos.workers.pop(0)
    begin = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    process.join(10)
    assert process.exitcode == 0 and time.monotonic() - begin < 5.0
    for thread in chaos._producing:
        thread.join()
    stood = chaos.offsets()
    begin = time.monotonic()
    chaos.start(1)
    send(kafka, late.topic, impact(late.homes[1]))
    seconds_until(lambda: chaos.offsets() != stood)
    assert time.monotonic() - begin <= 2.0
    chaos.settle()
    chaos.compare()


def test_a_database_that_restarts_in_the_middle_is_waited_for(chaos, database):
    chaos.start(1)
    chaos.produce(1_000, pause_s=0.03)
    time.sleep(0.7)
    restart_database(database)
    chaos.reconnect()
    chaos.settle()
    chaos.compare()
    assert chaos.workers[0].is_alive()


def restart_database(home):
    """As an administrator does: everybody's connections end, and it is away for a moment."""
    from stormplay.embedded.place import place_of
    from stormplay.embedded.server import _postmaster_pid, _start

    place = place_of(home)
    os.kill(_postmaster_pid(place), signal.SIGINT)
    seconds_until(lambda: _postmaster_pid(place) is None)
    time.sleep(0.5)
    _start(place)


def test_once_applies_what_is_there_says_so_and_keeps_the_rest_apart(database, kafka):
    world = make_streamed(3, 1)
    send(kafka, world.topic, impact(world.homes[0]), b"gossip", impact(str(uuid4())), completed(world.jobs[0]))
    send(kafka, "storm_events_of_nobody", b"{}")
    done = in_process("stream", "--once", "--group", f"once-{uuid4().hex[:6]}", home=database)
    assert done.returncode == 0, done.stderr
    assert "applied" in done.stdout
    assert world.one("SELECT count(*) FROM stream_events") == 2
    score = StormPlayScore(world.world.tenant, world.world.storm).current()
    assert (score.counts.completed, score.counts.total) == (1, 1), "the score is counted before it ends"
    told = in_process("stream", "--dead-letters", world.world.tenant, "--replay", home=database).stdout
    assert "malformed" in told and "unknown property" in told and "2 will be tried again" in told
    assert "storm_events_of_nobody" in in_process("stream", "--strays", home=database).stdout


def test_metrics_tell_what_was_done_and_name_no_company(database, kafka, broker):
    import threading

    from stormplay.streaming import consumer, settings
    from stormplay.streaming.metrics import Meters

    world = make_streamed(3, 1)
    send(kafka, world.topic, impact(world.homes[0]), b"gossip")
    meters = Meters()
    server, _ = meters.serve(0)
    told = settings.read(group=f"metrics-{uuid4().hex[:6]}").of_worker(0)
    consumer.run(told, threading.Event(), once=True, meters=meters)
    port = server.server_port
    page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    server.shutdown()
    server.server_close()
    assert 'stormplay_stream_events_total{outcome="applied",type="property_impacted"}' in page
    assert 'stormplay_stream_dead_letters_total{reason="malformed"}' in page
    assert "stormplay_stream_batch_seconds_bucket" in page
    assert world.world.tenant not in page and world.homes[0] not in page


def test_the_storm_can_be_played_again_and_ends_as_the_model_says(database, kafka):
    world = make_streamed(40, 12)
    for times in (1, 2):
        done = in_process(
            "stream", "--simulate", "--speed", 60_000, "--tenant", world.world.tenant, "--storm", world.world.storm,
            "--group", f"play-{world.world.tenant}", home=database,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "The storm has passed" in done.stdout and "21 real reports" in done.stdout
        stage = simulating.read_stage(world.world.tenant, world.world.storm)
        hail_in, sii = evening.modelled(stage.reports, stage.homes)
        expected = dict(zip(stage.homes["property_id"], zip(sii, hail_in, strict=True), strict=True))
        found = {home: (index, size) for home, index, size in world.ask(
            "SELECT property_id::text, sii_score, hail_in FROM property_impacts")}  # fmt: skip
        assert {home: found[home] for home in expected} == expected and len(expected) > 20
        steps = world.one("SELECT count(DISTINCT event_at) FROM stream_events WHERE event_type = 'property_impacted'")
        assert steps >= 8 * times  # report by report, and again
        assert world.one("SELECT count(*) FROM jobs WHERE status = 'completed'") == 12
    assert world.one("SELECT count(*) FROM stream_dead_letters") == 0


def test_no_storm_is_played_to_a_real_company(database):
    slug = f"real-{uuid4().hex[:6]}"
    accounts.add_tenant(slug, "Real Roofing")
    with tenancy.session(slug) as connection:
        connection.execute(text("INSERT INTO storms (slug, name, event_date) VALUES ('hail', 'Hail', '2021-04-28')"))
    with pytest.raises(BadInput, match="is a real one"):
        simulating.read_stage(slug, "hail")


def test_a_stand_in_is_shared_and_ends_with_the_last_who_uses_it(tmp_path, monkeypatch):
    monkeypatch.setenv("STORMPLAY_HOME", str(tmp_path))
    address = stand_in.ensure_running()
    assert stand_in.ensure_running() == address
    port = int(address.split(":")[1])
    pid = os.fork()
    if not pid:  # a second command, which is killed
        time.sleep(60)
        os._exit(0)
    stand_in.leave()
    time.sleep(0.3)
    assert stand_in._answers(port)  # somebody is left
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert seconds_until(lambda: not stand_in._answers(port)) < 5.0
