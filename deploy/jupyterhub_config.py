"""JupyterHub for a team: people sign in at their organisation, each gets JupyterLab with a database login of their own.

    jupyterhub -f deploy/jupyterhub_config.py

docs/JUPYTERHUB.md says how the provider is set up and what the environment must hold. What stands here:

who may come in   whom the OpenID Connect provider names, if there is an open Stormplay account of that name
what they get     the environment of a kernel, a login minted for exactly this person, copies of the notebooks
where it runs     on an account's number of their own, in a room of their own, as `stormplay lab` does it
how it ends       the login is renewed while the server runs and closed with it; servers end with the hub
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import urlopen

import jwt
from jupyterhub.spawner import Spawner, SpawnException
from jupyterhub.utils import random_port
from oauthenticator.generic import GenericOAuthenticator
from tornado import web
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.log import app_log

from stormplay import broker
from stormplay.errors import BadInput, NotAllowed, StormplayError
from stormplay.forking.environment import kernel_environment
from stormplay.lab import serving
from stormplay.lab.lodging import Lodging, lodge

T = TypeVar("T")
HERE = Path(__file__).resolve().parent

TTL_S = 900  # what a hub that was killed leaves behind ends after this time
REAP_EVERY_S = 300.0
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


# ---- what the environment says


def asked(name: str, otherwise: str | None = None) -> str:
    """A setting of the environment."""
    found = os.environ.get(name) or otherwise
    if found is None:
        raise BadInput(f"{name} is not set.", remedy="docs/JUPYTERHUB.md lists what the hub must be told.")
    return found


def encrypted(what: str, address: str) -> str:
    """The address, if nobody can listen on the way to it."""
    found = urlsplit(address)
    if found.scheme != "https" and found.hostname not in LOOPBACK:
        raise BadInput(f"{what} is not encrypted.", "Expected an address that begins with https.")
    return address


def discovered(issuer: str) -> dict[str, str]:
    """What the provider says of itself: the addresses to ask."""
    address = encrypted("STORMPLAY_OIDC_ISSUER", issuer).rstrip("/") + "/.well-known/openid-configuration"
    try:
        with urlopen(address, timeout=10) as answer:  # noqa: S310 - an administrator named it
            found = json.load(answer)
        said = {name: str(found[name]) for name in ("issuer", *ENDPOINTS)}
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"The provider does not describe itself at {address} ({error}).") from None
    if said["issuer"] != issuer:
        raise BadInput(f"The provider calls itself {said['issuer']}, not {issuer}.")
    for name in ENDPOINTS:
        encrypted(f"The provider's {name}", said[name])
    return said


ISSUER = asked("STORMPLAY_OIDC_ISSUER")
CLIENT = asked("STORMPLAY_OIDC_CLIENT_ID")
CLAIM = asked("STORMPLAY_OIDC_USERNAME_CLAIM", "preferred_username")
PUBLIC = encrypted("STORMPLAY_HUB_URL", asked("STORMPLAY_HUB_URL", "http://127.0.0.1:8000")).rstrip("/")
STATE = Path(asked("STORMPLAY_HUB_STATE", "/var/lib/stormplay-hub"))
TICK_S = float(asked("STORMPLAY_HUB_TICK_S", "15"))
NOTEBOOKS = Path(asked("STORMPLAY_NOTEBOOKS", str(HERE.parent / "notebooks"))).resolve()
ONE_ACCOUNT = asked("STORMPLAY_HUB_ONE_ACCOUNT", "") == "yes"
PROVIDER = discovered(ISSUER)
KEYS = jwt.PyJWKClient(PROVIDER["jwks_uri"], timeout=10)

if os.geteuid() != 0 and not ONE_ACCOUNT:
    # On one account everybody could read the hub's memory: the broker's login, and through it every tenant.
    raise BadInput(
        "This hub does not run as root, so it cannot give each person an account of their own.",
        remedy="Run it as root, or, to try it out alone, set STORMPLAY_HUB_ONE_ACCOUNT=yes.",
    )

database = ThreadPoolExecutor(4, thread_name_prefix="broker")  # as many as the broker's pool has connections


async def off_loop(function: Callable[..., T], *given: Any) -> T:
    """Ask the database without holding up the hub."""
    return await asyncio.get_running_loop().run_in_executor(database, function, *given)


# ---- who may come in


class People(GenericOAuthenticator):
    """Whom the provider names and Stormplay knows, under the same name."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        PeriodicCallback(look_after, TICK_S * 1000).start()
        IOLoop.current().add_callback(look_after)

    def normalize_username(self, username: str) -> str:
        """As it is: 'ANA' is not ana."""
        return username

    async def token_to_user(self, token_info: dict[str, Any]) -> dict[str, Any]:
        """What the signed token and the provider's answer say of a person, if both speak of the same one."""
        signed = await asyncio.to_thread(checked, token_info.get("id_token") or "")
        said = await super().token_to_user(token_info)
        if said.get("sub") != signed["sub"]:
            raise web.HTTPError(403, "The provider speaks of two people.")
        return said if CLAIM in said else signed  # never half of each

    async def check_allowed(self, username: str, _: object) -> bool:
        """Whether there is an open account of that name."""
        return await off_loop(broker.find_person, username) is not None

    async def refresh_user(self, user: Any, handler: Any = None, **_: object) -> bool:
        """Whether the account is still open; asked again every `auth_refresh_age` seconds that somebody is there."""
        if handler and not hasattr(handler, "_token_authenticated"):
            handler._token_authenticated = False  # JupyterHub 6.1 reads it also where only a token sets it
        return await off_loop(broker.find_person, user.name) is not None


