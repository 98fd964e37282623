"""A small OpenID Connect provider on this machine: discovery, sign-in form, code with PKCE, signed token, userinfo.

Not a mock: the hub's authenticator speaks to it as to any other provider, and it refuses what a provider refuses.
What it says of a person can be spoilt in one named way, to see whether the other side looks.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import html
import json
import secrets
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler


@dataclass
class Provider:
    """A provider: its people by what they type into its form, what it knows of them, and one client."""

    issuer: str
    people: dict[str, dict] = field(default_factory=dict)
    spoilt: dict[str, str] = field(default_factory=dict)  # subject -> what is wrong with its token
    client_id: str = "stormplay-hub"
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    callback: str = ""
    codes: dict[str, dict] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    discovery: dict[str, object] = field(default_factory=dict)
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def __post_init__(self) -> None:
        self.discovery |= {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def add(self, subject: str, spoilt: str = "", **claims) -> None:
        self.people[subject] = {"sub": f"sub-{subject}", "preferred_username": subject, **claims}
        self.spoilt[subject] = spoilt

    def id_token(self, subject: str) -> str:
        now, wrong = int(time.time()), self.spoilt[subject]
        claims = {
            "iss": "https://somebody.example" if wrong == "issuer" else self.issuer,
            "aud": "another-client" if wrong == "audience" else self.client_id,
            "sub": self.people[subject]["sub"],
            "iat": now - 7_200 if wrong == "expired" else now,
            "exp": now - 3_600 if wrong == "expired" else now + 300,
        }
        if wrong == "unsigned":
            return jwt.encode(claims, None, "none", headers={"kid": "one"})
        if wrong == "hmac":  # the public key taken for a shared secret
            return _by_shared_secret(claims, self.public_pem())
        key = rsa.generate_private_key(65537, 2048) if wrong == "signature" else self.key
        return jwt.encode(claims, key, "RS256", headers={"kid": "one"})

    def public_pem(self) -> bytes:
        encoding, kind = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(encoding, kind)

    def userinfo(self, subject: str) -> dict:
        known = self.people[subject]
        return {**known, "sub": "sub-of-another"} if self.spoilt[subject] == "subject" else known

    def public(self) -> dict:
        found = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {**found, "kid": "one", "use": "sig", "alg": "RS256"}


def _by_shared_secret(claims: dict, secret: bytes) -> str:
    """By hand, for no library signs with a public key."""
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "one"}, claims)]
    body = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = hmac.digest(secret, body, "sha256")
    return (body + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


class _Handler(RequestHandler):
    def initialize(self, provider: Provider) -> None:
        self.provider = provider

    def refuse(self, status: int, why: str) -> None:
        self.provider.refusals.append(why)
        self.set_status(status)
        self.finish({"error": "invalid_request", "error_description": why})


class Discovery(_Handler):
    def get(self) -> None:
        self.finish(self.provider.discovery)


class Keys(_Handler):
    def get(self) -> None:
        self.finish({"keys": [self.provider.public()]})


class Authorize(_Handler):
    """The form where somebody signs in, and the way back with a code."""

    def get(self) -> None:
        if not self._is_known():
            return
        asked = {name: self.get_argument(name, "") for name in ("redirect_uri", "state", "code_challenge", "scope")}
        fields = "".join(f'<input type="hidden" name="{n}" value="{html.escape(v)}">' for n, v in asked.items())
        hidden = f'<input type="hidden" name="client_id" value="{html.escape(self.get_argument("client_id"))}">'
        self.finish(f'<form method="post" action="/authorize">{hidden}{fields}<input name="subject"></form>')

    def post(self) -> None:
        if not self._is_known():
            return None
        subject = self.get_argument("subject")
        if subject not in self.provider.people:
            return self.refuse(401, "nobody of that name")
        code = secrets.token_urlsafe(16)
        self.provider.codes[code] = {"subject": subject, "challenge": self.get_argument("code_challenge")}
        answer = {"code": code, "state": self.get_argument("state")}
        return self.redirect(f"{self.get_argument('redirect_uri')}?{urlencode(answer)}", status=303)

    def _is_known(self) -> bool:
        asked = (self.get_argument("client_id"), self.get_argument("redirect_uri"))
        if asked != (self.provider.client_id, self.provider.callback):
            self.refuse(400, f"no such client or way back: {asked}")
            return False
        if "openid" not in self.get_argument("scope").split():
            self.refuse(400, "no openid in the scope")
            return False
        return True


class Token(_Handler):
    def post(self) -> None:
        given = {name: self.get_argument(name, "") for name in ("client_id", "client_secret", "code", "code_verifier")}
        secret = self.provider.client_secret
        if given["client_id"] != self.provider.client_id or not hmac.compare_digest(given["client_secret"], secret):
            return self.refuse(401, "wrong client secret")
        code = self.provider.codes.pop(given["code"], None)  # once
        if code is None or self.get_argument("redirect_uri") != self.provider.callback:
            return self.refuse(400, "no such code")
        digest = hashlib.sha256(given["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != code["challenge"]:
            return self.refuse(400, "wrong code verifier")
        access = secrets.token_urlsafe(16)
        self.provider.tokens[access] = code["subject"]
        return self.finish({
            "access_token": access, "token_type": "Bearer", "expires_in": 300,
            "id_token": self.provider.id_token(code["subject"]),
        })  # fmt: skip


class Userinfo(_Handler):
    def get(self) -> None:
        subject = self.provider.tokens.get(self.request.headers.get("Authorization", "").removeprefix("Bearer "))
        if subject is None:
            return self.refuse(401, "no such token")
        return self.finish(self.provider.userinfo(subject))


@contextmanager
def providing():
    """A provider that answers on a free port of this machine until the block ends."""
    socket, port = bind_unused_port()
    provider = Provider(f"http://127.0.0.1:{port}")
    pages = [("/.well-known/openid-configuration", Discovery), ("/keys", Keys), ("/authorize", Authorize),
             ("/token", Token), ("/userinfo", Userinfo)]  # fmt: skip
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        server = HTTPServer(Application([(path, page, {"provider": provider}) for path, page in pages]))
        server.add_sockets([socket])
        await stop.wait()
        server.stop()
        await server.close_all_connections()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
