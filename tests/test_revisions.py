"""A plan against the one before, and routes in each other's territory."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from stormplay.revisions import compare
from stormplay.routing import homes_abroad


def plan(groups):
    routes = pd.DataFrame([{"route_id": f"n{i}", "route_name": f"Route {i}", "crew_name": None}
                           for i in range(len(groups))], columns=["route_id", "route_name", "crew_name"])  # fmt: skip
    rows = [{"route_id": f"n{i}", "property_id": home} for i, group in enumerate(groups) for home in group]
    return routes, pd.DataFrame(rows, columns=["route_id", "property_id"])


@st.composite
def cuts(draw):
    """Homes 0-29 cut into routes twice; some are in one plan alone."""
    label = st.integers(-1, 4)
    both = draw(st.lists(st.tuples(label, label), min_size=1, max_size=30))

    def groups(side):
        return [[f"p{i}" for i, pair in enumerate(both) if pair[side] == k] for k in range(5)]

    return [group for group in groups(0) if group], [group for group in groups(1) if group]


@given(cuts())
def test_every_stop_is_counted_once(two):
    old, new = two
    replaced = [{"route_name": f"Old {i}", "stops": group} for i, group in enumerate(old)]
    found = compare(replaced, *plan(new), distance_m=1.0)
    then, now = ({home for group in groups for home in group} for groups in (old, new))
    assert set(found.stops["property_id"]) == now
    assert found.count("new") == len(now - then)
    assert set(found.left) == then - now
    assert found.count("stayed") + found.count("moved") == len(now & then)
    assert found.routes["stops"].sum() == len(now)
    followed = found.stops[found.stops["change"] == "stayed"].groupby("route_id")["before"].nunique()
    assert (followed == 1).all()
    kept = found.stops[found.stops["change"] == "stayed"].groupby("before")["route_id"].nunique()
    assert (kept == 1).all(), "a route of before goes on in one"


def test_the_same_plan_again_changes_nothing():
    groups = [["a", "b"], ["c"], ["d", "e", "f"]]
    found = compare([{"route_name": str(g), "stops": g} for g in groups], *plan(groups[::-1]), distance_m=1.0)
    assert found.count("stayed") == 6
    assert found.left == []


def test_a_stop_on_a_route_that_was_kept_has_not_left():
    routes, stops = plan([["a"], ["b"]])
    found = compare([{"route_name": "Old", "stops": ["a", "b"]}], routes.head(1), stops, distance_m=1.0)
    assert found.left == []
    assert found.stops["property_id"].tolist() == ["a"]


def test_squares_side_by_side_and_one_within_another():
    square = np.array([[0, 0], [0, 2], [2, 2], [2, 0]], dtype=float)
    beside = np.vstack([square, square + np.array([0, 3])])
    labels = np.repeat(["a", "b"], 4)
    assert homes_abroad(beside, labels).sum() == 0
    within = np.vstack([square, square * 0.25 + 0.5])
    assert homes_abroad(within, labels).tolist() == [0] * 4 + [1] * 4
    line = np.vstack([square, [[1, 1], [1, 1.2], [1, 1.4]]])
    assert homes_abroad(line, np.repeat(["a", "b"], [4, 3])).tolist() == [0] * 4 + [1] * 3
    assert homes_abroad(np.zeros((0, 2)), np.array([])).tolist() == []
