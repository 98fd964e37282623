"""Apache Kafka itself, and what kafka-python makes of it when brokers and members of a group are killed."""

from __future__ import annotations

import threading
import time

import kafka_up
import pytest
from group_member import SESSION_S, Member, when
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaTimeoutError

from stormplay.streaming import refusal


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with kafka_up.apache(tmp_path_factory.mktemp("kafka") / "one") as running:
        yield running


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    with kafka_up.apache(tmp_path_factory.mktemp("kafka") / "secured", secured=True) as running:
        yield running


@pytest.fixture
def group(broker, request):
    """Starts members of a group of this test's own; they end with it."""
    started = []

    def start(**settings):
        started.append(Member(broker.bootstrap, group_id=request.node.name, **settings))
        return started[-1]

    yield start
    for member in started:
        member.kill()


class Source:
    """A producer that writes numbers to all partitions of a topic until it is told to stop."""

    def __init__(self, broker, topic, partitions):
        settings = {"linger_ms": 0, "reconnect_backoff_max_ms": 500, **broker.settings}
        self.producer = KafkaProducer(bootstrap_servers=broker.bootstrap, **settings)
        self.topic, self.partitions, self.sent, self.running = topic, partitions, [], True
        self.thread = threading.Thread(target=self._write)

    def _write(self):
        number = 0
        while self.running:
            for partition in range(self.partitions):
                self.sent.append(self.producer.send(self.topic, str(number).encode(), partition=partition))
            number += 1
            time.sleep(0.02)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.running = False
        self.thread.join()
        self.acknowledged = [record.get(60).offset for record in self.sent]
        self.producer.close()


def read(broker, topic):
    """All values of each partition, in order."""
    settings = {"group_id": None, "auto_offset_reset": "earliest", "consumer_timeout_ms": 2_000, **broker.settings}
    found: dict[int, list[int]] = {}
    with KafkaConsumer(topic, bootstrap_servers=broker.bootstrap, **settings) as consumer:
        for record in consumer:
            found.setdefault(record.partition, []).append(int(record.value))
    return found


def test_what_was_acknowledged_outlives_kills(broker):
    broker.topic("kills", 2)
    with Source(broker, "kills", 2) as source:
        for _ in range(3):
            time.sleep(1)
            broker.kill()
            broker.start()
        time.sleep(1)
    numbers = len(source.acknowledged) // 2
    assert numbers > 100
    assert read(broker, "kills") == {0: list(range(numbers)), 1: list(range(numbers))}


def test_what_a_killed_member_held_is_taken_over(broker, group):
    broker.topic("storm_events_takeover", 4)
    with Source(broker, "storm_events_takeover", 4):
        staying, going = group(), group()
        for member in (staying, going):
            when([member], lambda line: len(line.get("assigned", [])) >= 2, member.began)
        time.sleep(1)
        held, killed = [place for place in going.holds() if "takeover" in place], time.monotonic()
        going.kill()
        assert held
        for place in held:
            took = when([staying], lambda line, place=place: line.get("read") == place, killed)
            print(f"{place} was taken over in {took:.2f} s")
            assert took <= SESSION_S + 3


def test_a_static_member_resumes(broker, group):
    broker.topic("storm_events_static", 1)
    with Source(broker, "storm_events_static", 1):
        member = group(group_instance_id="one")
        when([member], lambda line: line.get("read") == "storm_events_static:0", member.began)
        took = []
        for _ in range(3):
            time.sleep(1)
            killed = time.monotonic()
            member.kill()
            member = group(group_instance_id="one")
            took.append(when([member], lambda line: line.get("read") == "storm_events_static:0", killed))
    print(f"resumed in {[round(seconds, 2) for seconds in took]} s")
    assert sorted(took)[1] <= 2


def test_a_new_storms_topic_is_found(broker, group):
    """By two members, with records on their way, where the group waits for each of them: several times."""
    broker.topic("storm_events_first", 4)
    members = [group(), group()]
    with Source(broker, "storm_events_first", 4) as source:
        for member in members:
            when([member], lambda line: len(line.get("assigned", [])) >= 2, member.began)
        for number in range(5):
            time.sleep(1.7)
            made, topic = time.monotonic(), f"storm_events_new_{number}"
            broker.topic(topic)
            source.producer.send(topic, b"0")
            took = when(members, lambda line, topic=topic: line.get("read") == f"{topic}:0", made)
            print(f"{topic} was found in {took:.2f} s")
            assert took < 5


def test_one_node_of_three_may_die(tmp_path):
    with kafka_up.apache(tmp_path / "three", nodes=3) as cluster:
        cluster.topic("nodes", 3)
        with Source(cluster, "nodes", 3) as source:
            for node in range(3):
                time.sleep(1)
                cluster.kill(node)
                time.sleep(4)  # longer than its place is kept: others lead its partitions by now
                cluster.start(node)
        numbers = len(source.acknowledged) // 3
        assert read(cluster, "nodes") == {partition: list(range(numbers)) for partition in range(3)}


WRONG = [
    ({"sasl_plain_password": "no"}, "password"),
    ({"ssl_cafile": None}, "signed by nobody whom we trust"),
    ({"security_protocol": "SASL_PLAINTEXT"}, "hangs up"),
    ({"sasl_mechanism": "PLAIN", "sasl_plain_password": "hailstorm-1"}, "mechanism"),
    ({"bootstrap_servers": "127.0.0.1:1"}, "Nobody listens there"),
]


def test_tls_and_a_password_are_passed_through(secured):
    secured.topic("secret")
    with Source(secured, "secret", 1):
        time.sleep(0.2)
    assert read(secured, "secret")[0][0] == 0


@pytest.mark.parametrize(("change", "said"), WRONG)
def test_who_is_not_let_in_learns_why(secured, change, said):
    settings = {"bootstrap_servers": secured.bootstrap, "bootstrap_timeout_ms": 3_000, **secured.settings, **change}
    with refusal.listening() as heard, pytest.raises(KafkaTimeoutError):
        KafkaConsumer(**settings)
    assert said in heard.reason()[0]
