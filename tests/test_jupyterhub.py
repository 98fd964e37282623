"""deploy/jupyterhub_config.py: a real hub, its proxy and an OpenID Connect provider, all on this machine."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import websocket
from hub_up import CONFIG, Person, serving, settings_of
from jupyterhub.app import JupyterHub
from oidc import providing
from sqlalchemy import text
from tornado.web import HTTPError
from traitlets.config import Config

from stormplay import accounts, embedded
from stormplay import database as db
from stormplay.errors import BadInput

pytestmark = pytest.mark.long

PLANTED = "planted-secret-0816"  # in the hub's environment; no kernel may know it

# Everything that this process can read of any process on the machine, itself included.
SPY = """
import glob, json, os
seen = {"uid": os.getuid(), "environment": dict(os.environ), "read": []}
for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
    try:
        seen["read"].append(open(path, "rb").read().decode("utf-8", "replace"))
    except OSError:
        pass
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def provider(database):
    with providing() as running:
        for name in ("ana", "ben", "vic", "dora", "zoe", "ANA"):
            running.add(name)
        for what in ("signature", "unsigned", "hmac", "audience", "issuer", "expired", "subject"):
            running.add(f"ana-{what}", what, preferred_username="ana")
        accounts.add_person("dora", "Dora Left")
        accounts.add_member("dora", "lone-star", "admin")
        accounts.disable("dora")
        yield running


@pytest.fixture(scope="module")
def hub(provider, told, tmp_path_factory):
    with serving(tmp_path_factory.mktemp("hub"), provider, **told) as running:
        yield running


@pytest.fixture(scope="module")
def one_account():
    """Whether this machine cannot give people accounts of their own: not root, or no namespaces."""
    code = "from stormplay.lab import room; room.leave_the_others()"
    return os.geteuid() != 0 or subprocess.run([sys.executable, "-c", code], check=False).returncode != 0


@pytest.fixture(scope="module")
def told(one_account):
    """What the hub is told besides: the broker's login, a secret, and whether one account must do."""
    one = {"STORMPLAY_HUB_ONE_ACCOUNT": "yes"} if one_account else {}
    return {"STORMPLAY_DATABASE_URL": embedded.url("stormplay_broker"), "STORMPLAY_SECRET": PLANTED, **one}


@pytest.fixture(scope="module")
def both(hub):
    """ana and ben, signed in, each with a server."""

    def come(name: str) -> Person:
        person = Person(hub, name)
        assert person.sign_in().path in (f"/hub/spawn-pending/{name}", f"/user/{name}/lab"), hub.log.read_text()
        person.start()
        return person

    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(come, ("ana", "ben")))


@pytest.fixture(scope="module")
def ana(both):
    return both[0]


@pytest.fixture(scope="module")
def ben(both):
    return both[1]


def logins() -> dict[str, list]:
    """The open logins of hubs by user name, as the administrator sees them: when each ends."""
    found: dict[str, list] = {}
    with db.transaction(db.admin_url()) as connection:
        for row in connection.execute(text(
            "SELECT p.username, l.login, l.expires_at FROM sec.login l JOIN sec.person p USING (person_id) "
            "WHERE l.purpose = 'hub'"
        )):  # fmt: skip
            found.setdefault(row.username, []).append((row.login, row.expires_at))
    return found


def roles() -> set[str]:
    with db.transaction(db.admin_url()) as connection:
        return {row.rolname for row in connection.execute(text("SELECT rolname FROM pg_roles WHERE rolname ~ '^k_'"))}


def eventually(holds, seconds: float = 60):
    deadline = time.monotonic() + seconds
    while not (last := holds()):
        assert time.monotonic() < deadline, f"still {last!r} after {seconds} s"
        time.sleep(0.1)


def words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_each_person_sees_their_own_tenants_and_no_other(ana, ben):
    code = [
        "import json",
        "from stormplay import tenancy",
        "found = [*tenancy.my_tenants().slug]",
        "for tenant in ('lone-star', 'trinity'):",
        "    try:",
        "        with tenancy.session(tenant):",
        "            found.append(True)",
        "    except Exception as error:",
        "        found.append(type(error).__name__)",
        "print(json.dumps(found))",
    ]
    # Other tests may have made them members of small worlds of their own.
    anas, bens = ([each for each in who.run(*code) if "world-" not in str(each)] for who in (ana, ben))
    assert anas == ["lone-star", True, "UnknownTenant"]
    assert bens == ["trinity", "UnknownTenant", True]


