"""Where the demo's homes stand: street blocks on a rotated grid, grouped around ZIP centroids.

A neighbourhood is 3 to 6 parallel streets, straight or gently bent, of 2 or 3 blocks; a block has 8 to 14 lots on
either side of its street, each 15 to 25 m wide, and a hundred of house numbers: even on one side, odd on the other.
About every fifth house is in the company's book.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stormplay.demo.words import CITIES, LAND_WORDS, ROOF_WORDS, STREET_SUFFIXES
from stormplay.storms import read_zip_centroids

Floats = NDArray[np.float64]
Rng = np.random.Generator

METRES_PER_DEGREE = 111_195.0
STREET_SPACING_M = 78.0
SETBACK_M = 16.0  # from the middle of the street to the middle of a house
ZIP_RADIUS_M = 2_600.0
NEIGHBOURHOOD_GAP_M = 750.0
CROSSING_M = 18.0
IN_BOOK_SHARE = 0.18  # no company has every house of a street in its book


class Land:
    """Ground already built on and street names already used; shared by all tenants, so that no homes coincide."""

    def __init__(self, rng: Rng) -> None:
        self.rng = rng
        self.centroids = read_zip_centroids().set_index("zip_code")
        self.taken: list[tuple[float, float]] = []
        self.names = self._street_names()

    def _street_names(self) -> Iterator[str]:
        names = [" ".join(words) for words in product(ROOF_WORDS, LAND_WORDS, STREET_SUFFIXES)]
        for place in self.rng.permutation(len(names)):
            yield names[place]

    def site(self, zip_code: str) -> tuple[float, float]:
        """A free place for a neighbourhood near a ZIP centroid: latitude, longitude."""
        centre = self.centroids.loc[zip_code]
        shrink = float(np.cos(np.radians(centre["latitude"])))
        for attempt in range(1_000):
            # The circle widens when it is full.
            reach = ZIP_RADIUS_M * (1 + attempt / 200) * np.sqrt(self.rng.random()) / METRES_PER_DEGREE
            angle = self.rng.uniform(0, 2 * np.pi)
            latitude = float(centre["latitude"] + reach * np.sin(angle))
            longitude = float(centre["longitude"] + reach * np.cos(angle) / shrink)
            if self._is_free(latitude, longitude, shrink):
                break
        self.taken.append((latitude, longitude))
        return latitude, longitude

    def _is_free(self, latitude: float, longitude: float, shrink: float) -> bool:
        if not self.taken:
            return True
        north, east = (np.array(self.taken) - (latitude, longitude)).T
        return bool(np.hypot(north, east * shrink).min() * METRES_PER_DEGREE >= NEIGHBOURHOOD_GAP_M)


def build_homes(land: Land, zip_codes: tuple[str, ...], count: int) -> pd.DataFrame:
    """Place homes, spread evenly over ZIP codes, in the order of a walk through them.

    Args:
        land: What is taken already; grows.
        zip_codes: Where.
        count: How many homes in all.

    Returns:
        `count` rows: address, city, zip_code, latitude, longitude (degrees), neighbourhood (number).
    """
    shares = np.full(len(zip_codes), count // len(zip_codes))
    shares[: count % len(zip_codes)] += 1
    parts = [_zip_homes(land, zip_code, int(share)) for zip_code, share in zip(zip_codes, shares, strict=True)]
    return pd.concat(parts, ignore_index=True)


def _zip_homes(land: Land, zip_code: str, count: int) -> pd.DataFrame:
    parts: list[pd.DataFrame] = []
    while sum(map(len, parts)) < count:
        parts.append(_neighbourhood(land, zip_code))
    homes = pd.concat(parts, ignore_index=True).head(count)
    return homes.assign(zip_code=zip_code, city=CITIES[zip_code])


def _neighbourhood(land: Land, zip_code: str) -> pd.DataFrame:
    rng = land.rng
    latitude, longitude = land.site(zip_code)
    number = len(land.taken)
    turn = np.radians(rng.choice([0, 0, 90, rng.uniform(-40, 40)]) + rng.normal(0, 4))
    bend = rng.choice([0.0, 1.0, -1.0]) / rng.uniform(1_500, 4_000)  # 1 / radius in metres
    lots, blocks, first_number = int(rng.integers(8, 15)), int(rng.integers(2, 4)), 100 * int(rng.integers(10, 90))
    rows = range(int(rng.integers(3, 7)))
    streets = [_street(land, row, lots, blocks, first_number) for row in rows]
    homes = pd.concat(streets, ignore_index=True)
    along = homes["along_m"].to_numpy()
    across = homes["across_m"].to_numpy() + bend * (along - along.mean()) ** 2 / 2
    east, north = along * np.cos(turn) - across * np.sin(turn), along * np.sin(turn) + across * np.cos(turn)
    return pd.DataFrame(
        {
            "address": homes["address"],
            "latitude": (latitude + north / METRES_PER_DEGREE).round(6),
            "longitude": (longitude + east / METRES_PER_DEGREE / np.cos(np.radians(latitude))).round(6),
            "neighbourhood": number,
        }
    )


def _street(land: Land, row: int, lots: int, blocks: int, first_number: int) -> pd.DataFrame:
    """One street of a neighbourhood: address, and metres along and across from the neighbourhood's corner."""
    rng = land.rng
    frontage_m = rng.uniform(15, 25)
    block, lot, side = (part.ravel() for part in np.mgrid[0:blocks, 0:lots, 0:2])
    name = next(land.names)
    numbers = first_number + 100 * block + 4 * lot + side
    along_m = (block * lots + lot + 0.5) * frontage_m + block * CROSSING_M
    street = pd.DataFrame(
        {
            "address": [f"{number} {name}" for number in numbers],
            "along_m": along_m + rng.normal(0, 0.8, len(numbers)),
            "across_m": row * STREET_SPACING_M + (2 * side - 1) * SETBACK_M + rng.normal(0, 1.0, len(numbers)),
        }
    )
    return street[rng.random(len(numbers)) < IN_BOOK_SHARE]