def checked(token: str) -> dict[str, Any]:
    """The claims of an identity token that the provider signed, for this hub, and that has not run out."""
    try:
        key = KEYS.get_signing_key_from_jwt(token)
        must = {"require": ["aud", "exp", "iat", "iss", "sub"]}
        return jwt.decode(token, key, ALGORITHMS, must, audience=CLIENT, issuer=ISSUER, leeway=60)
    except jwt.PyJWTError as error:
        raise web.HTTPError(403, f"The provider's token is not valid: {error}") from None


def named(claims: dict[str, Any]) -> str:
    """The user name that the claims give; an address counts only if the provider has checked it."""
    found = claims.get(CLAIM)
    if not isinstance(found, str) or (CLAIM == "email" and claims.get("email_verified") is not True):
        raise web.HTTPError(403, f"The provider gave no '{CLAIM}' that can be relied on.")
    return found


# ---- what they get: hooks that fit any spawner

logins: dict[Spawner, broker.KernelLogin] = {}
reaped_s = float("-inf")


async def mint(spawner: Spawner) -> None:
    """Before a server starts: a login for exactly this person, and an environment made from what is allowed."""
    name = spawner.user.name
    try:
        login = await off_loop(broker.open_kernel, name, TTL_S, "hub")
    except StormplayError as error:
        raise SpawnException(str(error), reason="login", status_code=403) from None
    logins[spawner] = login
    spawner.environment = kernel_environment(os.environ, {}, database_url=login.url, username=name)


async def end(spawner: Spawner) -> None:
    """When a server has ended, however it ended: close its login."""
    if login := logins.pop(spawner, None):
        await off_loop(broker.close_kernel, login.login)


async def look_after() -> None:
    """Renew the logins of running servers, and stop those whose login was ended: a closed account, or a day over."""
    global reaped_s  # noqa: PLW0603 - this file is the hub's one module
    running = {login.login: spawner for spawner, login in logins.items()}
    try:
        still_open = await off_loop(broker.renew, list(running), TTL_S) if running else set()
        if time.monotonic() - reaped_s > REAP_EVERY_S:
            reaped_s = time.monotonic()
            await off_loop(broker.reap)
    except StormplayError as error:
        app_log.warning("%s", error)  # it may come back; a login that ended meanwhile is found then
        return
    for login in running.keys() - still_open:
        spawner = running[login]
        if spawner in logins and logins[spawner].login == login:
            await spawner.stop(now=True)  # the hub sees it with its next look, and tidies up


# ---- where it runs


