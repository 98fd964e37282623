"""What is packed for the browser is what the frames said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormplay import maps
from stormplay.maps.columns import columns


def pack(routes, stops, reports=None):
    empty = pd.DataFrame(columns=["hail_in", "latitude", "longitude"])
    return columns(routes, stops, empty if reports is None else reports, "UTC")


def unpack(packed):
    """Read the columns as `stormplay_map.js` does."""
    s = packed["stops"]
    places = np.c_[np.cumsum(s["lat"]), np.cumsum(s["lon"])] / 1e5
    house = s["head"].split("\n") if s["head"] else [""] * len(places)
    address = [f"{h} {s['tails'][t]}".strip() for h, t in zip(house, s["tail"], strict=True)]
    routes = np.repeat(packed["routes"]["id"], packed["routes"]["count"])
    return pd.DataFrame({"route_id": routes, "latitude": places[:, 0], "longitude": places[:, 1], "address": address})


@st.composite
def plans(draw):
    n = draw(st.integers(0, 40))
    ids = [f"r{i}" for i in range(draw(st.integers(1, 5)))]
    stops = pd.DataFrame({
        "route_id": draw(st.lists(st.sampled_from(ids), min_size=n, max_size=n)),
        "latitude": draw(st.lists(st.floats(-80, 80), min_size=n, max_size=n)),
        "longitude": draw(st.lists(st.floats(-179, 179), min_size=n, max_size=n)),
        "address": draw(st.lists(st.text("ab 1<&", max_size=12), min_size=n, max_size=n)),
    })  # fmt: skip
    stops["sequence_order"] = stops.groupby("route_id").cumcount() + 1
    routes = pd.DataFrame({"route_id": ids, "route_name": ids})
    return routes, stops.sample(frac=1, random_state=draw(st.integers(0, 99))).reset_index(drop=True)


@settings(max_examples=60, deadline=None)
@given(plans())
def test_places_addresses_and_order_survive_the_packing(plan):
    routes, stops = plan
    got = unpack(pack(routes, stops))
    want = stops.sort_values(["route_id", "sequence_order"]).reset_index(drop=True)
    assert got["route_id"].tolist() == want["route_id"].tolist()
    assert got["address"].tolist() == want["address"].astype(str).str.strip().tolist()
    np.testing.assert_allclose(got[["latitude", "longitude"]], want[["latitude", "longitude"]], atol=0.6e-5)


def test_stops_without_a_place_or_a_known_route_are_left_out():
    routes = pd.DataFrame({"route_id": ["a"], "route_name": ["A"]})
    stops = pd.DataFrame({
        "route_id": ["a", "a", "gone"], "sequence_order": [1, 2, 1], "latitude": [32.9, np.nan, 32.8],
        "longitude": [-97.2, -97.2, -97.1], "address": ["1 Elm", "2 Elm", "3 Elm"],
    })  # fmt: skip
    packed = pack(routes, stops)
    assert packed["routes"]["count"] == [1]
    assert packed["stops"]["seq"] is None
    assert unpack(packed)["address"].tolist() == ["1 Elm"]


def test_gaps_in_the_order_are_kept():
    routes = pd.DataFrame({"route_id": ["a"], "route_name": ["A"]})
    stops = pd.DataFrame({
        "route_id": "a", "sequence_order": [7, 3], "latitude": [32.9, 32.8], "longitude": [-97.2, -97.1],
        "hail_in": [1.756, np.nan], "job_status": ["completed", None], "do_not_knock": [True, False],
    })  # fmt: skip
    s = pack(routes, stops)["stops"]
    assert s["seq"] == [3, 7]
    assert s["hail"] == [None, 176]
    assert [s["statuses"][i] for i in s["status"]] == [
        {"text": "planned", "done": False}, {"text": "completed", "done": True},
    ]  # fmt: skip
    assert s["no"] == [1]


def test_the_line_under_a_route_tells_what_is_known():
    routes = pd.DataFrame({
        "route_id": ["a", "b"], "route_name": ["A", "B"], "property_count": [1204, 3], "drive_minutes": [90.0, np.nan],
        "crew_name": ["Crew Ray", None],
    })  # fmt: skip
    assert maps.route_notes(routes) == {"a": "1,204 stops · 1.5 h driving · Crew Ray", "b": "3 stops"}


def test_reports_keep_their_size_and_say_when_and_who():
    reports = pd.DataFrame({
        "hail_in": [3.25, 1.0], "latitude": [32.9, 32.8], "longitude": [-97.2, -97.1], "location": ["KELLER", "HASLET"],
        "reported_at": pd.to_datetime(["2021-04-29 01:06", "2021-04-29 01:40"], utc=True), "source": ["Public", ""],
    })  # fmt: skip
    routes = pd.DataFrame(columns=["route_id", "route_name"])
    stops = pd.DataFrame(columns=["route_id", "sequence_order", "latitude", "longitude"])
    got = columns(routes, stops, reports, "America/Chicago")["reports"]
    assert got["hail_in"] == [1.0, 3.25]  # the largest is drawn last, on top
    assert got["place"] == ["Haslet", "Keller"]
    assert got["when"] == ["28 Apr 2021, 20:40 CDT", "28 Apr 2021, 20:06 CDT"]
    assert got["source"] == ["", "Source: Public"]


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("count", [1, 60, 200])
def test_route_colours_differ_and_stand_out_from_the_ground(count):
    colours = maps.route_colours(count)
    assert len(set(colours)) == count
    ground = luminance("#f4f6f8") + 0.05
    assert min(ground / (luminance(colour) + 0.05) for colour in colours) >= 3
