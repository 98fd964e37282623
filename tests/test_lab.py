"""`stormplay lab` as an analyst has it, with code in its kernel that looks for what is not theirs."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest
import websocket
from sqlalchemy import text

from stormplay import accounts, broker
from stormplay import database as db
from stormplay.lab import room

ROOT = Path(__file__).resolve().parents[1]
STORMPLAY = Path(sys.executable).with_name("stormplay")
PLANTED = "planted-secret-4711"


@dataclass
class Lab:
    """A running lab, spoken with over HTTP as a browser does."""

    process: subprocess.Popen
    url: str
    log: Path

    @property
    def token(self):
        return parse_qs(urlsplit(self.url).query)["token"][0]

    def ask(self, method, path, body=None, *, token=True):
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        headers = {"Authorization": f"token {self.token}"} if token else {}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    def run(self, code):
        """What code prints in a kernel of the lab."""
        status, content = self.ask("POST", "/api/kernels", {"name": "python3"})
        assert status == 201, content
        kernel = json.loads(content)["id"]
        address = f"ws://{urlsplit(self.url).netloc}/api/kernels/{kernel}/channels?token={self.token}"
        heard = websocket.create_connection(address, timeout=60, suppress_origin=True)
        try:
            header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": "x", "username": "x",
                      "date": "2021-04-28T19:06:00Z", "version": "5.3"}  # fmt: skip
            content = {"code": code, "silent": False, "store_history": False, "user_expressions": {},
                       "allow_stdin": False}  # fmt: skip
            heard.send(json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content,
                                   "channel": "shell"}))  # fmt: skip
            printed = ""
            while True:
                message = json.loads(heard.recv())
                if message["parent_header"].get("msg_id") != header["msg_id"]:
                    continue
                if message["msg_type"] == "stream":
                    printed += message["content"]["text"]
                if message["msg_type"] == "error":
                    raise AssertionError("\n".join(message["content"]["traceback"]))
                if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                    return printed
        finally:
            heard.close()
            self.ask("DELETE", f"/api/kernels/{kernel}")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@contextlib.contextmanager
def lab_of(person, home, places, *options):
    log = places / f"{person}-{uuid.uuid4().hex[:6]}.log"
    environment = {**os.environ, "STORMPLAY_HOME": str(home), "STORMPLAY_LAB_HOME": str(places / "labs"),
                   "STORMPLAY_SECRET": PLANTED}  # fmt: skip
    with log.open("w") as said:
        command = [STORMPLAY, "lab", "--person", person, "--port", str(free_port()), *options]
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 60
        while not (found := re.search(r"is ready: (\S+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield Lab(process, found[1], log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(40)


def logins(purpose="lab"):
    with db.transaction(db.admin_url()) as connection:
        query = "SELECT p.username FROM sec.login l JOIN sec.person p USING (person_id) WHERE l.purpose = :p ORDER BY 1"
        return list(connection.execute(text(query), {"p": purpose}).scalars())


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    return tmp_path_factory.mktemp("labs")


@pytest.fixture(scope="module")
def labs(demo, places):
    """Two people's labs at once."""
    with lab_of("ana", demo, places) as ana, lab_of("ben", demo, places) as ben:
        yield {"ana": ana, "ben": ben}


def test_each_sees_their_own_companies(labs):
    code = "from stormplay import tenancy; print(sorted(tenancy.my_tenants()['slug']), tenancy.my_name())"
    ana, ben = labs["ana"].run(code), labs["ben"].run(code)
    assert "lone-star" in ana
    assert "trinity" not in ana
    assert "Ana Torres" in ana
    assert "trinity" in ben
    assert "lone-star" not in ben
    assert {"ana", "ben"} <= set(logins())


def test_the_notebooks_are_there_and_run(labs):
    status, content = labs["ana"].ask("GET", "/api/contents")
    assert status == 200
    assert "phase3_routes.ipynb" in {entry["name"] for entry in json.loads(content)["content"]}
    said = labs["ana"].run(
        "from stormplay import RouteBuilder\n"
        "print(RouteBuilder('lone-star', '2021-04-28').get_ledger()['properties'].sum())"
    )
    assert int(said) > 1_000


def test_without_the_token_nothing_is_served(labs):
    for path in (
        "/api/contents",
        "/api/kernels",
        "/lab",
        "/api/contents/phase3_routes.ipynb",
        "/files/phase3_routes.ipynb",
    ):
        status, content = labs["ana"].ask("GET", path, token=False)
        assert status in (302, 403), path
        assert b"nbformat" not in content
    status, _ = Lab(labs["ben"].process, labs["ben"].url, labs["ben"].log).ask("GET", "/api/contents")
    assert status == 200
    stolen = Lab(labs["ana"].process, labs["ana"].url.replace(labs["ana"].token, labs["ben"].token), labs["ana"].log)
    assert stolen.ask("GET", "/api/contents")[0] == 403, "a token opens its own lab alone"


