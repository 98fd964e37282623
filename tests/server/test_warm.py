"""Kernels that are forked: as good as started ones, of nobody but their visitor, and gone when the server is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import processes
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from visitor import PLANTED, eventually, logins, serving

from stormplay import accounts, broker
from stormplay.forking.children import forget_the_dice
from stormplay.forking.environment import nursery_environment
from stormplay.server import forks as server_forks
from stormplay.server.forks import Forks

pytestmark = pytest.mark.long

NARROW = {"memory_mb": 900, "tick_s": 0.5}
TOO_MUCH = "This page needed more memory than a page may have (900 MB)."
QUERY = "?tenant=lone-star&storm=2021-04-28"


def site_of(kind, database, notebooks, tmp_path_factory, **kernels):
    settings = {"Kernels": {**NARROW, **kernels}}
    return serving(tmp_path_factory.mktemp(kind), database, notebooks, settings=settings)


@pytest.fixture(scope="module")
def warm(database, notebooks, tmp_path_factory):
    with site_of("warm", database, notebooks, tmp_path_factory) as running:
        yield running


@pytest.fixture(scope="module")
def cold(database, notebooks, tmp_path_factory):
    with site_of("cold", database, notebooks, tmp_path_factory, warm=False) as running:
        yield running


# ---- the nursery


def test_the_nursery_knows_nothing_and_does_nothing(warm):
    nursery = processes.nursery(warm)
    assert nursery.num_threads() == 1
    assert nursery.net_connections() == [], "nobody can connect to it"
    known = nursery.environ()
    assert known == nursery_environment(known), "every name of it is allowed"
    assert not [name for name in known if name.startswith(("STORMPLAY", "PG"))]
    assert PLANTED not in "".join(known.values())
    *known, control = [name for _, name in sorted(processes.files(nursery).items())]
    assert known == ["/dev/null", str(warm.log), str(warm.log)]
    assert control.startswith("socket:"), "one way to the server, and nothing else"
    assert os.getsid(nursery.pid) == nursery.pid, "Ctrl-C is for the server"


def test_one_that_was_begun_before_its_server_is_taken_over():
    server_forks.begin()
    process = server_forks._begun[0]._process
    mine, another = (Forks(logging.getLogger(__name__)) for _ in range(2))
    try:
        assert mine.at_hand() is not None and mine._process is process and process.poll() is None
        assert another._process is None, "each has its own"
    finally:
        mine.end()
    assert process.poll() is not None


def test_a_forked_kernel_is_like_a_started_one(warm, cold, visitor):
    """What differs is the name of its files, and who watches over it."""
    saw = {}
    for kind, site in (("forked", warm), ("started", cold)):
        state = saw[kind] = visitor("ana", at=site).open("state", QUERY).printed()
        folder = Path(state["argv"].pop()).parent
        own = {"TMPDIR": str(site.tmp), "IPYTHONDIR": f"{folder}/ipython", "SERVER_PORT": str(site.port)}
        assert own.items() <= state["environment"].items()
        by_import = ("PYDEVD_USE_FRAME_EVAL", "JPY_PARENT_PID")  # set by what a started kernel imports or is started by
        for name in (*own, *by_import, "STORMPLAY_DATABASE_URL"):
            state["environment"].pop(name, None)
        assert state["temporary"] == str(site.tmp)
        state["handlers"] = {name: re.sub(" at 0x.*", "", value) for name, value in state["handlers"].items()}
        state["parent"] = state["parent"] == (processes.nursery(site) if kind == "forked" else site.process).pid
        state["threads"] = len(state["threads"])  # the one that watches the server among them
        for name in ("started_with", "files", "temporary", "pid"):
            del state[name]
    assert saw["forked"] == saw["started"]
    assert saw["forked"]["limits"]["RLIMIT_DATA"] == [900 * 2**20] * 2
    assert saw["forked"]["marks"] == [None] * 5


def test_a_forked_kernel_has_no_file_of_the_nurserys(warm, visitor):
    """No socket to the nursery or the server, no other kernel's pipe: what it has open, it has opened."""
    first = visitor("ana", at=warm).open("state").printed()
    saw = visitor("ben", at=warm).open("state").printed()
    nursery, server = processes.files(processes.nursery(warm)), processes.files(psutil.Process(warm.process.pid))

    own = {name for number, name in saw["files"].items() if int(number) > 2 and re.match("socket|pipe", name)}
    assert not own & set(nursery.values())
    assert len(own & set(server.values())) == 1, "the pipe of its own, on which the server told it who it is"
    others = {name for name in first["files"].values() if re.match("socket|pipe", name)}
    assert not own & others
    assert saw["files"]["0"] == "/dev/null"
    assert saw["leads"] == [True, True]
    assert "STORMPLAY" not in saw["started_with"]


