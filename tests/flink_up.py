"""Flink for the slow lane: its wheel, the connectors of deploy/lakehouse/pom.xml, one job manager, one task manager.

All listen on 127.0.0.1 only. Needs Java 17 and Maven; what is fetched is kept in build/ for the next run."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
LAKEHOUSE = ROOT / "deploy" / "lakehouse"
POM = LAKEHOUSE / "pom.xml"


def flink() -> Path:
    """A folder that is Flink's home, with the connectors in its lib; made once for each state of the pom."""
    version = re.search(r"<flink.version>(.*)</flink.version>", POM.read_text())[1]
    made = ROOT / "build" / "flink" / hashlib.sha256(POM.read_bytes()).hexdigest()[:16]
    home = made / "pyflink"
    if not (made / "ready").exists():
        shutil.rmtree(made, ignore_errors=True)
        wheels = [f"apache-flink=={version}", f"apache-flink-libraries=={version}"]
        uv = [Path(sys.executable).with_name("uv"), "pip", "install", "--quiet", "--no-deps", "--target", made]
        subprocess.run([*uv, *wheels], check=True)
        maven = ["mvn", "-q", "-B", "-f", POM, "dependency:copy-dependencies"]
        subprocess.run([*maven, f"-DoutputDirectory={home / 'lib'}"], check=True)
        for gateway in home.glob("lib/flink-sql-gateway*.jar"):  # the wheel leaves out what its SQL client needs
            gateway.rename(home / "opt" / gateway.name)
        for script in home.glob("bin/*"):
            script.chmod(0o755)
        (made / "ready").touch()
    return home


class Cluster:
    """One job manager and one task manager; either can be killed and started again."""

    def __init__(self, folder: Path, slots: int = 2) -> None:
        self.folder, self.home, self.port = folder, flink(), free_port()
        self.processes: dict[str, subprocess.Popen] = {}
        self.conf = folder / "conf"
        shutil.copytree(self.home / "conf", self.conf)
        shipped = yaml.safe_load((self.conf / "config.yaml").read_text())
        opened = shipped["env"]["java"]["opts"]["all"]  # what of Java's inside Flink may see
        (self.conf / "config.yaml").write_text(json.dumps({  # JSON is YAML
            "jobmanager.rpc.address": "127.0.0.1", "jobmanager.rpc.port": free_port(),
            "jobmanager.bind-host": "127.0.0.1", "taskmanager.bind-host": "127.0.0.1", "taskmanager.host": "127.0.0.1",
            "jobmanager.memory.process.size": "1g", "taskmanager.memory.process.size": "2g",
            "taskmanager.numberOfTaskSlots": slots, "rest.address": "127.0.0.1", "rest.bind-address": "127.0.0.1",
            "rest.port": self.port, "restart-strategy.type": "fixed-delay",
            "restart-strategy.fixed-delay.attempts": 1000, "restart-strategy.fixed-delay.delay": "500 ms",
            "heartbeat.interval": 1000, "heartbeat.timeout": 5000, "io.tmp.dirs": str(folder),
            "blob.server.port": free_port(), "env.java.opts.all": f"{opened} -XX:+UseSerialGC",
        }))  # fmt: skip
        self.environment = {**os.environ, "FLINK_HOME": str(self.home), "FLINK_CONF_DIR": str(self.conf),
                            "FLINK_LOG_DIR": str(folder)}  # fmt: skip

    def start(self, *which: str) -> None:
        for name in which or ("jobmanager", "taskmanager"):
            arguments = ["start-foreground"]
            with (self.folder / f"{name}.log").open("a") as log:
                self.processes[name] = subprocess.Popen(
                    [self.home / "bin" / f"{name}.sh", *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                    env=self.environment, start_new_session=True,
                )  # fmt: skip
        atexit.register(self.stop)
        self.wait(lambda: self.ask("/overview")["taskmanagers"] > 0, 180)

    def kill(self, *which: str) -> None:
        """kill -9, as a crash does it."""
        for name in which or tuple(self.processes):
            process = self.processes.pop(name)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.wait()

    def stop(self) -> None:
        self.kill()

    def submit(self, **told: str) -> str:
        done = subprocess.run([LAKEHOUSE / "submit.sh"], env=self.environment | told, capture_output=True, text=True,
                              check=False, timeout=600)  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ask(self, path: str) -> dict:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return json.load(answer)

    def job(self) -> dict:
        """The newest job: jid, state, and so on."""
        return max(self.ask("/jobs/overview")["jobs"], key=lambda job: job["start-time"])

    def checkpoints(self) -> int:
        """How many checkpoints the newest job has completed."""
        return self.ask(f"/jobs/{self.job()['jid']}/checkpoints")["counts"]["completed"]

    def wait(self, is_so, seconds: float = 60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(urllib.error.URLError, ConnectionError, KeyError, TimeoutError):
                if found := is_so():
                    return found
            for name, process in self.processes.items():
                assert process.poll() is None, (self.folder / f"{name}.log").read_text()[-4000:]
            time.sleep(0.2)
        raise AssertionError("it did not come to that; the logs are in " + str(self.folder))


class Doorway:
    """A port of this machine that leads to a server's socket file: Java knows no such files."""

    def __init__(self, path: Path) -> None:
        self.path, self.listener = path, socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(str(self.path))
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.listener.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
