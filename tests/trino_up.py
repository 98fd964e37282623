"""A Trino server for the slow lane, with the catalogs and the rules of deploy/lakehouse/trino.

Maven has its package to version 476, which needs Java 24 or later. Without TLS here, so it believes who a client says
that it is: what is tried is what each person may see, not whether they are that person."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import tarfile
import time
import urllib.request
from pathlib import Path

from flink_up import LAKEHOUSE, ROOT, free_port

VERSION = "476"
PLUGINS = ("iceberg", "postgresql", "geospatial")  # of the last, the second asks a type


def java() -> Path | None:
    """The home of a Java that is new enough."""
    for home in (Path(os.environ.get("JAVA_HOME", "/none")), *sorted(Path("/usr/lib/jvm").glob("*"), reverse=True)):
        if (home / "release").exists():
            found = re.search(r'JAVA_VERSION="(\d+)', (home / "release").read_text())
            if found and int(found[1]) >= 24:
                return home
    return None


def home() -> Path:
    """Trino's folder, with the plugins that are needed; fetched once."""
    made = ROOT / "build" / "trino" / f"trino-server-{VERSION}"
    if not (made / "ready").exists():
        asked = f"-Dartifact=io.trino:trino-server:{VERSION}:tar.gz"
        shutil.rmtree(made, ignore_errors=True)
        made.parent.mkdir(parents=True, exist_ok=True)
        copied = ["mvn", "-q", "-B", "dependency:copy", asked, f"-DoutputDirectory={made.parent}"]
        subprocess.run(copied, check=True)
        package = made.parent / f"trino-server-{VERSION}.tar.gz"
        with tarfile.open(package) as archive:
            archive.extractall(made.parent, filter="data")  # all of it: its plugins are links to each other's files
        package.unlink()
        for plugin in (made / "plugin").iterdir():
            if plugin.name not in PLUGINS:
                shutil.rmtree(plugin)
        (made / "ready").touch()
    return made


class Trino:
    """One server; ``url(person)`` is its address as that person."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.port, self.folder = free_port(), folder
        etc = folder / "etc"
        shutil.copytree(LAKEHOUSE / "trino", etc)
        (etc / "password-authenticator.properties").unlink()
        (etc / "node.properties").write_text(f"node.environment=test\nnode.data-dir={folder}/data\n")
        (etc / "config.properties").write_text(
            f"coordinator=true\nnode-scheduler.include-coordinator=true\nhttp-server.http.port={self.port}\n"
            f"discovery.uri=http://127.0.0.1:{self.port}\nnode.internal-address=127.0.0.1\n"
            "http-server.http.enabled=true\nquery.max-memory-per-node=600MB\n"
        )
        rules = f"access-control.name=file\nsecurity.config-file={etc}/rules.json\n"
        (etc / "access-control.properties").write_text(rules)
        jvm = (etc / "jvm.config").read_text().replace("-Xmx3G", "-Xmx1500M\n-XX:+UseSerialGC")
        (etc / "jvm.config").write_text(jvm)
        runs_on = java()
        told = {**os.environ, **environment, "JAVA_HOME": str(runs_on), "PATH": f"{runs_on}/bin:{os.environ['PATH']}"}
        with (folder / "trino.log").open("a") as log:
            self.process = subprocess.Popen(
                [home() / "bin" / "launcher", "run", "--etc-dir", etc], env=told, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        atexit.register(self.stop)
        self._wait()

    def url(self, person: str) -> str:
        return f"http://{person}@127.0.0.1:{self.port}/lake"

    def _wait(self, seconds: float = 180) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            said = (self.folder / "trino.log").read_text()
            assert self.process.poll() is None, said[-4000:]
            if "SERVER STARTED" in said:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v1/info", timeout=10).close()
                return
            time.sleep(0.5)
        raise AssertionError((self.folder / "trino.log").read_text()[-4000:])

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, 9)
            self.process.wait()