def test_a_kernel_knows_no_secret_of_the_hub_and_no_other_person(hub, provider, one_account, ana, ben):
    secrets = {
        "broker": embedded.url("stormplay_broker").split(":")[2].split("@")[0],
        "cookie": (hub.folder / "state" / "cookie_secret").read_text().strip(),
        "planted": PLANTED,
        "provider": provider.client_secret,
        **{f"login of {name}": ends[0][0] for name, ends in logins().items() if name != "ana"},
    }
    proxy = next(each for each in hub.family() if "configurable-http-proxy" in " ".join(words(each)))
    known = "\n".join(proxy.environ().values())
    assert not [name for name in ("broker", "cookie", "provider") if secrets[name] in known]
    seen = ana.run(SPY)
    own = json.dumps(seen["environment"])
    assert not [name for name, secret in secrets.items() if secret in own]
    assert not {name for name in seen["environment"] if "TOKEN" in name or "SECRET" in name or "OIDC" in name}
    if one_account:
        return  # on one account nothing more can be promised, and the config says so
    assert seen["uid"] not in (os.geteuid(), ben.run("import os", "print(os.getuid())"))
    read = "\n".join(seen["read"])
    assert logins()["ana"][0][0] in read  # it does read what is its own
    assert not [name for name, secret in secrets.items() if secret in read]
    spy = subprocess.run([sys.executable, "-c", SPY], capture_output=True, text=True, check=True).stdout
    assert PLANTED in spy and secrets["login of ben"] in spy  # and root, with the same lines, finds them


def test_the_notebooks_are_there_and_the_login_is_renewed(ana):
    names = ana.run(
        "import json, pathlib", "print(json.dumps([path.name for path in pathlib.Path('.').glob('*.ipynb')]))"
    )
    assert set(names) == {path.name for path in (CONFIG.parents[1] / "notebooks").glob("*.ipynb")}
    [(login, before)] = logins()["ana"]
    eventually(lambda: logins()["ana"][0] > (login, before))


@pytest.mark.parametrize("name", ["zoe", "dora", "ANA"])
def test_whom_the_provider_knows_and_stormplay_does_not_is_refused(hub, provider, name):
    answer = Person(hub, name).sign_in()
    assert (answer.status, answer.path) == (403, "/hub/oauth_callback")
    assert "no open Stormplay account" in answer.body
    assert provider.refusals == []  # the provider let them through: it was the hub that refused


@pytest.mark.parametrize("what", ["signature", "unsigned", "hmac", "audience", "issuer", "expired", "subject"])
def test_a_token_that_the_provider_did_not_give_for_this_person_is_refused(hub, provider, what):
    forger = Person(hub, f"ana-{what}")
    assert (forger.sign_in().status, provider.refusals) == (403, [])
    assert forger.get("/hub/home").path == "/authorize"  # and they are not signed in by it


def test_sessions_are_kept_in_cookies_that_no_script_and_no_open_line_sees(ana):
    kept = [each for each in ana.cookies if each.name.removeprefix("__Host-").startswith("jupyterhub-")]
    assert {each.name for each in kept} >= {"__Host-jupyterhub-hub-login", "__Host-jupyterhub-user-ana"}
    assert [each for each in kept if not (each.secure and each.has_nonstandard_attr("HttpOnly"))] == []


def test_the_way_back_from_the_provider_works_once_and_in_one_browser(hub, ana):
    answer = ana.get("/hub/oauth_callback?code=guessed&state=forged")
    assert answer.status == 400
    assert Person(hub, "ana").get("/hub/oauth_callback?code=guessed&state=forged").status == 400


def test_another_persons_server_is_refused(hub, ana, ben):
    kernels, started = "/user/ben/api/kernels", ben.kernel_id
    assert [each["id"] for each in json.loads(ben.get(kernels).body)] == [started]  # it is there, and open to ben
    for path in ("/user/ben/lab", kernels, "/user/ben/files/phase3_routes.ipynb", "/hub/spawn/ben", "/hub/admin"):
        answer = ana.get(path)
        assert answer.status in (403, 404), (path, answer.status)
    for method, path in (("POST", kernels), ("DELETE", f"{kernels}/{started}"), ("POST", "/hub/api/users/ben/tokens"),
                         ("DELETE", "/hub/api/users/ben/server"), ("GET", "/hub/api/users/ben")):  # fmt: skip
        answer = ana.api(method, path, {} if method == "POST" else None)
        assert answer.status in (403, 404), (method, path, answer.status)
    for visitor in (ana, Person(hub, "nobody")):
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            visitor.channel(f"{kernels}/{started}/channels")
        assert refused.value.status_code == 403
    ben.channel(f"{kernels}/{started}/channels").close()


def test_the_token_of_ones_own_server_opens_nothing_of_others(hub, ana, ben):
    read = "\n".join(ana.run(SPY)["read"])
    token = re.search(r"JUPYTERHUB_API_TOKEN=(\w+)", read)[1]
    nobody = Person(hub, "nobody")
    for path, allowed in (("/user/ana/api/kernels", 200), ("/user/ben/api/kernels", 403), ("/hub/api/users", 403),
                          ("/hub/api/users/ben", 404), ("/hub/api/proxy", 403)):  # fmt: skip
        assert nobody.ask("GET", path, Authorization=f"token {token}").status == allowed, path


