"""A real, migrated Postgres with two tenants, always: one embedded server for each test worker."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from pathlib import Path

import psycopg2
import pytest
from hypothesis import settings

from stormplay import accounts, broker, embedded, migrations
from stormplay.embedded.place import place_of

sys.path.insert(0, str(Path(__file__).parent))

PASSWORD = "hailstorm-1"

# How long one example takes says how busy the machine is, not whether the code is right.
settings.register_profile("stormplay", deadline=None)
settings.load_profile("stormplay")


# Files that take longest, in seconds. Whoever is free takes the next file, so these come first: one that begins last
# would leave the other worker idle. The first loads the demo, for which all others wait but the second.
LONGEST = (
    "test_web_attacks", "test_types", "test_pages", "test_cli", "test_reports", "test_killed", "test_browser",
    "test_warm", "test_proxy", "test_benchmark_tenancy", "test_lab", "test_renewal", "test_browser_nurture",
    "test_life", "test_marathon", "test_deploy", "test_browser_jobs", "test_browser_score",
    "test_browser_treatment", "test_browser_identity", "test_browser_live", "test_browser_storm",
    "test_browser_reports", "test_chaos", "test_browser_health", "test_browser_navigation", "test_jupyterhub",
    "test_backup", "test_identity_page", "test_upgrades", "test_server_log", "test_benchmark_operations",
    "test_scorer", "test_pooling", "test_embedded", "test_accounts",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    """Order the files, each kept together and in its own order."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONGEST)))


def pytest_sessionfinish(session):
    """Take away the data of servers that tests have made: as root it lies outside their folders, a gigabyte a run."""
    if not session.config.pluginmanager.hasplugin("dsession"):
        return  # not where workers are led: this process may need its server until it ends
    base = session.config._tmp_path_factory.getbasetemp()
    for secrets in base.rglob("secrets.json"):
        data = place_of(secrets.parent).data
        if base not in data.parents and not (data / "postmaster.pid").exists():
            shutil.rmtree(data.parent, ignore_errors=True)


@pytest.fixture(scope="session")
def home(tmp_path_factory, worker_id):
    """The hidden folder of this worker's own embedded server."""
    folder = tmp_path_factory.mktemp(f"home-{worker_id}") / ".stormplay"
    os.environ["STORMPLAY_HOME"] = str(folder)
    os.environ.pop("STORMPLAY_DATABASE_URL", None)
    yield folder
    embedded.stop()


@pytest.fixture(scope="session")
def database(home, worker_id, request):
    """Migrated, with the demo's two tenants and three people; no test may lean on whether the demo's rows are there.

    ana is a member of lone-star, ben of trinity, vic of both. Of several workers each takes a copy of the demo that the
    first has loaded: to load it in each of them costs longer than all that they do until then.
    """
    from copies import copy_server

    if worker_id != "master":
        copy_server(request.getfixturevalue("loaded_demo"), home)
    migrations.migrate()
    accounts.add_tenant("lone-star", "Lone Star Roofing (demo)", is_synthetic=True, depot=(32.84, -97.29))
    accounts.add_tenant("trinity", "Trinity Roof & Restoration (demo)", is_synthetic=True)
    for username, shown, tenants in (
        ("ana", "Ana Torres", ["lone-star"]),
        ("ben", "Ben Okafor", ["trinity"]),
        ("vic", "Vic Larsen", ["lone-star", "trinity"]),
    ):
        accounts.add_person(username, shown, PASSWORD)
        for slug in tenants:
            accounts.add_member(username, slug, "admin")
    return home


@pytest.fixture(scope="session")
def demo(database):
    """The whole demo: both tenants, three storms."""
    from stormplay import demo as package

    package.load()
    return database


@pytest.fixture(scope="session")
def loaded_demo(tmp_path_factory, worker_id):
    """The hidden folder of a server that holds the demo and has stopped: loaded once, by the worker that is first."""
    from stormplay import demo as package

    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "loaded"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            patch.setenv("STORMPLAY_HOME", str(folder / ".stormplay"))
            patch.delenv("STORMPLAY_DATABASE_URL", raising=False)
            migrations.migrate()
            write_lightly()
            package.load()
            assert embedded.stop()
            (folder / "ready").touch()
    return folder / ".stormplay"


def write_lightly():
    """Let the server, and each copy of it, not wait for the disk: no test cuts the power."""
    connection = psycopg2.connect(embedded.url("postgres"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        for name in ("fsync", "full_page_writes"):
            cursor.execute(f"ALTER SYSTEM SET {name} = off")
        cursor.execute("ALTER SYSTEM SET deadlock_timeout = '50ms'")  # who waits for each other is told sooner
        cursor.execute("SELECT pg_reload_conf()")
    connection.close()


@pytest.fixture(scope="module")
def fresh_demo(database, loaded_demo, tmp_path_factory):
    """The demo as it is loaded, on a server of its own, for a file that must know what nobody has changed."""
    from copies import own_copy

    with own_copy(loaded_demo, tmp_path_factory.mktemp("fresh") / ".stormplay") as home:
        yield home


@pytest.fixture(scope="module")
def browser():
    """A real Chromium. For one file only: while it runs, nothing else in this process can use asyncio.run."""
    from browser import chromium

    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def site(fresh_demo):
    """The product with the demo as it is loaded, for one file."""
    from site_up import serving

    with serving(fresh_demo) as url:
        yield url


@pytest.fixture
def visit(browser, site):
    """Opens pages of that site."""
    from browser import visiting

    with visiting(browser, site) as open_page:
        yield open_page


@pytest.fixture
def as_person(database, monkeypatch):
    """Make this process ask as a person, through a login of their own, as a kernel does."""
    opened = []

    def become(username: str) -> broker.KernelLogin:
        monkeypatch.delenv("STORMPLAY_DATABASE_URL", raising=False)
        login = broker.open_kernel(username, purpose="test")
        opened.append(login.login)
        monkeypatch.setenv("STORMPLAY_DATABASE_URL", login.url)
        return login

    yield become
    monkeypatch.delenv("STORMPLAY_DATABASE_URL", raising=False)
    for login in opened:
        broker.close_kernel(login)
