"""The map of a storm that goes on: one document, and after it only the bytes of the homes that have changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import traitlets

from stormplay import maps
from stormplay.controls.map_frame import MapFrame


class StormMap(MapFrame):
    """Homes coloured by their modelled hail, without another map when they change.

    A home is a byte. A browser that opens or reloads the map asks for all of them once; from then on it is told which
    have changed. So nothing flickers, and view, zoom and an open popup stay.

    Attributes:
        homes: What is now shown, a dot's number as index: property_id, latitude, longitude, address, sii_score.
    """

    moves = traitlets.Bool(True).tag(sync=True)

    def __init__(self) -> None:
        super().__init__()
        self.homes = pd.DataFrame(columns=["property_id", "latitude", "longitude", "address", "sii_score"])
        self._places: dict[str, int] = {}
        self._values = np.empty(0, dtype=np.uint8)
        self._drawn = 0  # homes that are in the document
        self.on_msg(self._heard)

    def begin(self, homes: pd.DataFrame) -> None:
        """Draw another map.

        Args:
            homes: `property_id`, `latitude`, `longitude` (degrees, none missing), `address`, `zip_code`, `sii_score`.
        """
        drawn = maps.impact_map(homes)
        self.homes, self._drawn = homes.reset_index(drop=True), len(homes)
        self._places = {str(home): place for place, home in enumerate(self.homes["property_id"])}
        self._values = maps.impact_bytes(self.homes["sii_score"])
        self.draw(drawn)

    def change(self, changed: pd.DataFrame) -> int:
        """Show what has changed, and homes that are new. Returns how many dots that were.

        Args:
            changed: Homes as in `begin`, each once; those that read as before cost nothing.
        """
        known = changed["property_id"].astype(str).map(self._places)
        first = len(self.homes)
        added = changed[known.isna()]
        if len(added):
            self._places |= {str(home): first + k for k, home in enumerate(added["property_id"])}
            self.homes = pd.concat([self.homes, added], ignore_index=True)
            self._values = np.append(self._values, np.full(len(added), maps.NOT_REACHED, dtype=np.uint8))
        places = changed["property_id"].astype(str).map(self._places).to_numpy(dtype=np.uint32)
        values = maps.impact_bytes(changed["sii_score"])
        differs = self._values[places] != values
        places, values = places[differs], values[differs]
        self._values[places] = values
        self.homes.loc[places, "sii_score"] = changed["sii_score"].to_numpy()[differs]
        if len(places) or len(added):
            more = self._more(first) if len(added) else None
            self.send({"dots": "some", "first": first, "added": more}, [values.tobytes(), places.tobytes()])
        return len(places)

    def _more(self, first: int) -> dict[str, list[Any]]:
        new = self.homes.iloc[first:]
        return {
            "lat": new["latitude"].round(5).tolist(),
            "lon": new["longitude"].round(5).tolist(),
            "text": maps.addresses(new),
        }

    def _heard(self, _: Any, content: Any, __: Any) -> None:
        if content == {"need": "dots"}:
            more = self._more(self._drawn) if len(self.homes) > self._drawn else None
            self.send({"dots": "all", "first": self._drawn, "added": more}, [self._values.tobytes()])