def test_stopping_a_server_ends_its_login_and_all_that_it_started(hub, ana):
    [(login, _)] = logins()["ana"]
    marker = "import time; time.sleep(4711)"
    ana.run("import subprocess, sys",
            f"subprocess.Popen([sys.executable, '-c', {marker!r}], start_new_session=True)", "print(0)")  # fmt: skip
    assert [each for each in hub.family() if marker in words(each)]
    assert ana.api("DELETE", "/hub/api/users/ana/server").status in (202, 204)
    eventually(lambda: "ana" not in logins())
    assert login not in roles()
    assert not [each for each in psutil.process_iter() if marker in words(each)]
    assert "ben" in logins()  # and nobody else's


def test_an_account_that_is_closed_loses_its_server_and_its_place(hub, ben):
    assert ben.get("/user/ben/api/kernels").status == 200
    accounts.disable("ben")
    try:
        eventually(lambda: ben.get("/user/ben/api/kernels").status != 200)
        eventually(lambda: ben.sign_in_again().status == 403)
        assert "ben" not in logins()
    finally:
        accounts.enable("ben")


def test_an_account_that_was_closed_a_moment_ago_gets_no_server(hub):
    vic = Person(hub, "vic")
    vic.sign_in(then="/hub/home")
    accounts.disable("vic")
    try:
        answer = vic.get("/hub/spawn")
        assert answer.status == 403 or answer.path == "/authorize"  # the latter where a second has gone by
        assert "vic" not in logins()
    finally:
        accounts.enable("vic")


def test_a_killed_hub_leaves_nothing(hub):
    vic = Person(hub, "vic")
    vic.sign_in()
    vic.start()
    [(login, _)] = logins()["vic"]
    family = [each for each in hub.family() if str(CONFIG.with_name("singleuser.py")) in words(each)]
    assert family
    hub.process.kill()
    hub.process.wait()
    eventually(lambda: not [each for each in family if each.is_running()])
    assert login in roles()  # nobody was left to close it: it ends by itself
    with db.transaction(db.admin_url()) as connection:
        connection.execute(text("UPDATE sec.login SET expires_at = now() WHERE login = :l"), {"l": login})
    hub.start()
    assert login not in roles() and "vic" not in logins()
    assert vic.get("/hub/home").status == 200  # signed in as before


@pytest.fixture
def configured(provider, told, tmp_path, monkeypatch):
    """Read the configuration here, as the hub does it; returns its names."""
    assert JupyterHub.raise_config_file_errors  # what goes wrong in it stops the hub

    def read(**more: str) -> dict:
        for name, value in settings_of(tmp_path, provider, 1, **told, **more).items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(CONFIG), {"get_config": Config})

    return read


@pytest.mark.parametrize(("name", "value", "sentence"), [
    ("issuer", "https://somebody.example", "calls itself https://somebody.example"),
    ("token_endpoint", "http://login.example/token", "token_endpoint is not encrypted"),
    ("jwks_uri", "http://login.example/keys", "jwks_uri is not encrypted"),
    ("userinfo_endpoint", None, "does not describe itself"),
])  # fmt: skip
def test_a_provider_that_cannot_be_trusted_stops_the_hub(provider, configured, monkeypatch, name, value, sentence):
    described = {**provider.discovery, name: value}
    monkeypatch.setattr(provider, "discovery", {n: v for n, v in described.items() if v is not None})
    with pytest.raises(BadInput, match=sentence):
        configured()


def test_a_setting_that_is_missing_is_named(configured):
    with pytest.raises(BadInput, match="STORMPLAY_OIDC_CLIENT_SECRET is not set"):
        configured(STORMPLAY_OIDC_CLIENT_SECRET="")


def test_an_open_line_to_the_hub_is_refused(configured):
    with pytest.raises(BadInput, match="STORMPLAY_HUB_URL is not encrypted"):
        configured(STORMPLAY_HUB_URL="http://lab.example")


def test_an_address_counts_as_a_name_only_if_the_provider_checked_it(configured):
    named = configured(STORMPLAY_OIDC_USERNAME_CLAIM="email")["named"]
    assert named({"email": "ana@example.com", "email_verified": True}) == "ana@example.com"
    for claims in ({}, {"email_verified": False}, {"email_verified": "true"}):
        with pytest.raises(HTTPError, match="403"):
            named({"email": "ana@example.com", **claims})


def test_the_page_names_each_setting():
    page = (CONFIG.parents[1] / "docs" / "JUPYTERHUB.md").read_text()
    asked = set(re.findall(r'asked\("(STORMPLAY_\w+)"', CONFIG.read_text()))
    elsewhere = {"STORMPLAY_DATABASE_URL", "STORMPLAY_LAB_HOME"}
    assert set(re.findall(r"STORMPLAY_\w+", page)) == asked | elsewhere
