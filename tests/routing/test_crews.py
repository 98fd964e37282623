"""Shifts, homes, several depots, skills, and who is served when crew-days are short."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yardstick import DALLAS, check_complete, great_circle_m, planar_block, town

from stormplay.errors import BadInput
from stormplay.routing import Crew, drive_minutes, solve

WEST, EAST = (32.6, -97.6), (32.6, -97.0)


def metres(route, stops, start, end):
    path = [start, *(stops[row] for row in route), end]
    path = [place for place in path if place is not None]
    return sum(great_circle_m(a, b) for a, b in itertools.pairwise(path))


def minutes(route, stops, start, end, service):
    return drive_minutes(metres(route, stops, start, end)) + sum(service[row] for row in route)


def everybody_once(plan, n):
    routed = [row for route in plan.routes for row in route.tolist()]
    assert sorted([*routed, *plan.unassigned]) == list(range(n))
    assert all(plan.unassigned.values())


# ---- shifts


@pytest.mark.parametrize("depot", [None, DALLAS])
def test_no_day_is_longer_than_the_shift(depot):
    stops, service = town(150, seed=3), np.random.default_rng(1).choice([3.0, 30.0, 65.0], 150)
    plan = solve(stops, depot=depot, shift_minutes=240, service_minutes=service, iterations=60_000)
    check_complete(plan, 150)
    assert not plan.unassigned
    days = [minutes(route, stops, depot, depot, service) for route in plan.routes]
    assert max(days) <= 240
    assert plan.route_minutes == pytest.approx(days)
    assert len(plan.routes) <= math.ceil(1.25 * service.sum() / 240) + 3  # and they are filled


def test_a_longer_shift_is_no_longer_a_plan():
    stops = town(120, seed=5)
    short, long = (
        solve(stops, depot=DALLAS, shift_minutes=shift, service_minutes=5, iterations=60_000) for shift in (120, 480)
    )
    assert long.distance_m < short.distance_m and len(long.routes) < len(short.routes)


def test_a_stop_beyond_any_shift_is_told():
    stops = [*town(5), (40.0, -97.3)]
    plan = solve(stops, depot=DALLAS, shift_minutes=300, time_limit_s=0)
    alone = drive_minutes(2 * great_circle_m(DALLAS, stops[5]))
    assert plan.unassigned == {5: f"{alone:,.0f} minutes alone, above the shift of any crew that can do it"}
    everybody_once(plan, 6)


def test_minutes_of_a_metric_of_ones_own():
    stops = [(0, 3), (0, 6), (4, 0)]
    plan = solve(stops, depot=(0, 0), metric=planar_block, minutes_per_unit=2, shift_minutes=24, iterations=100)
    assert sorted(plan.route_minutes.tolist()) == pytest.approx([16.0, 24.0])
    matrix = np.array([[0, 3, 6, 4], [3, 0, 3, 5], [6, 3, 0, 7.2], [4, 5, 7.2, 0]])
    again = solve(stops, depot=(0, 0), metric=matrix, minutes_per_unit=2, shift_minutes=24, iterations=100)
    assert sorted(again.route_minutes.tolist()) == pytest.approx([16.0, 24.0])


# ---- where the day begins


def test_crews_serve_what_lies_near_their_homes():
    west, east = town(30, 1, WEST, 0.02), town(30, 2, EAST, 0.02)
    crews = [Crew("Ana", WEST, WEST, days=None), Crew("Ben", EAST, EAST, days=None)]
    plan = solve(np.vstack([west, east]), max_per_route=15, crews=crews, iterations=40_000)
    check_complete(plan, 60)
    assert not plan.unassigned and sorted(plan.route_crews) == ["Ana", "Ana", "Ben", "Ben"]
    for crew, route in zip(plan.route_crews, plan.routes, strict=True):
        assert set((route >= 30).tolist()) == {crew == "Ben"}


def test_from_the_depot_to_the_crews_home():
    stops = town(40, seed=8)
    crews = [Crew("Ana", "depot", WEST, days=1), Crew("Ben", "depot", EAST, days=1)]
    plan = solve(stops, depot=DALLAS, max_per_route=25, crews=crews, iterations=40_000)
    check_complete(plan, 40)
    ends = {"Ana": WEST, "Ben": EAST}
    lengths = [metres(r, stops, DALLAS, ends[c]) for c, r in zip(plan.route_crews, plan.routes, strict=True)]
    assert plan.route_distances_m == pytest.approx(lengths)
    assert sorted(plan.route_crews) == ["Ana", "Ben"]


# ---- who is served when crew-days are short


@pytest.mark.parametrize("depot", [None, DALLAS])
def test_as_many_as_the_crew_days_allow(depot):
    place = None if depot is None else "depot"
    plan = solve(town(100, seed=2), depot=depot, max_per_route=20, crews=[Crew("A", place, place, days=3)],
                 iterations=40_000)  # fmt: skip
    everybody_once(plan, 100)
    assert [len(route) for route in plan.routes] == [20, 20, 20]
    assert all(why.startswith("all 3 crew-days are full") for why in plan.unassigned.values())


def test_the_worthiest_are_served():
    """Ten stops at one place, of which a crew serves four: those with the largest prizes."""
    prize = np.array([5, 1, 9, 7, 3, 2, 8, 4, 6, 0.0]) * 1e6
    plan = solve([DALLAS] * 10, depot=WEST, max_per_route=4, crews=[Crew()], prize=prize, iterations=20_000)
    assert sorted(plan.routes[0].tolist()) == [2, 3, 6, 8]
    everybody_once(plan, 10)


def test_a_stop_that_is_not_worth_its_detour_is_left_out_and_told():
    stops = [*town(20, spread=0.01), (33.5, -97.3)]
    there = 2 * great_circle_m(DALLAS, stops[20])
    dear = solve(stops, depot=DALLAS, prize=[1e6] * 21, iterations=20_000)
    assert not dear.unassigned
    plan = solve(stops, depot=DALLAS, prize=[1e6] * 20 + [there / 2], iterations=20_000)
    assert list(plan.unassigned) == [20]
    assert plan.unassigned[20].startswith(f"worth {there / 2:,.0f}, less than the detour of ")
    assert plan.distance_m < dear.distance_m


# ---- skills


def test_only_who_has_the_skill_is_sent():
    stops = town(40, seed=6)
    skills = [{"adjuster"} if row % 5 == 0 else () for row in range(40)]
    skills[7] = {"crane", "adjuster"}
    crews = [Crew("Ana", days=2, skills={"adjuster"}), Crew("Ben", days=2)]
    plan = solve(stops, depot=DALLAS, max_per_route=12, crews=crews, skills=skills, iterations=40_000)
    everybody_once(plan, 40)
    assert plan.unassigned == {7: "no crew can do adjuster and crane"}
    for crew, route in zip(plan.route_crews, plan.routes, strict=True):
        assert crew == "Ana" or not any(skills[row] for row in route)


# ---- all at once


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_no_limit_is_ever_exceeded(data):
    n = data.draw(st.integers(0, 30))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    stops = np.array(DALLAS) + rng.normal(0, 0.2, (n, 2))
    skills = [set(rng.choice(["roof", "claim"], rng.integers(0, 3), replace=False).tolist()) for _ in range(n)]
    service = rng.choice([0.0, 20.0, 65.0], n)
    places = data.draw(st.sampled_from([["depot", WEST], [None]]))
    crews = [
        Crew(str(number), start=data.draw(st.sampled_from(places)), end=data.draw(st.sampled_from(places)),
             shift_minutes=data.draw(st.sampled_from([60.0, 200.0, math.inf])), days=data.draw(st.sampled_from([1, 2])),
             skills=data.draw(st.sampled_from([(), ("roof",), ("roof", "claim")])))
        for number in range(data.draw(st.integers(1, 4)))
    ]  # fmt: skip
    prize = data.draw(st.sampled_from([None, rng.uniform(0, 4e4, n)]))
    most = data.draw(st.integers(1, 12))
    plan = solve(stops, depot=DALLAS, max_per_route=most, crews=crews, service_minutes=service, skills=skills,
                 prize=prize, iterations=2_000)  # fmt: skip
    everybody_once(plan, n)
    at = {"depot": DALLAS, None: None, WEST: WEST}
    for name, route, told in zip(plan.route_crews, plan.routes, plan.route_minutes, strict=True):
        crew = crews[int(name)]
        taken = minutes(route, stops, at[crew.start], at[crew.end], service)
        assert len(route) <= most and told == pytest.approx(taken) and taken <= crew.shift_minutes
        assert all(skills[row] <= set(crew.skills) for row in route)
    assert all(plan.route_crews.count(str(number)) <= crew.days for number, crew in enumerate(crews))
    again = solve(stops, depot=DALLAS, max_per_route=most, crews=crews, service_minutes=service, skills=skills,
                  prize=prize, iterations=2_000, workers=1)  # fmt: skip
    assert again.distance_m == plan.distance_m and again.unassigned == plan.unassigned


BAD = [
    ({"crews": []}, "There is no crew."),
    ({"crews": [Crew("A", days=0)]}, "Crew 'A' has 0 days."),
    ({"crews": [Crew("A", shift_minutes=0)]}, "Crew 'A' has a shift of 0 minutes."),
    ({"crews": [Crew(start=(91, 0))]}, "A crew starts or ends at (91, 0)."),
    ({"crews": [Crew(), Crew(start=None)]}, "Some crews start anywhere and some do not."),
    ({"crews": [Crew()], "depot": None}, "A crew drives from or to the depot, and there is none."),
    ({"shift_minutes": math.nan}, "shift_minutes is nan."),
    ({"shift_minutes": 9, "metric": "euclidean_rounded"}, "A shift or an appointment in minutes needs the time"),
    ({"minutes_per_unit": 0}, "minutes_per_unit is 0."),
    ({"service_minutes": [1, 2]}, "service_minutes does not fit."),
    ({"service_minutes": -1}, "service_minutes has a value that is negative or not finite."),
    ({"prize": [1, 2, 3, math.nan]}, "prize has a value that is negative or not finite."),
    ({"skills": ["roof"] * 4}, "skills has 4 entries for 4 stops."),
    ({"skills": [()]}, "skills has 1 entries for 4 stops."),
    ({"metric": np.ones((5, 5)), "crews": [Crew(start=WEST)]}, "The matrix does not say how far 1 crews' own places"),
]


@pytest.mark.parametrize(("wish", "said"), BAD)
def test_what_cannot_be_is_refused_in_a_sentence(wish, said):
    with pytest.raises(BadInput) as refused:
        solve(town(4), **{"depot": DALLAS} | wish)
    assert str(refused.value).startswith(said)
