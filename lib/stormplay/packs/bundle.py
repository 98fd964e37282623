"""A pack as one zip: every file, and a manifest with what is in each. The same pack gives the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

from stormplay.packs import files, links, page, paper
from stormplay.packs.content import Pack

_EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip knows no earlier moment; the clock of a pack is its as_of alone
FORMAT = 1


def members(pack: Pack) -> dict[str, bytes]:
    """The files of a pack by name, without the manifest."""
    stem = pack.file_stem
    made = {f"{stem}.{ending}": write(pack).encode() for ending, write in files.WRITERS.items()}
    made[f"{stem}.html"] = page.to_html(pack).encode()
    made[f"{stem}.pdf"] = paper.to_pdf(pack)
    made[f"{stem}-links.txt"] = _link_list(pack).encode()
    return made


def to_zip(pack: Pack) -> bytes:
    """The zip, with `manifest.json` first."""
    inside = members(pack)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in [("manifest.json", manifest(pack, inside)), *sorted(inside.items())]:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            file.writestr(info, data)
    return written.getvalue()


def manifest(pack: Pack, inside: dict[str, bytes]) -> bytes:
    """What is in the pack: its stops in order, and each file with size and SHA-256."""
    told = {
        "format": FORMAT,
        "title": pack.title,
        "company": pack.company,
        "crew": pack.crew,
        "day": pack.day.isoformat(),
        "as_of": pack.as_of.isoformat(),
        "synthetic": pack.is_synthetic,
        "stops": [stop.stop_id for stop in pack.stops],
        "left_out_of_maps": [stop.stop_id for stop in pack.stops if stop not in pack.placed],
        "files": {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
                  for name, data in sorted(inside.items())},
    }  # fmt: skip
    return (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode()


def _link_list(pack: Pack) -> str:
    return "".join(f"{link.title}: {link.url}\r\n" for link in links.google(pack))
