"""Who drives: from crews, shifts, prizes and skills as a caller gives them to ways, lengths and bits of a problem."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from stormplay.errors import BadInput
from stormplay.routing.appointments import check_windows
from stormplay.routing.construction import embed_sphere
from stormplay.routing.draft import NOWHERE, Problem, Way
from stormplay.routing.plan import FloatArray
from stormplay.routing.travel import drive_minutes

Place = tuple[float, float] | Literal["depot"] | None
_MOST_SKILLS = 31
_WORTH_ANY_WAY = 20.0  # times the longest leg seen: no detour costs as much


@dataclass(frozen=True)
class Crew:
    """Who drives a route a day.

    Attributes:
        name: For people; stands in `Plan.route_crews`.
        start: Where the day begins: "depot", a point (the crew's home), or None: at the first stop.
        end: Where it ends, likewise.
        shift_minutes: The longest day, driving and service together.
        days: Routes at most; None: as many as are needed.
        skills: What the crew can do.
    """

    name: str = ""
    start: Place = "depot"
    end: Place = "depot"
    shift_minutes: float = math.inf
    days: int | None = 1
    skills: Collection[str] = ()


@dataclass(frozen=True)
class Wishes:
    """What else a caller may ask for; arguments of `solve`."""

    crews: Sequence[Crew] | None = None
    shift_minutes: float | None = None
    service_minutes: npt.ArrayLike = 0.0
    minutes_per_unit: float | None = None
    prize: npt.ArrayLike | None = None
    skills: Sequence[Collection[str]] | None = None
    windows: npt.ArrayLike | None = None

    @property
    def are_none(self) -> bool:
        """Whether nothing else is asked for."""
        others = (self.crews, self.shift_minutes, self.minutes_per_unit, self.prize, self.skills, self.windows)
        return (
            all(wish is None for wish in others)
            and isinstance(self.service_minutes, float)
            and not self.service_minutes
        )


NO_WISHES = Wishes()


def with_wishes(problem: Problem, rows: int, wishes: Wishes, *, is_metres: bool) -> Problem:
    """The problem with ways, service, prizes and needs, less the stops that no crew can serve.

    Args:
        problem: What was asked without wishes, of `rows` rows.
        rows: Rows of the caller's coordinates.
        wishes: What else was asked.
        is_metres: Whether the metric's unit is great-circle metres, so that minutes can be estimated.

    Raises:
        BadInput: What was wrong, what was expected.
    """
    if wishes.are_none:
        return problem
    minutes = minutes_of_a_unit(wishes, is_metres=is_metres)
    crews = _crews(wishes, problem)
    problem, nodes = _with_bases(problem, crews)
    known = {skill: 1 << bit for bit, skill in enumerate(sorted({s for crew in crews for s in crew.skills}))}
    if len(known) > _MOST_SKILLS:
        raise BadInput(f"Crews have {len(known)} skills between them.", f"Expected {_MOST_SKILLS} or fewer.")
    bits = [sum(known[skill] for skill in set(crew.skills)) for crew in crews]
    ways = tuple(
        Way(nodes[crew.start], nodes[crew.end], crew.shift_minutes / minutes, crew.days, has)
        for crew, has in zip(crews, bits, strict=True)
    )
    service = numbers(wishes.service_minutes, rows, "service_minutes")[problem.rows] / minutes
    problem = replace(problem, ways=ways, service=service, windows=_windows(problem, rows, wishes, minutes))
    problem = _with_needs(problem, rows, wishes.skills, known)
    problem = _without_unreachable(problem, minutes)
    problem = problem.without(check_windows(problem, minutes))
    return replace(problem, prizes=_prizes(problem, rows, wishes))


def minutes_of_a_unit(wishes: Wishes, *, is_metres: bool) -> float:
    """Minutes of driving for one unit of the metric.

    Raises:
        BadInput: It is not a number above 0, or a shift was asked for and it cannot be known.
    """
    given = wishes.minutes_per_unit
    if given is not None:
        if not (isinstance(given, int | float | np.number) and 0 < float(given) < math.inf):
            raise BadInput(f"minutes_per_unit is {given!r}.", "Expected minutes for one unit of the metric, above 0.")
        return float(given)
    is_timed = wishes.shift_minutes is not None or any(crew.shift_minutes < math.inf for crew in wishes.crews or ())
    if (is_timed or wishes.windows is not None) and not is_metres:
        raise BadInput("A shift or an appointment in minutes needs the time that a unit of the metric takes.",
                       "Expected minutes_per_unit beside a metric of your own.")  # fmt: skip
    return drive_minutes(1.0)


def _crews(wishes: Wishes, problem: Problem) -> list[Crew]:
    base: Place = "depot" if problem.has_depot else None
    limit = math.inf if wishes.shift_minutes is None else wishes.shift_minutes
    if not limit > 0:
        raise BadInput(f"shift_minutes is {limit!r}.", "Expected minutes above 0, or None.")
    crews = [Crew(start=base, end=base, days=None)] if wishes.crews is None else list(wishes.crews)
    if not crews:
        raise BadInput("There is no crew.", "Expected one or more, or None for as many routes as are needed.")
    crews = [replace(crew, shift_minutes=min(crew.shift_minutes, limit)) for crew in crews]
    for crew in crews:
        _check(crew, problem)
    for end in ("start", "end"):
        free = {getattr(crew, end) is None for crew in crews}
        if len(free) > 1:
            raise BadInput(f"Some crews {end} anywhere and some do not.", f"Expected {end}=None for all or for none.")
    return crews


def _check(crew: Crew, problem: Problem) -> None:
    named = f"Crew '{crew.name}'" if crew.name else "A crew"
    if not crew.shift_minutes > 0:
        raise BadInput(f"{named} has a shift of {crew.shift_minutes!r} minutes.", "Expected minutes above 0.")
    if crew.days is not None and (isinstance(crew.days, bool) or not isinstance(crew.days, int) or crew.days < 1):
        raise BadInput(f"{named} has {crew.days!r} days.", "Expected a whole number, 1 or more, or None.")
    for place in (crew.start, crew.end):
        if place == "depot":
            if not problem.has_depot:
                raise BadInput(f"{named} drives from or to the depot, and there is none.",
                               "Expected a depot, or the crew's own start and end.")  # fmt: skip
        elif place is not None and not _is_place(place, is_globe=problem.points.shape[1] == 3):
            raise BadInput(f"{named} starts or ends at {place!r}.", "Expected 'depot', a point in degrees, or None.")


def _is_place(place: object, *, is_globe: bool) -> bool:
    try:
        point = np.asarray(place, dtype=float)
    except (TypeError, ValueError):
        return False
    on_earth = point.shape == (2,) and bool(abs(point[0]) <= 90 and abs(point[1]) <= 360)
    return point.shape == (2,) and bool(np.isfinite(point).all()) and (on_earth or not is_globe)


def _with_bases(problem: Problem, crews: list[Crew]) -> tuple[Problem, dict[Place, int]]:
    """The problem with all places where days begin or end, and the node of each."""
    homes = list(dict.fromkeys(p for crew in crews for p in (crew.start, crew.end) if p is not None and p != "depot"))
    held = len(problem.bases)
    nodes: dict[Place, int] = {None: NOWHERE, "depot": -1}
    nodes |= {home: -1 - held - number for number, home in enumerate(homes)}
    if not homes:
        return problem, nodes
    added = np.array(homes, dtype=float)
    embedded = embed_sphere(added) if problem.points.shape[1] == 3 else added
    distances = problem.distances.with_bases(added, len(problem.rows))
    return replace(problem, bases=np.vstack([problem.bases.reshape(held, -1) if held else embedded[:0], embedded]),
                   distances=distances), nodes  # fmt: skip


def _with_needs(
    problem: Problem, rows: int, skills: Sequence[Collection[str]] | None, known: dict[str, int]
) -> Problem:
    if skills is None:
        return problem
    if len(skills) != rows or any(isinstance(wanted, str) for wanted in skills):
        raise BadInput(f"skills has {len(skills)} entries for {rows} stops.",
                       "Expected one collection of words a stop, empty where anybody will do.")  # fmt: skip
    needs, reasons = np.zeros(len(problem.rows), np.intp), dict[int, str]()
    together = {way.skills for way in problem.ways}
    for stop, row in enumerate(problem.rows.tolist()):
        wanted = set(skills[row])
        needs[stop] = sum(known.get(skill, 0) for skill in wanted)
        if not wanted <= known.keys() or all(needs[stop] & ~has for has in together):
            reasons[row] = f"no crew can do {' and '.join(sorted(wanted))}"
    return problem.without(reasons, needs=needs)


def _windows(problem: Problem, rows: int, wishes: Wishes, minutes: float) -> FloatArray | None:
    """When visits may begin, as (n, 2) in the metric's unit; where none is told, at any time."""
    if wishes.windows is None:
        return None
    try:
        given = np.asarray(wishes.windows, dtype=float)
    except (TypeError, ValueError):
        given = np.zeros(0)
    if given.shape != (rows, 2):
        raise BadInput(f"windows have the shape {given.shape}.",
                       f"Expected ({rows}, 2): the earliest and the latest minute, nan where any will do.")  # fmt: skip
    told = np.column_stack([np.nan_to_num(given[:, 0], nan=0.0), np.where(np.isnan(given[:, 1]), np.inf, given[:, 1])])
    wrong = np.flatnonzero((told[:, 0] < 0) | (told[:, 0] > told[:, 1]) | np.isinf(told[:, 0]))
    if len(wrong):
        raise BadInput(f"The window of row {wrong[0]} is {given[wrong[0]].tolist()}.",
                       "Expected minutes after setting out, 0 or more, the earliest first.")  # fmt: skip
    return np.asarray(told[problem.rows] / minutes)


def _without_unreachable(problem: Problem, minutes: float) -> Problem:
    """Leave out the stops that take longer alone than any crew's shift that can do them."""
    n = len(problem.rows)
    spare, least = np.full(n, -math.inf), np.full(n, math.inf)
    for way in dict.fromkeys(problem.ways):
        alone = lone_lengths(problem, way) + problem.service
        can = problem.can(np.arange(n), way)
        spare = np.where(can, np.maximum(spare, way.longest - alone), spare)
        least = np.where(can, np.minimum(least, alone), least)
    late = np.flatnonzero(spare < 0)
    reasons = {
        int(
            problem.rows[stop]
        ): f"{least[stop] * minutes:,.0f} minutes alone, above the shift of any crew that can do it"
        for stop in late
    }
    return problem.without(reasons)


def lone_lengths(problem: Problem, way: Way) -> FloatArray:
    """Length of a route with one stop, for each stop, as (n,)."""
    n = len(problem.rows)
    stops, length = np.arange(n), np.zeros(n)
    if way.start != NOWHERE:
        length = length + problem.distances.legs(np.full(n, way.start), stops)
    if way.end != NOWHERE:
        length = length + problem.distances.legs(stops, np.full(n, way.end))
    return length


def _prizes(problem: Problem, rows: int, wishes: Wishes) -> FloatArray | None:
    """The caller's; where crew-days are limited and none are given, each stop is worth more than any way there."""
    if wishes.prize is not None:
        return numbers(wishes.prize, rows, "prize")[problem.rows]
    if wishes.crews is None:
        return None
    n = len(problem.rows)
    nodes = np.concatenate([np.arange(n), -1 - np.arange(len(problem.bases))]).astype(np.intp)
    legs = problem.distances.legs(np.zeros(len(nodes), np.intp), nodes) if n else np.zeros(1)
    return np.full(n, _WORTH_ANY_WAY * max(float(legs.max()), 1.0))


def numbers(values: npt.ArrayLike, rows: int, name: str) -> FloatArray:
    """One number a row, as (rows,), from one or as many.

    Raises:
        BadInput: Another shape, a negative number, one that is not finite.
    """
    try:
        given = np.asarray(values, dtype=float)
        given = np.broadcast_to(given, (rows,))
    except (TypeError, ValueError):
        raise BadInput(f"{name} does not fit.", f"Expected one number, or one for each of {rows} stops.") from None
    if not (np.isfinite(given).all() and (given >= 0).all()):
        raise BadInput(f"{name} has a value that is negative or not finite.", "Expected numbers, 0 or more.")
    return given


def minutes_known(wishes: Wishes, *, is_metres: bool) -> float | None:
    """Minutes of driving for one unit of the metric; None where nobody has said."""
    known = is_metres or wishes.minutes_per_unit is not None
    return minutes_of_a_unit(wishes, is_metres=is_metres) if known else None