@pytest.mark.parametrize("kind", ["warm", "cold"])
def test_a_page_that_connects_in_the_middle_hears_all_from_the_beginning(kind, visitor, request):
    """Else it would hear of a box with a label in it, and not of the label."""
    ana = visitor("ana", at=request.getfixturevalue(kind))
    page = ana.open("halves")
    with contextlib.closing(ana.socket(f"/voila/execution/{page.kernel_id}")) as cells:
        while "Opening" not in json.loads(cells.recv()).get("status", ""):
            continue
        time.sleep(0.5)
        speaker = page.channel()
    heard = speaker.info()
    opened = [message["content"]["data"]["state"]["_model_name"] for message in heard
              if message["msg_type"] == "comm_open"]  # fmt: skip
    assert {"LabelModel", "BoxModel"} <= set(opened)
    assert opened.index("LabelModel") < opened.index("BoxModel")
    assert len([message["header"]["msg_id"] for message in heard]) == len(
        {message["header"]["msg_id"] for message in heard}
    ), "and nothing twice"


# ---- of nobody but their visitor


def backwards(page_login: str, *more: str) -> str:
    password = re.search(":([0-9a-f]{64})@", page_login).group(1)
    return "?backwards=" + ".".join(text[::-1] for text in (password, *more))


def test_nothing_of_a_visitor_is_left_for_the_next(warm, visitor):
    """One after another, and while the first is still there: no mark, and no byte of a password or an address."""
    ana, ben, token = visitor("ana", at=warm), visitor("ben", at=warm), "tok-7d1f0e9b11"
    marked = ana.open("marks", f"?token={token}")
    login = marked.printed()["login"]
    for _ in range(2):
        after = ben.open("state").printed()
        found = ben.open("seeks", backwards(login, token)).printed()
        assert found.pop("own") > 0, "it finds what is there"
        assert list(found.values()) == [0, 0], "nothing of ana's was ever in what it was forked from"
        assert after["marks"] == [None] * 5
        assert "mark" not in json.dumps({name: value for name, value in after.items() if name != "marks"})
        assert after["cwd"] == str(warm.notebooks)
        marked.close()


@pytest.mark.parametrize("way", ["signed out", "disabled"])
def test_two_people_see_what_is_theirs_also_when_one_is_thrown_out(way, warm, visitor):
    accounts.add_person("cleo", "Cleo Marsh", "hailstorm-1")
    accounts.add_member("cleo", "trinity", "viewer")
    ana, cleo = visitor("ana", at=warm), visitor("cleo", at=warm)
    with ThreadPoolExecutor(2) as both:
        pages = list(both.map(lambda person: person.open("who"), (ana, cleo)))
        saw_ana, saw_cleo = both.map(lambda page: page.printed(), pages)
    assert (saw_ana["name"], saw_ana["tenants"], saw_ana["person"]) == ("Ana Torres", ["lone-star"], "ana")
    assert (saw_cleo["name"], saw_cleo["tenants"], saw_cleo["person"]) == ("Cleo Marsh", ["trinity"], "cleo")
    assert {psutil.Process(saw["pid"]).ppid() for saw in (saw_ana, saw_cleo)} == {processes.nursery(warm).pid}
    mine = pages[0].channel()
    if way == "signed out":
        assert cleo.post("/logout").status == 303
    else:
        accounts.disable("cleo")
    try:
        eventually(lambda: not psutil.pid_exists(saw_cleo["pid"]), seconds=6)
        eventually(lambda: saw_cleo["login"] not in logins())
        again = ana.open("who").printed()
        assert (again["name"], again["tenants"], again["person"]) == ("Ana Torres", ["lone-star"], "ana")
        assert saw_cleo["login"] not in again["values"]
        assert mine.info(), "the page that was open all the while works on"
    finally:
        accounts.enable("cleo")


