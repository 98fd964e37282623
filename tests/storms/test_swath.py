import json
from datetime import date
from itertools import pairwise
from time import perf_counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormplay import storms
from stormplay.errors import BadInput
from stormplay.storms import Swath

DAYS = (date(2016, 3, 17), date(2020, 4, 28), date(2021, 4, 28))


def frame(rows):
    table = pd.DataFrame(rows, columns=["minute", "hail_in", "latitude", "longitude"])
    start = pd.Timestamp("2021-04-29 01:00", tz="UTC")
    return table.assign(reported_at=start + pd.to_timedelta(table["minute"], unit="min"))


@pytest.fixture(scope="module", params=DAYS, ids=str)
def storm(request):
    reports = storms.read_reports(request.param)
    return reports, Swath.from_reports(reports)


@pytest.fixture(scope="module")
def main_swath():
    return Swath.from_reports(storms.read_reports(date(2021, 4, 28)))


report_rows = st.lists(
    st.tuples(
        st.integers(0, 120),
        st.floats(0.5, 5),
        st.floats(32.5, 33.1),
        st.floats(-97.6, -97.0),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(report_rows)
def test_bounded_by_the_floor_and_the_largest_report(rows):
    reports = frame(rows)
    swath = Swath.from_reports(reports)
    mesh = np.meshgrid(np.linspace(32.3, 33.3, 25), np.linspace(-97.8, -96.8, 25))
    hail = swath.hail_in(*mesh)
    assert hail.max() <= reports["hail_in"].max()
    assert ((hail == 0) | (hail > 0.499)).all()
    # At a report no size is outside the range of what was reported.
    at_reports = swath.hail_in(reports["latitude"], reports["longitude"])
    assert (at_reports >= reports["hail_in"].min() * (1 - 1e-9)).all()


@settings(max_examples=30, deadline=None)
@given(st.floats(0.5, 5), st.floats(-60, 60), st.floats(-180, 180))
def test_a_lone_report_gets_its_own_size_and_far_away_gets_nothing(size, latitude, longitude):
    swath = Swath.from_reports(frame([(0, size, latitude, longitude)]))
    assert swath.motion is None
    assert swath.hail_in(latitude, longitude) == pytest.approx(size)
    assert swath.hail_in(latitude + 0.5, longitude) == 0
    assert swath.hail_in(-latitude, longitude - 179 if longitude > 0 else longitude + 179) == 0


@settings(max_examples=30, deadline=None)
@given(st.floats(0.6, 5), st.floats(0, 359))
def test_falls_with_distance_from_a_lone_report(size, bearing):
    swath = Swath.from_reports(frame([(0, size, 32.9, -97.3)]))
    step = np.linspace(0, 0.3, 40)
    ray = swath.hail_in(32.9 + step * np.cos(np.radians(bearing)), -97.3 + step * np.sin(np.radians(bearing)))
    assert (np.diff(ray) <= 1e-12).all()


@settings(max_examples=30, deadline=None)
@given(report_rows, st.floats(1.01, 2))
def test_larger_reports_never_make_a_smaller_swath(rows, factor):
    small = frame(rows)
    mesh = np.meshgrid(np.linspace(32.4, 33.2, 20), np.linspace(-97.7, -96.9, 20))
    less = Swath.from_reports(small).hail_in(*mesh)
    more = Swath.from_reports(small.assign(hail_in=small["hail_in"] * factor)).hail_in(*mesh)
    assert (more >= less).all()


def test_reports_get_about_their_own_size(storm):
    reports, swath = storm
    off = np.abs(swath.hail_in(reports["latitude"], reports["longitude"]) - reports["hail_in"])
    assert off.mean() < 0.1
    assert off.max() <= 0.5  # two reports 750 m apart in 2021 differ by 1.25 in


def test_other_towns_get_nothing(storm):
    _, swath = storm
    towns = {
        "Dallas": (32.78, -96.80),
        "Denton": (33.21, -97.13),
        "Waco": (31.55, -97.15),
        "Sydney": (-33.9, 151.2),
    }
    assert all(swath.hail_in(*place) == 0 for place in towns.values())


def test_error_left_out_is_as_the_module_says(storm):
    reports, swath = storm
    said = {15: 0.49, 28: 0.31, 21: 0.61}[len(reports)]
    misses = []
    for i in range(len(reports)):
        others = Swath(*(np.delete(v, i) for v in (swath.latitude, swath.longitude, swath.report_in)), swath.motion)
        place = reports.iloc[i]
        misses.append(abs(float(others.hail_in(place["latitude"], place["longitude"])) - place["hail_in"]))
    assert np.mean(misses) == pytest.approx(said, abs=0.01)


@pytest.mark.parametrize(("day", "compass", "speed"), [(DAYS[0], "E", 36), (DAYS[1], "SE", 35), (DAYS[2], "ENE", 46)])
def test_motion_of_the_real_storms(day, compass, speed):
    motion = Swath.from_reports(storms.read_reports(day)).motion
    assert (motion.compass, round(motion.speed_kmh)) == (compass, speed)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 359.9), st.floats(10, 120))
