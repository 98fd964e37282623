"""What happened: hail reports, the swath modelled from them, and the storm impact index (SII).

Pure functions over arrays and frames; no database. Reports are real (NOAA). A swath and an SII are modelled and
never mean that hail hit a particular roof.
"""

from __future__ import annotations

from stormplay.storms.impact import BAND_EDGES_IN, BANDS, SII_ANCHORS, UNKNOWN_BAND, band, impact_band, impact_index
from stormplay.storms.motion import Motion
from stormplay.storms.reports import read_reports, read_zip_centroids, spc_day
from stormplay.storms.swath import LEVELS_IN, Swath

__all__ = [
    "BANDS",
    "BAND_EDGES_IN",
    "LEVELS_IN",
    "SII_ANCHORS",
    "UNKNOWN_BAND",
    "Motion",
    "Swath",
    "band",
    "impact_band",
    "impact_index",
    "read_reports",
    "read_zip_centroids",
    "spc_day",
]
