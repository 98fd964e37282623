"""Two road engines by their documented HTTP interfaces: OSRM's table service and Valhalla's sources_to_targets.

Both are asked in blocks of at most `BLOCK` by `BLOCK` places, which their default limits allow (OSRM: 100 places a
request; Valhalla: 2,500 pairs). A pair that the engine knows no way for comes back as NaN.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import numpy as np

from stormplay.errors import BadInput
from stormplay.routing.plan import FloatArray

VARIABLE = "STORMPLAY_ROADS"
BLOCK = 50
CONNECT_S, ANSWER_S = 2.0, 10.0
_DIGITS = 6  # of a degree: a tenth of a metre
_LARGEST_BYTES = 8_000_000


class NoAnswer(Exception):
    """An engine gave no table; the text says why, for a person.

    Args:
        why: The reason.
        is_down: Whether the next question would fare no better.
    """

    def __init__(self, why: str, *, is_down: bool) -> None:
        super().__init__(why)
        self.is_down = is_down


class Engine(Protocol):
    """What answers for roads. `name` is shown to people; `identity` tells one engine's answers from another's."""

    name: str
    identity: str

    def block(self, starts: FloatArray, ends: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Metres and minutes from each start (k, 2) to each end (m, 2), in degrees; NaN where there is no way.

        Raises:
            NoAnswer: There is no table to be had.
        """


class Osrm:
    """OSRM (`/table/v1/driving`), see https://project-osrm.org/docs/v5.24.0/api/#table-service."""

    name = "OSRM"

    def __init__(self, url: str) -> None:
        self._url, self.identity = url, f"osrm {url}"

    def block(self, starts: FloatArray, ends: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See `Engine`."""
        places = np.vstack([starts, ends]).round(_DIGITS)
        path = ";".join(f"{longitude:.{_DIGITS}f},{latitude:.{_DIGITS}f}" for latitude, longitude in places)
        numbers = [str(at) for at in range(len(places))]
        query = {"annotations": "distance,duration", "sources": ";".join(numbers[: len(starts)]),
                 "destinations": ";".join(numbers[len(starts) :])}  # fmt: skip
        answer = _asked("GET", f"{self._url}/table/v1/driving/{path}", params=query)
        if answer.get("code") != "Ok":
            raise NoAnswer(f"OSRM says {_short(answer.get('message') or answer.get('code'))}", is_down=False)
        shape = (len(starts), len(ends))
        return _table(answer.get("distances"), shape), _table(answer.get("durations"), shape) / 60.0


class Valhalla:
    """Valhalla (`/sources_to_targets`), see https://valhalla.github.io/valhalla/api/matrix/api-reference/."""

    name = "Valhalla"

    def __init__(self, url: str) -> None:
        self._url, self.identity = url, f"valhalla {url}"

    def block(self, starts: FloatArray, ends: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See `Engine`."""
        asked = {"sources": _places(starts), "targets": _places(ends), "costing": "auto", "units": "kilometers"}
        answer = _asked("POST", f"{self._url}/sources_to_targets", json=asked)
        if "error" in answer:
            raise NoAnswer(f"Valhalla says {_short(answer['error'])}", is_down=False)
        rows = answer.get("sources_to_targets")
        shape = (len(starts), len(ends))
        return (_table(_cells(rows, "distance"), shape) * 1000.0, _table(_cells(rows, "time"), shape) / 60.0)


_ENGINES: Mapping[str, Callable[[str], Engine]] = {"osrm": Osrm, "valhalla": Valhalla}


def configured(environment: Mapping[str, str] = os.environ) -> Engine | None:
    """The engine that the administrator has named, or None: driving is estimated.

    Raises:
        BadInput: The variable names no engine.
    """
    url = environment.get(VARIABLE, "").strip()
    return engine_of(url) if url else None


def engine_of(url: str) -> Engine:
    """The engine at an address such as 'osrm+http://127.0.0.1:5000' or 'valhalla+https://roads.example.com'.

    Raises:
        BadInput: It is no such address.
    """
    kind, plus, address = url.partition("+")
    parts = urlsplit(address)
    if kind not in _ENGINES or not plus or parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(
            f"{VARIABLE} names no road engine.",
            "Expected 'osrm+http://host:port' or 'valhalla+http://host:port'.",
            "Leave it empty to have driving times estimated.",
        )
    return _ENGINES[kind](address.rstrip("/"))


def _asked(method: str, url: str, **what: Any) -> dict[str, Any]:
    import requests  # noqa: PLC0415 - most installations have no engine

    try:
        answer = requests.request(method, url, timeout=(CONNECT_S, ANSWER_S), allow_redirects=False, **what)
        found = answer.json() if len(answer.content) <= _LARGEST_BYTES else None
    except requests.Timeout:
        raise NoAnswer("the road engine took too long", is_down=True) from None
    except requests.JSONDecodeError:
        raise NoAnswer(f"the road engine answered no JSON (status {answer.status_code})", is_down=True) from None
    except requests.RequestException:
        raise NoAnswer("the road engine cannot be reached", is_down=True) from None
    if not isinstance(found, dict):
        raise NoAnswer("the road engine answered something else", is_down=True)
    if answer.status_code >= 500:
        raise NoAnswer(f"the road engine failed (status {answer.status_code})", is_down=True)
    return found


def _places(points: FloatArray) -> list[dict[str, float]]:
    return [{"lat": round(float(latitude), _DIGITS), "lon": round(float(longitude), _DIGITS)}
            for latitude, longitude in points]  # fmt: skip


def _cells(rows: object, name: str) -> list[list[object]] | None:
    """One figure of Valhalla's rows of cells; None where they are something else."""
    try:
        return [[cell[name] for cell in row] for row in rows]  # type: ignore[attr-defined]
    except (TypeError, KeyError):
        return None


def _table(rows: object, shape: tuple[int, int]) -> FloatArray:
    """Numbers as an array, null as NaN.

    Raises:
        NoAnswer: It is no table of that shape, or holds what is no distance.
    """
    try:
        found = np.array(rows, dtype=float)  # None becomes NaN
    except (TypeError, ValueError):
        found = np.zeros(0)
    if found.shape != shape or not (np.isnan(found) | ((found >= 0) & np.isfinite(found))).all():
        raise NoAnswer("the road engine answered no table of distances and times", is_down=True)
    return found


def _short(said: object) -> str:
    return f"'{str(said)[:120]}'"
