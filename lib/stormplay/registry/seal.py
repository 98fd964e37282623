"""The company's signature over a version: HMAC-SHA256 with a key that the database gives to its analysts alone.

Whoever can write into the store, but is no analyst of the company, cannot make a file that is taken for a model of
theirs; nor can a file of one version stand for another's.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection

SIGNED = (
    "model_name",
    "version",
    "model_version",
    "source",
    "params",
    "metrics",
    "data_fingerprint",
    "code_version",
    "feature_names",
    "trained_on",
    "artifact",
    "artifact_sha256",
    "note",
)


def key(connection: Connection) -> bytes:
    """The company's key.

    Raises:
        NotAllowed: (at the session) This person is neither analyst nor admin of the company.
    """
    return bytes(connection.execute(text("SELECT sec.model_key()")).scalar_one())


def sign(secret: bytes, said: Mapping[str, Any]) -> str:
    """The signature over all that `SIGNED` names, as hex."""
    return hmac.new(secret, _canonical({name: said[name] for name in SIGNED}), "sha256").hexdigest()


def is_signed(secret: bytes, said: Mapping[str, Any], signature: str) -> bool:
    """Whether the signature is the company's over exactly this."""
    return hmac.compare_digest(sign(secret, said), signature)


def _canonical(said: Mapping[str, Any]) -> bytes:
    """One spelling for one content. Every number as a float: jsonb keeps 1e20 as a whole number."""
    plain = json.loads(json.dumps(said), parse_int=float)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