SEARCH = """
import os, json, getpass
from pathlib import Path

seen = {"environment": dict(os.environ), "uid": os.getuid(), "groups": os.getgroups(), "user": getpass.getuser()}
texts = []
for pattern in ("environ", "cmdline"):
    for file in Path("/proc").glob("[0-9]*/" + pattern):
        try:
            texts.append(file.read_bytes().decode(errors="replace"))
        except OSError:
            pass
seen["processes"] = texts

def readable(root, most=4_000):
    found = []
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            try:
                if os.path.isfile(path) and os.path.getsize(path) < 50_000 and len(found) < most:
                    with open(path, "rb") as file:
                        found.append(path + ": " + file.read().decode(errors="replace"))
            except OSError:
                pass
    return found

seen["files"] = [text for root in ROOTS for text in readable(root)]
Path("found.json").write_text(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def seen(labs, demo, places):
    """What code in ana's kernel finds, and what it must not."""
    roots = [str(demo), str(places), str(ROOT / ".stormplay"), "/tmp", "/var/tmp", "/dev/shm", "/var/lib/stormplay"]
    labs["ana"].run(SEARCH.replace("ROOTS", json.dumps(roots)))
    found = json.loads((places / "labs" / "people" / "ana" / "found.json").read_text())
    secrets = json.loads((demo / "secrets.json").read_text())
    with db.transaction(db.admin_url()) as connection:
        hashes = connection.execute(text("SELECT password_hash FROM sec.person WHERE password_hash IS NOT NULL"))
        forbidden = {*secrets.values(), PLANTED, labs["ben"].token, *hashes.scalars()}
        others = connection.execute(text("""SELECT l.login FROM sec.login l JOIN sec.person p USING (person_id)
                                             WHERE p.username <> 'ana'""")).scalars()  # fmt: skip
        forbidden |= set(others)
    return found, forbidden


def isolated() -> bool:
    """Whether labs run on accounts of their own here: they do wherever they are started as root."""
    return os.geteuid() == 0


def test_the_environment_holds_one_credential_and_it_is_anas(seen):
    found, forbidden = seen
    url = found["environment"]["STORMPLAY_DATABASE_URL"]
    assert re.match(r"postgresql://k_[0-9a-f]{32}:", url)
    assert not [secret for secret in forbidden if secret in json.dumps(found["environment"])]
    assert not {name for name in found["environment"] if re.search("SECRET|TOKEN|PASSWORD|KEY", name)}


def test_no_process_shows_a_credential(seen):
    found, forbidden = seen
    everything = "\n".join(found["processes"])
    if not isolated():
        pytest.fail("these tests are to be run as root, as in CI: an ordinary account can read its own processes")
    assert not [secret for secret in forbidden if secret in everything]


def test_no_file_shows_a_credential(seen, labs):
    found, forbidden = seen
    everything = "\n".join(found["files"])
    assert not [secret for secret in forbidden if secret in everything]
    assert "secrets.json:" not in everything
    assert not [text for text in found["files"] if "/people/ben/" in text.split(": ")[0]], "nor what is ben's"


def test_it_is_an_account_of_its_own(seen, labs):
    found, _ = seen
    assert found["uid"] not in (0, os.getuid())
    assert found["user"] == "ana"
    assert 0 not in found["groups"]
    assert int(labs["ben"].run("import os; print(os.getuid())")) != found["uid"]


def test_nobody_else_can_be_become(labs):
    code = """
import os, subprocess
for attempt in (lambda: os.setuid(0), lambda: os.setgroups([0]), lambda: os.chroot("/"), lambda: os.mkdir("/etc/x"),
                lambda: open("/etc/shadow").read(), lambda: os.chmod("/etc/passwd", 0o666)):
    try:
        attempt()
        print("DONE")
    except OSError as error:
        print(type(error).__name__)
print(subprocess.run(["su", "-c", "id"], capture_output=True).returncode)
"""
    said = labs["ana"].run(code).split()
    assert "DONE" not in said
    assert said[-1] != "0"