def test_no_two_kernels_draw_the_same_numbers(warm, visitor):
    pages = [visitor(name, at=warm).open("draws") for name in ("ana", "ben", "vic")]
    drawn = [page.printed() for page in pages]
    for kind in zip(*drawn, strict=True):
        assert len(set(kind)) == len(kind)


@given(st.integers(0, 2**32 - 1))
def test_the_dice_do_not_remember_what_they_were_forked_with(seed):
    def draws():
        random.seed(seed)
        np.random.seed(seed)
        forget_the_dice()
        return random.random(), np.random.random(), np.random.random()

    assert not set(draws()) & set(draws())


# ---- memory


@pytest.mark.parametrize(
    ("book", "kind"),
    [("greedy", "warm"), ("greedy", "cold"), ("collects", "warm"), ("collects", "cold")],
)
def test_a_page_that_wants_too_much_is_told_so_and_no_other_is_hurt(kind, book, visitor, request):
    site = request.getfixturevalue(kind)
    other = visitor("ben", at=site).open("who")
    told = visitor("ana", at=site).open(book).run()
    (failed,) = [message["failed"] for message in told if message.get("failed")]
    assert TOO_MUCH in failed
    assert other.printed()["name"] == "Ben Okafor"


def test_a_callback_that_wants_too_much_ends_nothing(warm, visitor):
    page = visitor("ana", at=warm).open("spends")
    saw, speaker = page.printed(), page.channel()
    speaker.info()
    click = {"method": "custom", "content": {"event": "click"}}
    heard = speaker.hear(until=speaker.message(saw["button"], click))
    (error,) = [message["content"] for message in heard if message["msg_type"] == "error"]
    assert "Traceback" not in json.dumps(heard)
    assert error["evalue"]
    assert speaker.info(), "the kernel goes on"
    assert psutil.Process(saw["pid"]).memory_info().rss < 900 * 2**20


# ---- its end


def test_without_its_nursery_a_server_goes_on(warm, visitor):
    """Pages that are open stay open, new ones start cold, and a while later there is another nursery."""
    ana, ben, said = visitor("ana", at=warm), visitor("ben", at=warm), len(warm.said())
    page = ana.open("who")
    saw, speaker, first = page.printed(), page.channel(), processes.nursery(warm)
    os.kill(first.pid, signal.SIGKILL)
    assert speaker.info()
    new = ben.open("who").printed()
    assert new["name"] == "Ben Okafor"
    assert speaker.info()
    eventually(lambda: processes.of(warm, processes.NURSERY) not in ([], [first]), 60)
    assert "the nursery is lost" in warm.said(said)
    eventually(lambda: psutil.Process(ben.open("who").printed()["pid"]).ppid() == processes.nursery(warm).pid)
    assert speaker.info(), "its kernel is no child of this nursery"
    assert page.close().status == 204
    eventually(lambda: not psutil.pid_exists(saw["pid"]))


def test_a_kernel_that_ends_by_itself_is_buried_with_what_it_left_running(warm, visitor):
    ana, ben = visitor("ana", at=warm), visitor("ben", at=warm)
    pid = ana.open("who").printed()["pid"]
    before = ben.open("who").printed()["pid"]
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: not psutil.pid_exists(pid))
    assert psutil.pid_exists(before)


@pytest.fixture
def tidied():
    """End what servers leave in the database when they are killed; by themselves it would end in a while."""
    before = logins()
    yield
    for login in logins() - before:
        broker.close_kernel(login)


@pytest.mark.usefixtures("tidied")
@pytest.mark.parametrize("with_it", ["server", "server and nursery"])
def test_a_server_that_is_killed_leaves_no_process(with_it, database, notebooks, visitor, tmp_path):
    """Forked kernels, one that no signal handler and no thread can reach, and a cold one whose nursery was lost."""
    with serving(tmp_path / "killed", database, notebooks) as site:
        ana, ben = visitor("ana", at=site), visitor("ben", at=site)
        kernels = [ana.open("who").printed()["pid"]]
        if with_it == "server":
            holding = ben.open("holds")
            eventually(lambda: len(processes.of(site, processes.KERNEL)) == 2, 30)
            eventually(lambda: max(p.cpu_times().user for p in processes.of(site, processes.KERNEL)) > 1)
            assert holding.kernel_id
        nursery = processes.nursery(site)
        assert len(processes.of(site)) == len(kernels) + (with_it == "server") + 2
        site.process.kill()
        if with_it != "server":
            nursery.kill()
        site.process.wait(10)
        eventually(lambda: not processes.of(site))


