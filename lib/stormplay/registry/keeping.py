"""Register a version, and load it again: hash and signature are checked before a byte of the file is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay.errors import ArtifactRefused, UnknownModel
from stormplay.registry import seal, shelf
from stormplay.registry.moves import promote
from stormplay.registry.packing import pack, unpack
from stormplay.registry.versions import Version, find

_INSERT = """
INSERT INTO model_versions (tenant_id, model_name, version, model_version, source, params, metrics, data_fingerprint,
                            code_version, feature_names, trained_on, artifact, artifact_sha256, signature, note)
VALUES (:tenant_id, :model_name, :version, :model_version, :source, CAST(:params AS jsonb), CAST(:metrics AS jsonb),
        :data_fingerprint, :code_version, CAST(:feature_names AS jsonb), CAST(:trained_on AS jsonb), :artifact,
        :artifact_sha256, :signature, :note)
"""


def register(
    connection: Connection, model_name: str, payload: Mapping[str, Any] | None, *, purpose: str, code_version: str,
    params: Mapping[str, Any] | None = None, metrics: Mapping[str, Any] | None = None, data_fingerprint: str = "",
    feature_names: Sequence[str] = (), trained_on: Mapping[str, Any] | None = None, note: str = "",
    model_version: str | None = None, alias: str | None = "challenger",
) -> Version:  # fmt: skip
    """Keep a version of a model, whole or not at all. For analysts.

    Args:
        connection: An open session; the version is there when it commits.
        model_name: Small letters, digits and hyphens.
        payload: What the model is made of (`registry.packing`); None: numbers that no model of ours made (planted).
        purpose: What the model is for; counts at its first version.
        code_version: What it was fitted with (`versions.code_version`).
        params, metrics, data_fingerprint, feature_names, trained_on, note: As in `Version`; plain JSON.
        model_version: The text by which numbers name it; None: 'name@version'.
        alias: The place that it takes at once; None: none.

    Returns:
        The version as it is kept.

    Raises:
        BadInput: The payload holds what would not be loaded again.
        NotAllowed: (at the session) This person is no analyst of the company.
    """
    secret = seal.key(connection)
    version = _next_number(connection, model_name, purpose)
    data = None if payload is None else pack(payload)
    sha256 = None if data is None else hashlib.sha256(data).hexdigest()
    said: dict[str, Any] = {
        "model_name": model_name,
        "version": version,
        "model_version": model_version or f"{model_name}@{version}",
        "source": "planted" if data is None else "trained",
        "params": dict(params or {}),
        "metrics": dict(metrics or {}),
        "data_fingerprint": data_fingerprint,
        "code_version": code_version,
        "feature_names": list(feature_names),
        "trained_on": dict(trained_on or {}),
        "artifact": None if sha256 is None else shelf.address(model_name, version, sha256),
        "artifact_sha256": sha256,
        "note": note,
    }
    _insert(connection, {**said, "signature": seal.sign(secret, said)})
    # The row first: who may not write it leaves no bytes behind.
    if data is not None:
        shelf.put(secret, said["artifact"], data)
    if alias is not None:
        promote(connection, model_name, version, "registered", alias=alias)
    return find(connection, said["model_version"])


def load(connection: Connection, model_version: str | Version) -> tuple[Version, dict[str, Any]]:
    """A version and what its model is made of. For analysts.

    Raises:
        UnknownModel: There is no such version, or it has no artifact.
        ArtifactRefused: The file is gone, changed, another's, or holds what may not be loaded.
        NotAllowed: (at the session) This person is no analyst of the company.
    """
    found = model_version if isinstance(model_version, Version) else find(connection, model_version)
    if found.artifact is None or found.artifact_sha256 is None:
        raise UnknownModel(
            f"'{found.model_version}' has no artifact: {found.note or 'it is planted'}.", "Expected a trained version."
        )
    secret = seal.key(connection)
    data = shelf.get(secret, found.artifact, found.artifact_sha256)
    if not seal.is_signed(secret, {**asdict(found), "feature_names": list(found.feature_names)}, found.signature):
        raise ArtifactRefused(
            f"The signature of '{found.model_version}' is not this company's over what is written of it.",
            remedy="It was not registered by this program; train the model again.",
        )
    return found, unpack(data)


def _next_number(connection: Connection, model_name: str, purpose: str) -> int:
    """The next version's number. Two who register at once wait for each other here."""
    values = {"tenant_id": connection.info["tenant_id"], "model": model_name, "purpose": purpose}
    connection.execute(
        text("""INSERT INTO models (tenant_id, model_name, purpose) VALUES (:tenant_id, :model, :purpose)
                ON CONFLICT (tenant_id, model_name) DO NOTHING"""),
        values,
    )
    connection.execute(text("SELECT FROM models WHERE model_name = :model FOR UPDATE"), values)
    newest = text("SELECT coalesce(max(version), 0) FROM model_versions WHERE model_name = :model")
    return int(connection.execute(newest, values).scalar_one()) + 1


def _insert(connection: Connection, said: Mapping[str, Any]) -> None:
    plain = {name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in said.items()}
    connection.execute(text(_INSERT), {"tenant_id": connection.info["tenant_id"], **plain})
