import pytest
from hypothesis import given
from hypothesis import strategies as st
from yardstick import DALLAS, great_circle_m, town

from stormplay.errors import BadInput
from stormplay.routing import drive_minutes, route_distance_m, solve


def test_minutes_of_a_mile():
    """1,609.344 m x 1.3 on the road at 32 km/h."""
    assert drive_minutes(1609.344) == pytest.approx(3.9228, abs=1e-3)
    assert drive_minutes(10_000, circuity=1, speed_kmh=60) == pytest.approx(10)
    assert drive_minutes(0) == 0


@given(st.floats(0, 1e7), st.floats(1, 3), st.floats(1, 120))
def test_minutes_grow_with_distance(distance_m, circuity, speed_kmh):
    assert drive_minutes(2 * distance_m, circuity=circuity, speed_kmh=speed_kmh) == pytest.approx(
        2 * drive_minutes(distance_m, circuity=circuity, speed_kmh=speed_kmh)
    )


@pytest.mark.parametrize("bad", [{"distance_m": -1}, {"distance_m": float("nan")}, {"circuity": 0.9}, {"speed_kmh": 0}])
def test_impossible_drives_are_refused(bad):
    with pytest.raises(BadInput, match="No driving time"):
        drive_minutes(**({"distance_m": 1.0} | bad))


@pytest.mark.parametrize("depot", [None, DALLAS])
def test_distance_along_a_route_is_what_the_plan_says(depot):
    stops = town(30)
    plan = solve(stops, depot=depot, max_per_route=12, time_limit_s=0)
    measured = [route_distance_m(stops[route], depot) for route in plan.routes]
    assert measured == pytest.approx(plan.route_distances_m.tolist())


def test_routes_too_short_to_drive():
    assert route_distance_m([]) == route_distance_m([], DALLAS) == route_distance_m([DALLAS]) == 0
    assert route_distance_m([(32.7, -97.2)], DALLAS) == pytest.approx(2 * great_circle_m(DALLAS, (32.7, -97.2)))