@pytest.mark.usefixtures("tidied")
def test_a_cold_kernel_ends_with_a_server_that_is_killed(database, notebooks, visitor, tmp_path):
    settings = {"Kernels": {"warm": False}}
    with serving(tmp_path / "cold", database, notebooks, settings=settings) as site:
        visitor("ana", at=site).open("who").printed()
        assert [p.name() for p in processes.of(site)].count(processes.NURSERY) == 0
        assert len(processes.of(site)) == 2
        site.process.kill()
        site.process.wait(10)
        eventually(lambda: not processes.of(site))


# ---- the handle of a kernel


@pytest.fixture(scope="module")
def forks(tmp_path_factory):
    """A nursery of this process."""
    made = Forks(logging.getLogger("test"))
    yield made
    asyncio.run(made.close())


@pytest.fixture
def born(forks, tmp_path):
    """Three children of it."""
    info = {"transport": "ipc", "ip": str(tmp_path / "kernel"), "key": "", "signature_scheme": "hmac-sha256"}
    ports = {f"{name}_port": at for at, name in enumerate(("shell", "iopub", "stdin", "control", "hb"), 1)}
    (tmp_path / "kernel.json").write_text(json.dumps(info | ports))
    environment = {"PATH": os.defpath, "IPYTHONDIR": str(tmp_path)}
    identity = {"arguments": ["-f", str(tmp_path / "kernel.json")], "environment": environment,
                "folder": str(tmp_path), "memory_bytes": 0}  # fmt: skip

    async def one():
        while (child := await forks.fork(identity)) is None:  # it may be importing still, or have been lost by a test
            await asyncio.sleep(0.1)
        return child

    async def three():
        await forks.ready()
        return [await one() for _ in range(3)]

    return asyncio.run(three())


def test_a_handle_stands_for_one_process_and_tells_of_its_end(born):
    pids = [each.pid for each in born]
    one, two, three = born
    born.clear()
    assert [each.poll() for each in (one, two, three)] == [None] * 3
    one.kill()
    assert one.wait() is not None
    assert one.poll() is not None
    one.send_signal(signal.SIGKILL)  # harmless, whoever has its number now
    assert two.poll() is None
    del two
    eventually(lambda: not psutil.pid_exists(pids[1]))
    assert three.poll() is None
    three.kill()
    three.wait()
    eventually(lambda: not [pid for pid in pids if psutil.pid_exists(pid)])


def test_a_nursery_that_is_slow_to_import_is_left_to_it(caplog):
    slow = Forks(logging.getLogger("test"))

    async def ask():
        await slow.ready()
        slow._control.settimeout(0.001)  # no machine imports that soon
        process = slow._process
        assert await slow.fork({}) is None, "the visitor has a kernel that starts cold"
        assert slow._process is process
        slow._control.settimeout(60)
        return await slow.fork({"arguments": [], "environment": {}, "folder": "/", "memory_bytes": 0})

    child = asyncio.run(ask())
    assert child is not None
    assert "lost" not in caplog.text
    child.kill()
    asyncio.run(slow.close())


def test_a_nursery_that_never_starts_is_given_up(monkeypatch, caplog):
    monkeypatch.setattr("stormplay.forking.nurseries.START_S", 0.0)
    never = Forks(logging.getLogger("test"))

    async def ask():
        await never.ready()
        never._control.settimeout(0.001)
        return await never.fork({})

    assert asyncio.run(ask()) is None
    assert "the nursery is lost (did not start)" in caplog.text
    asyncio.run(never.close())


def test_a_nursery_that_hangs_is_given_up(forks, born, caplog):
    forks._control.settimeout(0.5)
    nursery = forks._process.pid
    os.kill(nursery, signal.SIGSTOP)
    assert asyncio.run(forks.fork({})) is None
    assert not psutil.pid_exists(nursery)
    assert [each.poll() for each in born] == [None] * 3, "its kernels go on"
    assert "the nursery is lost" in caplog.text
    assert asyncio.run(forks.fork({})) is None, "not at once"
    for each in born:
        each.kill()
        each.wait()