def test_the_database_knows_who_it_is_whatever_it_tries(labs, demo):
    sockets = json.loads(labs["ana"].run(
        "import os, json; from sqlalchemy.engine import make_url\n"
        "print(json.dumps(dict(make_url(os.environ['STORMPLAY_DATABASE_URL']).query)))"
    ))  # fmt: skip
    code = f"""
import psycopg2
for user, password in (("postgres", ""), ("postgres", "postgres"), ("stormplay_broker", ""), ("stormplay_owner", "")):
    try:
        psycopg2.connect(host={sockets["host"]!r}, dbname="stormplay", user=user, password=password)
        print("IN")
    except psycopg2.OperationalError as error:
        print("refused")
from stormplay import broker
try:
    broker.open_kernel("ben")
    print("MINTED")
except Exception as error:
    print(type(error).__name__)
"""
    said = labs["ana"].run(code).split()
    assert said == ["refused"] * 4 + ["NotAllowed"]


def test_the_machines_process_list_shows_no_token_and_no_password(labs, demo):
    secrets = json.loads((demo / "secrets.json").read_text())
    lines = []
    for process in psutil.process_iter(["cmdline"]):
        lines.append(" ".join(process.info["cmdline"] or []))
    listed = "\n".join(lines)
    assert "stormplay.lab.inside" in listed, "it is there"
    for secret in (labs["ana"].token, labs["ben"].token, *secrets.values(), PLANTED):
        assert secret not in listed
    assert "postgresql://k_" not in listed


def test_an_edited_notebook_survives_the_next_start(demo, places):
    folder = places / "labs" / "people" / "vic"
    with lab_of("vic", demo, places) as vic:
        _, content = vic.ask("GET", "/api/contents/phase3_routes.ipynb")
        book = json.loads(content)
        book["content"]["cells"][0]["source"] = "# Mine"
        assert (
            vic.ask("PUT", "/api/contents/phase3_routes.ipynb", {"type": "notebook", "content": book["content"]})[0]
            == 200
        )
    assert "vic" not in logins()
    with lab_of("vic", demo, places) as vic:
        assert b"# Mine" in vic.ask("GET", "/api/contents/phase3_routes.ipynb")[1]
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_kill_of_the_lab_leaves_no_process_and_a_login_that_ends(demo, places):
    with lab_of("vic", demo, places) as vic:
        children = psutil.Process(vic.process.pid).children(recursive=True)
        assert children
        vic.process.kill()
        vic.process.wait(10)
        _, alive = psutil.wait_procs(children, timeout=25)
        assert alive == []
    assert "vic" in logins()
    with db.transaction(db.admin_url()) as connection:
        left = connection.execute(text("""SELECT max(extract(epoch FROM l.expires_at - now())) FROM sec.login l
            JOIN sec.person p USING (person_id) WHERE p.username = 'vic' AND l.purpose = 'lab'"""))  # fmt: skip
        assert left.scalar_one() <= 900
        connection.execute(text("UPDATE sec.login SET expires_at = now() WHERE purpose = 'lab' AND person_id IN "
                                "(SELECT person_id FROM sec.person WHERE username = 'vic')"))  # fmt: skip
    broker.reap()
    assert "vic" not in logins()


def test_a_closed_account_ends_its_lab(demo, places):
    accounts.add_person("lena", "Lena Lab", "hailstorm-1")
    accounts.add_member("lena", "trinity", "analyst")
    code = ("import sys; from pathlib import Path; from stormplay import lab\n"
            "from stormplay.cli import say\nfrom stormplay.errors import StormplayError\n"
            f"try: lab.serve('lena', notebooks=Path({str(ROOT / 'notebooks')!r}), port={free_port()}, ttl_s=60,"
            " renew_every_s=0.5, ready=lambda url: print('ready', flush=True))\n"
            "except StormplayError as error: print(error); sys.exit(error.exit_code)")  # fmt: skip
    environment = {**os.environ, "STORMPLAY_HOME": str(demo), "STORMPLAY_LAB_HOME": str(places / "labs")}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().strip() == "ready"
    accounts.disable("lena")
    said, _ = process.communicate(timeout=60)
    assert said.strip() == "The account 'lena' has been disabled, so JupyterLab was stopped."
    assert process.returncode == 2
    assert "lena" not in logins()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--person", "mallory"), "There is no open account 'mallory'."),
        (("--person", "ana", "--port", "0"), "There is no port 0."),
        (("--person", "ana", "--folder", "/etc"), "The folder /etc belongs to another account."),
    ],
)
def test_what_cannot_be_is_a_sentence(demo, places, options, sentence):
    environment = {**os.environ, "STORMPLAY_HOME": str(demo), "STORMPLAY_LAB_HOME": str(places / "labs")}
    command = [STORMPLAY, "lab", "--port", str(free_port()), *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(sentence)


def test_a_folder_on_the_way_that_is_closed_is_named(tmp_path):
    closed = tmp_path / "closed"
    (closed / "below").mkdir(parents=True)
    assert room.closed_at(str(closed / "below")) is None
    assert room.closed_at(str(tmp_path / "missing")) == str(tmp_path / "missing")
