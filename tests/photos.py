"""Pictures as phones take them."""

from __future__ import annotations

import io

from PIL import Image


def photo(colour, size=(900, 600)):
    """A picture as a phone takes it: turned, and with the place where it was taken."""
    made = Image.new("RGB", size, colour)
    exif = made.getexif()
    exif[274] = 6
    exif.get_ifd(0x8825)[1] = "N"
    written = io.BytesIO()
    made.save(written, "JPEG", exif=exif)
    return written.getvalue()
