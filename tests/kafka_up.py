"""Two brokers behind one small interface: the wheel's for quick tests, Apache Kafka itself for the slow lane.

Both listen on 127.0.0.1 only, keep their data below the given folder, and can be killed and started again."""

from __future__ import annotations

import atexit
import base64
import hashlib
import importlib.util
import os
import random
import subprocess
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_connection, create_server

import kafka_secured
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError

ROOT = Path(__file__).resolve().parents[1]
POM = ROOT / "tools" / "kafka" / "pom.xml"
JAVA = (
    "java",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)


@dataclass
class Node:
    """One process of a broker."""

    command: list[str]
    log: Path
    process: subprocess.Popen | None = None

    def start(self) -> None:
        with self.log.open("a") as said:
            self.process = subprocess.Popen(self.command, stdout=said, stderr=said, stdin=subprocess.DEVNULL)
        atexit.register(self.kill)

    def kill(self) -> None:
        """As a crash does it."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def ask_to_end(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()

    def end(self, seconds: float) -> None:
        if self.process:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
            self.kill()


@dataclass
class Broker:
    """A running broker; ``kind`` is 'development' or 'apache'. As a context it is stopped at the end."""

    kind: str
    bootstrap: str
    nodes: list[Node]
    settings: dict[str, object] = field(default_factory=dict)  # what a client needs beside ``bootstrap``

    def start(self, node: int | None = None) -> None:
        """All nodes, or one, on the ports and data of before; returns when all that should run answer."""
        for each in self._chosen(node):
            each.start()
        self._wait()

    def kill(self, node: int | None = None) -> None:
        """kill -9 of all nodes, or of one."""
        for each in self._chosen(node):
            each.kill()

    def stop(self) -> None:
        """Asked to, and soon after that made to: the last nodes of a cluster wait for a quorum that is gone."""
        for each in self.nodes:
            each.ask_to_end()
        for each in self.nodes:
            each.end(5 if len(self.nodes) == 1 else 1)

    def topic(self, name: str, partitions: int = 1) -> None:
        """Make a topic; each of its partitions has a leader when this returns."""
        with self.admin() as admin:
            admin.create_topics([NewTopic(name, partitions, min(len(self.nodes), 3))])
            admin.wait_for_topics([name])

    def admin(self) -> KafkaAdminClient:
        """A client that gives up soon: while a broker starts, it is asked again and again."""
        brief = {"reconnect_backoff_max_ms": 100, "bootstrap_timeout_ms": 2_000}
        return KafkaAdminClient(bootstrap_servers=self.bootstrap, **brief | self.settings)

    def __enter__(self) -> Broker:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _chosen(self, node: int | None) -> list[Node]:
        return self.nodes if node is None else [self.nodes[node]]

    def _answering(self, admin: KafkaAdminClient) -> int:
        if self.kind == "apache":
            return len(admin.describe_cluster()["brokers"])
        admin.list_topics()  # the stand-in is one node, and does not describe itself
        return 1

    def _wait(self, seconds: float = 60) -> None:
        """Until every node that runs takes connections, and they know of each other."""
        deadline, last = time.monotonic() + seconds, None
        while time.monotonic() < deadline:
            states = [node.process.poll() if node.process else -9 for node in self.nodes]
            for node, state in zip(self.nodes, states, strict=True):
                assert state in (None, -9), node.log.read_text()[-4000:]
            try:
                for address, state in zip(self.bootstrap.split(","), states, strict=True):
                    if state is None:
                        create_connection(address.split(":"), 1).close()
                with self.admin() as admin:
                    if self._answering(admin) >= states.count(None):
                        return
            except (OSError, KafkaError) as error:
                last = error
            time.sleep(0.05)
        raise AssertionError(f"the broker did not answer ({last!r}): {self.nodes[0].log.read_text()[-4000:]}")


def free_ports(count: int) -> list[int]:
    """Below those that the system gives away: who asks a dead broker's port for long may else be given it himself."""
    found: set[int] = set()
    while len(found) < count:
        port = random.randrange(20_000, 32_000)
        with suppress(OSError), create_server(("127.0.0.1", port)):
            found.add(port)
    return list(found)


def development(folder: Path) -> Broker:
    """noida-db's binary with nothing but its Kafka service."""
    folder.mkdir(parents=True, exist_ok=True)
    package = Path(importlib.util.find_spec("noida_db").origin).parent
    port = free_ports(1)[0]
    command = [str(package / "noida-db"), "start", "--data-dir", str(folder / "data"), "--host", "127.0.0.1"]
    command += ["--only", "kafka", "--kafka-port", str(port)]
    broker = Broker("development", f"127.0.0.1:{port}", [Node(command, folder / "broker.log")])
    broker.start()
    return broker


def apache(folder: Path, nodes: int = 1, *, secured: bool = False) -> Broker:
    """Apache Kafka in KRaft mode; each node is broker and controller. Needs Java 17 and Maven.

    Secured, its clients are told the door that wants TLS and a password, and ``settings`` open it."""
    ports = [tuple(free_ports(3)) for _ in range(nodes)]
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    if secured:
        kafka_secured.certify(folder)
    made = []
    for number in range(nodes):
        room = folder / f"node{number}"
        room.mkdir(parents=True)
        told = properties(room, number, ports) | (kafka_secured.of_node(folder, ports[number]) if secured else {})
        (room / "server.properties").write_text("".join(f"{key}={value}\n" for key, value in told.items()))
        base = [*JAVA, "-cp", classpath()]
        formatting = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(room / "server.properties")]
        subprocess.run([*base, *formatting, *kafka_secured.formatting()], check=True, capture_output=True)
        made.append(Node([*base, "kafka.Kafka", str(room / "server.properties")], room / "broker.log"))
    bootstrap = ",".join(f"127.0.0.1:{secure if secured else plain}" for plain, _, secure in ports)
    broker = Broker("apache", bootstrap, made, kafka_secured.of_client(folder) if secured else {})
    broker.start()
    return broker


def properties(room: Path, number: int, ports: list[tuple[int, ...]]) -> dict[str, object]:
    """The settings of one node; ``ports`` are each node's for clients, controllers and clients with a password."""
    copies, safe = min(len(ports), 3), 2 if len(ports) > 2 else 1
    plain, controller, _ = ports[number]
    return {
        "process.roles": "broker,controller",
        "node.id": number,
        "controller.quorum.voters": ",".join(f"{n}@127.0.0.1:{port}" for n, (_, port, _) in enumerate(ports)),
        "listeners": f"PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": room / "data",
        "auto.create.topics.enable": "false",  # as where topics are somebody's decision
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": safe,
        "min.insync.replicas": safe,
        "broker.session.timeout.ms": 3_000,  # so long a killed node's place is kept from the node that follows it
        "broker.heartbeat.interval.ms": 300,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        "log.cleaner.dedupe.buffer.size": 4_000_000,
    }


def classpath() -> str:
    """Kafka's jars as Maven resolves them, asked once for each state of the pom."""
    kept = ROOT / "build" / "kafka" / hashlib.sha256(POM.read_bytes()).hexdigest()[:16]
    if not kept.exists() or not all(Path(jar).exists() for jar in kept.read_text().split(os.pathsep)):
        kept.parent.mkdir(parents=True, exist_ok=True)
        fresh = kept.with_suffix(f".{os.getpid()}")
        asked = ["mvn", "-q", "-B", "-f", str(POM), "dependency:build-classpath", f"-Dmdep.outputFile={fresh}"]
        subprocess.run(asked, check=True)
        fresh.replace(kept)
    return kept.read_text()