class Lodged(Spawner):
    """One person's JupyterLab on one machine: an account's number, a folder and a view of the machine of their own.

    JupyterHub's SimpleLocalProcessSpawner runs everybody as the hub's own account, so everybody reads the hub's
    environment and everybody's files. That is no isolation, whatever else this file does.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.running = ExitStack()
        self.starting: asyncio.Task[tuple[Any, list[str]]] | None = None

    async def start(self) -> tuple[str, int]:
        """Start JupyterLab. Its keeper ends it when we close a pipe, and so when the hub is killed."""
        self.port = random_port()
        try:
            kept = serving.keeper_of(await off_loop(self.order))
            self.starting = asyncio.create_task(asyncio.to_thread(self.running.enter_context, kept))
            _, notes = await asyncio.shield(self.starting)  # a thread cannot be cancelled
        except StormplayError as error:
            raise SpawnException(str(error), reason="lodging", status_code=500) from None
        for note in notes:
            self.log.info("%s: %s", self.user.name, note)
        return "127.0.0.1", self.port

    async def stop(self, now: bool = False) -> None:
        """End JupyterLab and all that it started."""
        if self.starting:
            await asyncio.wait([self.starting], timeout=self.start_timeout)
        await asyncio.to_thread(self.running.close)

    async def poll(self) -> int | None:
        """None while it starts and while it runs."""
        if self.starting is None or not self.starting.done():
            return None if self.starting else 0
        failed = self.starting.cancelled() or self.starting.exception()
        return 1 if failed else self.starting.result()[0].poll()

    def order(self) -> dict[str, Any]:
        """What the keeper is told."""
        person = broker.find_person(self.user.name)
        if person is None:
            raise NotAllowed(f"There is no open account '{self.user.name}'.")
        lodging = lodge(person)
        lodging = Lodging(lodging.folder, None if ONE_ACCOUNT else lodging.account)
        made = serving.order_for(person.username, lodging, logins[self], NOTEBOOKS, "127.0.0.1", self.port, "")
        script = str(HERE / "singleuser.py")
        made["command"] = [sys.executable, "-P", script]
        made["environment"] = self.get_env() | made["environment"]
        made["hidden"].append(str(STATE))
        made["needed"].append(script)
        return made


# ---- the hub

c = get_config()  # type: ignore[name-defined]  # noqa: F821

STATE.mkdir(mode=0o700, parents=True, exist_ok=True)
broker.reap()  # what an earlier hub left behind; and no hub without a database

c.JupyterHub.active_server_limit = int(asked("STORMPLAY_HUB_MOST", "24"))
c.JupyterHub.authenticator_class = People
c.JupyterHub.bind_url = asked("STORMPLAY_HUB_BIND", "http://127.0.0.1:8000")
c.JupyterHub.cookie_secret_file = str(STATE / "cookie_secret")
c.JupyterHub.db_url = f"sqlite:///{STATE / 'hub.sqlite'}"
c.JupyterHub.public_url = PUBLIC + "/"
c.JupyterHub.spawner_class = Lodged
c.JupyterHub.ssl_cert = asked("STORMPLAY_HUB_CERTIFICATE", "")
c.JupyterHub.ssl_key = asked("STORMPLAY_HUB_KEY", "")
# What stands on the network holds neither the broker's login nor the provider's secret.
c.ConfigurableHTTPProxy.command = ["env", "-u", "STORMPLAY_DATABASE_URL", "configurable-http-proxy"]
c.ConfigurableHTTPProxy.pid_file = str(STATE / "proxy.pid")
if PUBLIC.startswith("https:"):
    c.JupyterHub.cookie_host_prefix_enabled = True
    c.JupyterHub.tornado_settings = {"cookie_options": {"samesite": "Lax", "secure": True}}

c.Authenticator.any_allow_config = True  # `check_allowed` says who
c.Authenticator.auth_refresh_age = 10  # seconds
c.Authenticator.auth_refresh_strict = True
c.Authenticator.auto_login = True
c.Authenticator.enable_auth_state = False  # nobody's tokens are kept

c.OAuthenticator.authorize_url = PROVIDER["authorization_endpoint"]
c.OAuthenticator.client_id = CLIENT
c.OAuthenticator.client_secret = asked("STORMPLAY_OIDC_CLIENT_SECRET")
c.OAuthenticator.custom_403_message = "There is no open Stormplay account of your name. Ask your administrator for one."
c.OAuthenticator.oauth_callback_url = f"{PUBLIC}/hub/oauth_callback"
c.OAuthenticator.scope = ["openid", "profile", "email"]
c.OAuthenticator.token_url = PROVIDER["token_endpoint"]
c.OAuthenticator.userdata_url = PROVIDER["userinfo_endpoint"]
c.OAuthenticator.username_claim = named

c.Spawner.default_url = "/lab"
c.Spawner.env_keep = []
c.Spawner.poll_interval = 5  # seconds
c.Spawner.post_stop_hook = end
c.Spawner.pre_spawn_hook = mint
c.Spawner.start_timeout = 120  # seconds

del os.environ["STORMPLAY_OIDC_CLIENT_SECRET"]