def test_a_planted_motion_is_found(bearing, speed):
    minutes = np.arange(0, 40, 5)
    gone = speed * minutes / 60 / 111.195
    latitude = 32.9 + gone * np.cos(np.radians(bearing))
    longitude = -97.3 + gone * np.sin(np.radians(bearing)) / np.cos(np.radians(latitude.mean()))
    rows = list(zip(minutes, [1.5] * len(minutes), latitude, longitude, strict=True))
    motion = Swath.from_reports(frame(rows)).motion
    assert motion.speed_kmh == pytest.approx(speed, rel=0.01)
    assert abs((motion.bearing_deg - bearing + 180) % 360 - 180) < 1


@pytest.mark.parametrize(
    "rows",
    [
        [(0, 1.0, 32.9, -97.3), (9, 1.0, 32.95, -97.2)],  # two points make any line
        [(0, 1.0, 32.9, -97.3)] * 3 + [(0, 1.0, 32.8, -97.2)],  # all at once
        [(t, 1.0, 32.9, -97.3) for t in (0, 5, 9)],  # all in one place
        [(t, 1.0, 32.9 + 0.1 * (-1) ** t, -97.3) for t in range(12)],  # to and fro
        [(t, 1.0, 32.9 + t, -97.3) for t in range(5)],  # faster than storms move
    ],
)
def test_no_motion_is_claimed_where_reports_tell_none(rows):
    assert Swath.from_reports(frame(rows)).motion is None


def test_elongated_along_the_motion(main_swath):
    ahead = np.radians(main_swath.motion.bearing_deg)
    single = Swath(np.array([32.9]), np.array([-97.3]), np.array([2.0]), main_swath.motion)
    reach = {}
    for name, angle in (("along", ahead), ("across", ahead + np.pi / 2)):
        km = np.linspace(0, 30, 600)
        latitude = 32.9 + km / 111.195 * np.cos(angle)
        longitude = -97.3 + km / (111.195 * np.cos(np.radians(32.9))) * np.sin(angle)
        reach[name] = km[single.hail_in(latitude, longitude) > 0].max()
    assert reach["along"] / reach["across"] == pytest.approx(6 / 2.5, rel=0.02)


def test_unknown_places_stay_unknown(main_swath):
    hail = main_swath.hail_in([32.9, np.nan, 32.9], [-97.3, -97.3, np.nan])
    assert hail[0] > 1 and np.isnan(hail[1:]).all()


def test_no_reports_make_an_empty_swath():
    swath = Swath.from_reports(storms.read_reports(date(2021, 4, 29)))
    assert swath.hail_in(32.9, -97.3) == 0
    assert swath.contours()["features"] == []
    assert swath.motion is None and swath.max_in == 0


@pytest.mark.parametrize(
    ("latitude", "longitude"), [([91], [0]), ([0], [181]), ([32.9, 33], [-97.3]), ([-97.3], [32.9])]
)
def test_impossible_places_are_refused(main_swath, latitude, longitude):
    with pytest.raises(BadInput):
        main_swath.hail_in(latitude, longitude)


