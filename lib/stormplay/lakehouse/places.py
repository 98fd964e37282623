"""Where history is read from, as the environment says, and how one gets there.

    STORMPLAY_TRINO             a Trino server: https://ana:password@trino.example.org:8443/lake
    STORMPLAY_TRINO_TOKEN       a token instead of the password
    STORMPLAY_ICEBERG_CATALOG   the catalog's database itself: postgresql://lake:password@host/lake, or sqlite:///file
    STORMPLAY_ICEBERG_WAREHOUSE where its tables are: s3://bucket/lake, or file:///folder
    PYICEBERG_CATALOG__LAKE__*  anything else that pyiceberg has to know, such as ...__S3__ENDPOINT

The first that is set is used; with none of them history is read from Postgres. None of these names is passed on to a
kernel, a lab or a worker that makes reports (`stormplay.forking.environment`): whoever holds an address of the catalog
sees every company's files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from stormplay.errors import BadInput

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from trino.dbapi import Connection

TRINO = "STORMPLAY_TRINO"
TOKEN = "STORMPLAY_TRINO_TOKEN"  # noqa: S105 - a variable's name
CATALOG = "STORMPLAY_ICEBERG_CATALOG"
WAREHOUSE = "STORMPLAY_ICEBERG_WAREHOUSE"
NAME = "lake"  # of the catalog: Flink, Trino and pyiceberg find the same tables by it
NAMESPACE = "stormplay"

_LOCAL = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Trino:
    """A Trino server, and as whom it is asked."""

    host: str
    port: int
    is_tls: bool
    user: str
    catalog: str
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    def connect(self) -> Connection:
        """A connection; nothing is asked yet."""
        from trino.auth import BasicAuthentication, JWTAuthentication  # noqa: PLC0415 - most processes never ask Trino
        from trino.dbapi import connect  # noqa: PLC0415

        known: BasicAuthentication | JWTAuthentication | None = None
        if self.token:
            known = JWTAuthentication(self.token)
        elif self.password:
            known = BasicAuthentication(self.user, self.password)
        made: Connection = connect(  # type: ignore[no-untyped-call]
            host=self.host, port=self.port, user=self.user, catalog=self.catalog, schema=NAMESPACE, auth=known,
            http_scheme="https" if self.is_tls else "http", source="stormplay", timezone="UTC", request_timeout=60,
        )  # fmt: skip
        return made


def trino() -> Trino | None:
    """The Trino server of the environment; None where none is named.

    Raises:
        BadInput: The address is none, or would send a secret without TLS.
    """
    said = os.environ.get(TRINO, "")
    if not said:
        return None
    token = os.environ.get(TOKEN, "")
    parts = urlsplit(said)
    try:
        port = parts.port
    except ValueError:
        port = 0
    is_tls = parts.scheme == "https"
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.username or port == 0:
        raise BadInput(f"{TRINO} is not a Trino server's address.", "Expected https://user:password@host:port/lake.")
    if not is_tls and (parts.password or token or parts.hostname not in _LOCAL):
        raise BadInput(f"{TRINO} would ask without TLS.", "Expected https:// for every server but one on this machine.")
    return Trino(
        parts.hostname, port or (443 if is_tls else 8080), is_tls, unquote(parts.username),
        parts.path.strip("/") or NAME, unquote(parts.password or ""), token,
    )  # fmt: skip


def has_catalog() -> bool:
    """Whether the environment names an Iceberg catalog."""
    return bool(os.environ.get(CATALOG))


def catalog() -> Catalog:
    """The Iceberg catalog of the environment.

    Raises:
        BadInput: It is not named, its address is none, or nobody says where its tables are.
    """
    from pyiceberg.catalog.sql import SqlCatalog  # noqa: PLC0415

    address, warehouse = os.environ.get(CATALOG, ""), os.environ.get(WAREHOUSE, "")
    if not address.startswith(("postgresql://", "postgresql+psycopg2://", "sqlite:///")):
        raise BadInput(
            f"{CATALOG} is not the address of a catalog's database.",
            "Expected postgresql://user:password@host/lake or sqlite:///file.",
        )
    if "://" not in warehouse:
        raise BadInput(f"{WAREHOUSE} does not say where tables are.", "Expected s3://bucket/lake or file:///folder.")
    address = address.replace("postgresql://", "postgresql+psycopg2://", 1)
    return SqlCatalog(NAME, uri=address, warehouse=warehouse, **_further())


def _further() -> dict[str, str]:
    """Settings for pyiceberg itself, by its own convention for names."""
    begins = f"PYICEBERG_CATALOG__{NAME.upper()}__"
    return {
        name.removeprefix(begins).replace("__", ".").replace("_", "-").lower(): value
        for name, value in os.environ.items()
        if name.startswith(begins)
    }
