"""Pictures as phones make them: turned, placed, mislabelled, damaged and hostile."""

from __future__ import annotations

import io
import struct
import zlib
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from stormplay.errors import BadInput
from stormplay.jobs.picture import LONGEST_SIDE_PX, SHOTS, missing_shots, prepared


def taken(kind="JPEG", size=(60, 40), orientation=None, place=True, when="2021:04:29 10:11:12", mode="RGB", **options):
    image = Image.new(mode, size, 0)
    image.putpixel((0, 0), 255 if mode in ("L", "P") else (255,) * len(image.getbands()))
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Secret Camera of Ana"
    if orientation:
        exif[ExifTags.Base.Orientation] = orientation
    if place:
        exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (32.0, 50.0, 1.0), 3: "W", 4: (97.0, 17.0, 2.0)})
    if when:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = when
    written = io.BytesIO()
    image.save(written, kind, exif=exif, **options)
    return written.getvalue()


def opened(picture):
    return Image.open(io.BytesIO(picture.data))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_place_and_the_camera_are_gone_and_the_time_stays(kind):
    data = taken(kind)
    assert Image.open(io.BytesIO(data)).getexif().get_ifd(ExifTags.IFD.GPSInfo), "it was there"
    picture = prepared(data)
    exif = opened(picture).getexif()
    assert not exif.get_ifd(ExifTags.IFD.GPSInfo)
    assert b"Secret Camera" not in picture.data
    assert picture.taken_at == datetime(2021, 4, 29, 10, 11, 12)
    assert not picture.keeps_location
    assert picture.media_type == f"image/{kind.lower()}"


def test_the_place_is_kept_on_purpose():
    picture = prepared(taken(), keep_location=True)
    assert picture.keeps_location
    assert opened(picture).getexif().get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"
    assert not prepared(taken(place=False), keep_location=True).keeps_location


def test_a_picture_is_turned_upright():
    picture = prepared(taken(orientation=6))
    assert (picture.width_px, picture.height_px) == (40, 60)
    assert opened(picture).size == (40, 60)
    assert ExifTags.Base.Orientation not in opened(picture).getexif()


def test_a_large_one_is_made_smaller_and_a_thumbnail_is_small():
    picture = prepared(taken(size=(6_000, 3_000)))
    assert (picture.width_px, picture.height_px) == (LONGEST_SIDE_PX, LONGEST_SIDE_PX // 2)
    small = Image.open(io.BytesIO(picture.thumbnail))
    assert max(small.size) == 320
    assert small.format == "JPEG"


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA"])
def test_every_kind_of_pixels_is_taken(mode):
    assert prepared(taken("PNG", mode=mode)).thumbnail
    assert prepared(taken("JPEG", mode="CMYK")).media_type == "image/jpeg"


def test_what_it_is_called_is_not_believed():
    picture = prepared(taken("PNG"), "roof.jpg")
    assert picture.media_type == "image/png"


def bomb():
    """A PNG of a few hundred bytes that says it has 40,000 x 40,000 pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "Expected a JPEG, PNG or WebP"),
        (b"GIF89a" + b"\0" * 40, "is not a picture"),
        (b"%PDF-1.7 ...", "is not a picture"),
        (b"MZ" + b"\0" * 200, "is not a picture"),
        (taken()[:-200], "is damaged"),
        (bomb(), "pixels|is not a picture"),
        (b"\0" * (25 * 1024 * 1024 + 1), "has 25 MB"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_a_sentence(data, sentence):
    with pytest.raises(BadInput, match=sentence) as refused:
        prepared(data, "roof.jpg")
    assert str(refused.value).startswith("roof.jpg")


def test_a_file_that_is_two_things_becomes_one():
    picture = prepared(taken() + b"<script>alert(1)</script>PK\x03\x04")
    assert b"<script>" not in picture.data


@settings(max_examples=60)
@given(st.binary(max_size=400), st.integers(0, 2_000))
def test_damage_anywhere_is_a_sentence_or_a_picture(noise, at):
    data = taken()
    try:
        picture = prepared(data[:at] + noise + data[at + len(noise) :])
    except BadInput as error:
        assert str(error)
    else:
        assert opened(picture).size == (picture.width_px, picture.height_px)


def test_the_same_picture_twice_is_the_same():
    assert prepared(taken()).sha256 == prepared(taken()).sha256


def test_the_checklist_names_what_is_missing():
    assert missing_shots(["front", "slope"]) == [SHOTS["test_square"], SHOTS["close_up"], SHOTS["soft_metal"]]
    assert missing_shots(list(SHOTS)) == []