@pytest.mark.parametrize("column", ["hail_in", "latitude", "longitude", "reported_at"])
def test_incomplete_reports_are_refused(column):
    good = frame([(0, 1.0, 32.9, -97.3), (5, 1.0, 32.9, -97.2)])
    with pytest.raises(BadInput, match=column):
        Swath.from_reports(good.drop(columns=column))
    hole = good.copy()
    hole.loc[1, column] = None
    with pytest.raises(BadInput, match="1 of 2 hail reports lack"):
        Swath.from_reports(hole)


def test_a_million_points_take_under_two_seconds(main_swath):
    rng = np.random.default_rng(0)
    latitude, longitude = rng.uniform(32.6, 33.1, 1_000_000), rng.uniform(-97.6, -97.0, 1_000_000)
    start = perf_counter()
    main_swath.hail_in(latitude, longitude)
    assert perf_counter() - start < 2


def rings_of(collection):
    for feature in collection["features"]:
        for polygon in feature["geometry"]["coordinates"]:
            for place, ring in enumerate(polygon):
                yield place, np.array(ring)


def signed_area(ring):
    x, y = ring[:-1].T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)


def crosses_itself(ring):
    start, end = ring[:-1], ring[1:]

    def side(a, b, c):
        return (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])

    a, b, c, d = start[:, None], end[:, None], start[None], end[None]
    return bool(((side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0)).any())


def test_contours_are_closed_simple_rings_in_geojson_order(storm):
    collection = storm[1].contours()
    assert collection["type"] == "FeatureCollection"
    assert 10_000 < len(json.dumps(collection)) < 80_000
    for place, ring in rings_of(collection):
        assert len(ring) >= 4 and (ring[0] == ring[-1]).all()
        assert (ring[:, 0] < -96).all() and (ring[:, 1] > 32).all()  # longitude first
        assert (signed_area(ring) > 0) == (place == 0)  # outer rings anticlockwise, holes clockwise
        assert not crosses_itself(ring)


def inside(feature, latitude, longitude):
    """Even-odd rule over all rings of a feature."""
    odd = np.zeros(len(latitude), dtype=bool)
    for polygon in feature["geometry"]["coordinates"]:
        for ring in map(np.array, polygon):
            for (x1, y1), (x2, y2) in pairwise(ring):
                if y1 != y2:
                    within = (y1 > latitude) != (y2 > latitude)
                    odd ^= within & (longitude < (x2 - x1) * (latitude - y1) / (y2 - y1) + x1)
    return odd


def test_contours_agree_with_the_field(storm):
    _, swath = storm
    rng = np.random.default_rng(1)
    latitude, longitude = rng.uniform(32.5, 33.1, 4000), rng.uniform(-97.6, -97.0, 4000)
    hail = swath.hail_in(latitude, longitude)
    for feature in swath.contours()["features"]:
        level = feature["properties"]["hail_in"]
        clear = np.abs(hail - level) > 0.05  # the grid's step blurs the edge
        assert (inside(feature, latitude, longitude) == (hail >= level))[clear].all()


def test_levels_come_sorted_and_say_that_they_are_modelled(main_swath):
    features = main_swath.contours([2.0, 1.0, 1.0, 9.0])["features"]
    assert [f["properties"] for f in features] == [{"hail_in": v, "modelled": True} for v in (1.0, 2.0)]


@pytest.mark.parametrize("levels", [[], [0.4], [1.0, -1.0], [float("nan")], [float("inf")]])
def test_levels_that_cannot_be_drawn_are_refused(main_swath, levels):
    with pytest.raises(BadInput, match="cannot be drawn"):
        main_swath.contours(levels)


def test_reports_a_continent_apart_do_not_exhaust_memory():
    far = Swath.from_reports(frame([(0, 1.5, 30.0, -120.0), (5, 1.5, 45.0, -75.0)]))
    assert isinstance(far.contours()["features"], list)
