"""A version of a model, and how it is found."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.errors import UnknownModel

_COLUMNS = """model_name, version, model_version, source, params, metrics, data_fingerprint, code_version,
       feature_names, trained_on, artifact, artifact_sha256, signature, note, made_by, made_at"""


@dataclass(frozen=True)
class Version:
    """One version of a model. It is never changed.

    Attributes:
        model_name, version: Which; versions count from 1.
        model_version: The text by which numbers name it, 'uplift@3'.
        source: 'trained', or 'planted' where rows were loaded with numbers that no model of ours made.
        params: How it was fitted.
        metrics: How well it did, on homes that it had not seen.
        data_fingerprint: SHA-256 of what it saw; empty where nothing was.
        code_version: What it was fitted with.
        feature_names: Its columns, in their order.
        trained_on: Storms and numbers of homes.
        artifact, artifact_sha256: Its file in the store; None where it has none.
        signature: The company's signature over all of these.
        note: Words of whoever made it.
        made_by, made_at: Who and when, as the database saw it.
    """

    model_name: str
    version: int
    model_version: str
    source: str
    params: Mapping[str, Any]
    metrics: Mapping[str, Any]
    data_fingerprint: str
    code_version: str
    feature_names: tuple[str, ...]
    trained_on: Mapping[str, Any]
    artifact: str | None
    artifact_sha256: str | None
    signature: str
    note: str
    made_by: str
    made_at: datetime


def find(connection: Connection, model_version: str) -> Version:
    """The version that a text names.

    Args:
        connection: An open session.
        model_version: Such as 'uplift@3'.

    Raises:
        UnknownModel: This company has no such version.
    """
    query = text(f"SELECT {_COLUMNS} FROM model_versions WHERE model_version = :name")  # noqa: S608 - own words
    row = connection.execute(query, {"name": model_version}).mappings().one_or_none()
    if row is None:
        raise UnknownModel(f"No model '{model_version}' is registered.", _known(connection))
    return Version(**{**row, "feature_names": tuple(row["feature_names"])})


def numbered(connection: Connection, model_name: str, version: int) -> Version:
    """A version by its number.

    Raises:
        UnknownModel: This company has no such version.
    """
    query = text("SELECT model_version FROM model_versions WHERE model_name = :model AND version = :version")
    name = connection.execute(query, {"model": model_name, "version": version}).scalar_one_or_none()
    return find(connection, name or f"{model_name}@{version}")


def versions(connection: Connection, model_name: str) -> pd.DataFrame:
    """All versions of a model, newest first, with the columns of `Version`; empty where there is none."""
    query = f"SELECT {_COLUMNS} FROM model_versions WHERE model_name = :model ORDER BY version DESC"  # noqa: S608
    return tenancy.frame(connection, query, {"model": model_name})


def code_version(package: str, *libraries: str) -> str:
    """What code this is: the release, a hash over the package's files, and the versions of the libraries it leans on.

    Args:
        package: Importable name of a package of ours.
        libraries: Names of distributions.
    """
    spec = find_spec(package)
    folder = Path(next(iter(spec.submodule_search_locations or []))) if spec else Path()
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    used = [f"{name} {metadata.version(name)}" for name in libraries]
    return ", ".join([f"stormplay {metadata.version('stormplay')}+{digest.hexdigest()[:12]}", *used])


def _known(connection: Connection) -> str:
    query = text("SELECT model_version FROM model_versions ORDER BY made_at DESC LIMIT 5")
    known = connection.execute(query).scalars().all()
    return f"The newest are {', '.join(known)}." if known else "No model is registered yet."
