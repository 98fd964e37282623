"""Pictures of jobs: what they are in the database, their bytes in a folder or bucket, encrypted per company.

`STORMPLAY_PICTURES` names the place as fsspec does (`/srv/stormplay/pictures`, `s3://bucket/pictures`); where it is
unset, `pictures` beside the embedded database, else in the person's state folder. A file's name is the hash of what
is in it, so the same picture is kept once, and damage is noticed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import store, tenancy
from stormplay.errors import BadInput, StormplayError
from stormplay.jobs.picture import SHOTS, Picture

_NONCE_BYTES = 12


class PictureLost(StormplayError):
    """A picture's bytes are not in the store, or not what they were."""


def place() -> str:
    """Where pictures are kept."""
    return store.place("STORMPLAY_PICTURES", "pictures")


def add(connection: Connection, job_id: str, picture: Picture, *, file_name: str, shot: str = "other") -> str:
    """Keep a picture of a job. Returns its photo_id; the same picture again gives the same one.

    Args:
        connection: An open session.
        job_id: The job.
        picture: Fit to keep (`picture.prepared`).
        file_name: What it was called.
        shot: What it shows, one of `picture.SHOTS`.

    Raises:
        BadInput: There is no such kind of shot.
    """
    if shot not in SHOTS:
        raise BadInput(f"There is no shot '{shot}'.", f"Expected one of {', '.join(SHOTS)}.")
    # The row first: who may not write it leaves no bytes behind.
    found = connection.execute(
        text("""INSERT INTO job_photos (job_id, sha256, media_type, thumbnail, width_px, height_px, size_bytes, shot,
                                        file_name, keeps_location, taken_at, added_by)
                VALUES (:job, :sha256, :kind, :small, :width, :height, :size, :shot, :name, :keeps, :taken,
                        sec.my_name())
                ON CONFLICT (tenant_id, job_id, sha256) DO UPDATE SET removed_at = NULL, shot = excluded.shot
                RETURNING photo_id"""),
        {"job": job_id, "sha256": picture.sha256, "kind": picture.media_type, "small": picture.thumbnail,
         "width": picture.width_px, "height": picture.height_px, "size": len(picture.data), "shot": shot,
         "name": Path(file_name).name[:200] or "picture", "keeps": picture.keeps_location, "taken": picture.taken_at},
    )  # fmt: skip
    photo_id = str(found.scalar_one())
    _write(connection, picture)
    return photo_id


def listed(connection: Connection, job_id: str) -> list[dict[str, Any]]:
    """A job's pictures, oldest first: photo_id, shot, file_name, thumbnail (JPEG bytes), media_type, width_px,
    height_px, size_bytes, taken_at, added_by, added_at, keeps_location."""
    rows = connection.execute(
        text("""SELECT photo_id::text, shot, file_name, thumbnail, media_type, width_px, height_px, size_bytes,
                       taken_at, added_by, added_at, keeps_location
                  FROM job_photos WHERE job_id = :job AND removed_at IS NULL ORDER BY added_at, photo_id"""),
        {"job": job_id},
    )
    return [{**row, "thumbnail": bytes(row["thumbnail"])} for row in rows.mappings()]


def remove(connection: Connection, photo_id: str, *, back: bool = False) -> None:
    """Take a picture out of its job, or put it back. Its bytes stay, so nothing is lost by a slip."""
    connection.execute(
        text("UPDATE job_photos SET removed_at = CASE WHEN :back THEN NULL ELSE now() END WHERE photo_id = :id"),
        {"id": photo_id, "back": back},
    )


def destroy(connection: Connection, hashes: Sequence[str]) -> None:
    """Take the bytes of pictures out of the store for good: those of a person who asked to be forgotten."""
    for sha256 in hashes:
        files, path = _file(connection, sha256)
        if files.exists(path):
            files.rm_file(path)


def read(connection: Connection, photo_id: str) -> tuple[bytes, str]:
    """A picture's bytes and media type.

    Raises:
        BadInput: This company has no such picture.
        PictureLost: Its bytes are gone or damaged.
    """
    row = connection.execute(text("SELECT sha256, media_type FROM job_photos WHERE photo_id = :id"), {"id": photo_id})
    found = row.one_or_none()
    if found is None:
        raise BadInput(f"There is no picture '{photo_id}'.", "Expected a photo_id of this company's jobs.")
    files, path = _file(connection, found.sha256)
    try:
        sealed = files.cat_file(path)
        data = _cipher(connection).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], found.sha256.encode())
    except (OSError, InvalidTag, ValueError):
        data = b""
    if hashlib.sha256(data).hexdigest() != found.sha256:
        raise PictureLost("The picture's file is gone or damaged.", f"Expected it in {place()}.",
                          "Restore that folder from its backup; the small picture is still shown.")  # fmt: skip
    return data, found.media_type


def _write(connection: Connection, picture: Picture) -> None:
    files, path = _file(connection, picture.sha256)
    if files.exists(path):
        return
    nonce = os.urandom(_NONCE_BYTES)
    sealed = nonce + _cipher(connection).encrypt(nonce, picture.data, picture.sha256.encode())
    try:
        store.write(files, path, sealed)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise PictureLost(f"The picture could not be kept: {why}.", f"Expected to write to {place()}.",
                          "Nothing of it was saved; try again.") from None  # fmt: skip


def _file(connection: Connection, sha256: str) -> tuple[Any, str]:
    """The store and the file's path in it; a company's folder tells nothing but that there is one."""
    return store.locate(place(), _key(connection), f"{sha256[:2]}/{sha256}")


def _cipher(connection: Connection) -> AESGCM:
    return AESGCM(_key(connection))


def _key(connection: Connection) -> bytes:
    return bytes(connection.execute(text("SELECT sec.picture_key()")).scalar_one())


def shots(connection: Connection, job_id: str) -> list[str]:
    """Which kinds of shot a job has."""
    found = tenancy.frame(
        connection,
        "SELECT DISTINCT shot FROM job_photos WHERE job_id = :job AND removed_at IS NULL",
        {"job": job_id},
    )
    return list(found["shot"])
