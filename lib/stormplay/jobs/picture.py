"""A picture as it comes from a phone, made fit to keep: checked by content, turned upright, its place taken out. Pure.

A picture is written anew, so that nothing but pixels (and the time it was taken) of what was uploaded is kept.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass, field
from datetime import datetime

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from stormplay.errors import BadInput

MOST_BYTES = 25 * 1024 * 1024
MOST_PIXELS = 60_000_000  # a small file can unfold to gigabytes
FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
LONGEST_SIDE_PX = 4_096
THUMBNAIL_PX = 320
_QUALITY = 88

# What an inspection is expected to show; the checklist of a job names those that are missing.
SHOTS = {
    "front": "House from the street",
    "slope": "Each slope, whole",
    "test_square": "Test square, chalked",
    "close_up": "Hit, close up, with a coin or ruler",
    "soft_metal": "Vents, gutters and other soft metal",
    "other": "Anything else",
}


@dataclass(frozen=True)
class Picture:
    """A picture fit to keep.

    Attributes:
        data: The file's bytes.
        media_type: `image/jpeg`, `image/png` or `image/webp`.
        width_px, height_px: Upright.
        thumbnail: A small JPEG of it.
        sha256: Hash of `data`, in hex.
        taken_at: The camera's clock, without a zone; None where it does not say.
        keeps_location: Whether the place where it was taken is still in it.
    """

    data: bytes = field(repr=False)
    media_type: str
    width_px: int
    height_px: int
    thumbnail: bytes = field(repr=False)
    sha256: str
    taken_at: datetime | None
    keeps_location: bool


def prepared(data: bytes, file_name: str = "This file", *, keep_location: bool = False) -> Picture:
    """Make a picture fit to keep.

    Args:
        data: What was uploaded; what it is called or says of itself is not believed.
        file_name: For the sentences.
        keep_location: Whether to leave the place in it, on purpose.

    Raises:
        BadInput: Too large, not a picture, a kind that browsers do not show, or damaged.
    """
    if len(data) > MOST_BYTES:
        raise BadInput(f"{file_name} has {len(data) / 2**20:,.0f} MB.", f"Expected at most {MOST_BYTES // 2**20} MB.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a camera's own oddities in what is thrown away
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=list(FORMATS)) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise BadInput(f"{file_name} has {image.width} x {image.height} pixels.",
                                   f"Expected at most {MOST_PIXELS // 10**6} million.")  # fmt: skip
                image.load()
                return _written(image, keep_location)
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadInput(f"{file_name} is not a picture that can be shown here.",
                       "Expected a JPEG, PNG or WebP file.") from None  # fmt: skip
    except (OSError, SyntaxError, ValueError, EOFError):
        raise BadInput(f"{file_name} is damaged: it cannot be read to its end.", remedy="Upload it again.") from None


def _written(image: Image.Image, keep_location: bool) -> Picture:
    media_type, kind = FORMATS[str(image.format)], str(image.format)
    exif = image.getexif()
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    taken = _time(
        exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
    )
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX))
    if kind == "JPEG" and upright.mode not in ("RGB", "L"):
        upright = upright.convert("RGB")
    clean = Image.Exif()
    if taken:
        clean[ExifTags.Base.DateTime] = f"{taken:%Y:%m:%d %H:%M:%S}"
    keeps = bool(keep_location and place)
    if keeps:
        clean.get_ifd(ExifTags.IFD.GPSInfo).update(place)
    upright.info = {}  # comments, profiles and what else came along
    written = io.BytesIO()
    upright.save(written, kind, quality=_QUALITY, exif=clean.tobytes() if (taken or keeps) else b"")
    stored = written.getvalue()
    return Picture(stored, media_type, upright.width, upright.height, _small(upright),
                   hashlib.sha256(stored).hexdigest(), taken, keeps)  # fmt: skip


def _small(image: Image.Image) -> bytes:
    small = image.convert("RGB")
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    written = io.BytesIO()
    small.save(written, "JPEG", quality=75)
    return written.getvalue()


def _time(said: object) -> datetime | None:
    try:
        return datetime.strptime(str(said), "%Y:%m:%d %H:%M:%S")  # without a zone: a camera knows none
    except ValueError:
        return None


def missing_shots(have: list[str]) -> list[str]:
    """The kinds of picture that an inspection still lacks, in the order of the checklist, as people read them."""
    return [label for shot, label in SHOTS.items() if shot != "other" and shot not in have]
