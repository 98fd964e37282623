"""Homes as dots coloured by what the storm is modelled to have done there, for a map that goes on changing."""

from __future__ import annotations

from typing import Any, NamedTuple

import folium
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from stormplay.maps.columns import columns, frame, steps, zip_labels
from stormplay.maps.drawing import folium_map, ground
from stormplay.storms import BAND_EDGES_IN, BANDS, impact_index

NOT_REACHED = 255  # the byte of a home that the storm has not come to
UNREACHED_COLOUR = "#8391a1"


class ImpactBand(NamedTuple):
    """A band of hail: how people call it, its inches, its colour on the map."""

    word: str
    inches: str
    colour: str


# One warm ramp from light to dark, so that it reads without colours too; each 3:1 at least against the map's ground.
_LOOKS = (("Small", "#b07f00"), ("Moderate", "#d86a12"), ("Severe", "#c8342c"), ("Very severe", "#8a1f4d"),
          ("Extreme", "#3f0f55"))  # fmt: skip
IMPACT_BANDS: tuple[ImpactBand, ...] = tuple(
    ImpactBand(word, inches, colour) for (word, colour), inches in zip(_LOOKS, BANDS, strict=True)
)
"""In the order of `stormplay.storms.BANDS`, smallest first."""


def impact_bytes(sii_score: ArrayLike) -> NDArray[np.uint8]:
    """Pack storm impact indices as the map takes them: whole points, so that each stays in its band; 255 for none.

    An index of 0 is none: so little hail that the modelled storm has not come.
    """
    scores = np.nan_to_num(np.asarray(sii_score, dtype=float))
    whole = np.floor(np.clip(scores, 0, 100)).astype(np.uint8)
    return np.where(scores > 0, whole, np.uint8(NOT_REACHED)).astype(np.uint8)


def impact_map(homes: pd.DataFrame | None, *, height: int = 560) -> folium.Map:
    """Draw homes, one dot each, any number of them on one canvas, coloured by their storm impact index.

    Args:
        homes: `latitude`, `longitude` (degrees, none missing), `sii_score` (0 to 100; NaN where the storm has not
            come), `address`, and where known `zip_code`. A dot's number is its row's.
        height: Height of the map in pixels when the map is displayed as it is.

    Returns:
        A Folium map that loads nothing from a network. In its window `stormplayMap.jobs` is the number of dots and
        `stormplayMap.jobCounts()` how many there are in each band, those not reached first. A message
        `{stormplay: "dots", values, at, first, added}` changes dots without drawing another map.
    """
    homes = frame(homes, ("latitude", "longitude", "sii_score", "address"))
    payload = columns(frame(None, ("route_id", "route_name")),
                      frame(None, ("route_id", "sequence_order", "latitude", "longitude")),
                      frame(None, ("hail_in", "latitude", "longitude")), "UTC")  # fmt: skip
    payload |= ground(None, None) | {
        "zips": zip_labels(homes),
        "attribution": "Modelled swath: nobody has looked at these roofs · Leaflet",
        "jobs": {
            "title": "Modelled hail at a home",
            "noun": "Home",
            "lat": steps(homes["latitude"]),
            "lon": steps(homes["longitude"]),
            "values": impact_bytes(homes["sii_score"]).tolist(),
            "edges": [int(edge) for edge in impact_index(BAND_EDGES_IN)],
            "statuses": _kinds(),
            "text": "\n".join(addresses(homes)),
        },
        "label": f"Map of {len(homes):,} homes by modelled hail",
    }
    return folium_map(payload, height)


def addresses(homes: pd.DataFrame) -> list[str]:
    """One line a home."""
    return homes["address"].fillna("").astype(str).str.replace("\n", " ").tolist()


def _kinds() -> list[dict[str, Any]]:
    none = {"text": "Not reached", "said": "The modelled storm has not come here.", "colour": UNREACHED_COLOUR,
            "quiet": True}  # fmt: skip
    return [none] + [
        {"text": f"{band.word}, {band.inches}", "said": f"{band.word} hail modelled: {band.inches}",
         "colour": band.colour}
        for band in IMPACT_BANDS
    ]  # fmt: skip
