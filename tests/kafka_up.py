"""Two brokers behind one small interface: the wheel's for quick tests, Apache Kafka itself for the slow lane.

Both listen on 127.0.0.1 only, keep their data below the given folder, and can be killed and started again."""

from __future__ import annotations

import atexit
import base64
import hashlib
import importlib.util
import os
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_server

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

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
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
        for each in self.nodes:
            each.stop()

    def topic(self, name: str, partitions: int = 1) -> None:
        """Make a topic; each of its partitions has a leader when this returns."""
        with self.admin() as admin:
            admin.create_topics([NewTopic(name, partitions, min(len(self.nodes), 3))])
            admin.wait_for_topics([name])

    def admin(self) -> KafkaAdminClient:
        return KafkaAdminClient(bootstrap_servers=self.bootstrap, **self.settings)

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
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            alive = [node for node in self.nodes if node.process and node.process.poll() is None]
            gone = [node for node in self.nodes if node.process and node.process.poll() not in (None, -9)]
            assert not gone, gone[0].log.read_text()[-4000:]
            try:
                with self.admin() as admin:
                    if self._answering(admin) >= len(alive):
                        return
            except KafkaError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"the broker did not answer: {self.nodes[0].log.read_text()[-4000:]}")


def free_ports(count: int) -> list[int]:
    probes = [create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


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


def apache(folder: Path, nodes: int = 1) -> Broker:
    """Apache Kafka in KRaft mode; each node is broker and controller. Needs Java 17 and Maven."""
    ports = free_ports(2 * nodes)
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    made = []
    for number in range(nodes):
        room = folder / f"node{number}"
        room.mkdir(parents=True)
        told = room / "server.properties"
        told.write_text("".join(f"{key}={value}\n" for key, value in properties(room, number, ports).items()))
        base = [*JAVA, "-cp", classpath()]
        formatting = [*base, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(told)]
        subprocess.run(formatting, check=True, capture_output=True)
        made.append(Node([*base, "kafka.Kafka", str(told)], room / "broker.log"))
    broker = Broker("apache", ",".join(f"127.0.0.1:{port}" for port in ports[:nodes]), made)
    broker.start()
    return broker


def properties(room: Path, number: int, ports: list[int]) -> dict[str, object]:
    """The settings of one node; the first half of ``ports`` are the brokers', the second the controllers'."""
    nodes = len(ports) // 2
    copies, safe = min(nodes, 3), 2 if nodes > 2 else 1
    client, controller = ports[number], ports[nodes + number]
    return {
        "process.roles": "broker,controller",
        "node.id": number,
        "controller.quorum.voters": ",".join(f"{n}@127.0.0.1:{ports[nodes + n]}" for n in range(nodes)),
        "listeners": f"PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{client}",
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
