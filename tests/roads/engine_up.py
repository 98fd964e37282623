"""A road engine for tests: a real HTTP server that speaks OSRM's and Valhalla's documented tables, over a grid.

Streets run north-south and east-west; going north costs twice the time, so that the way back is not the way there.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np

METRES_PER_DEGREE = 111_195.0
METRES_PER_SECOND = 10.0
ISLAND = 80.0  # no road leads to a place north of this


def table(starts, ends):
    """(metres, seconds) from each start to each end, None where there is no way; places as (latitude, longitude)."""
    metres, seconds = [], []
    for one in starts:
        legs = [_leg(one, other) for other in ends]
        metres.append([leg and leg[0] for leg in legs])
        seconds.append([leg and leg[1] for leg in legs])
    return metres, seconds


def _leg(one, other):
    if (one[0] > ISLAND) != (other[0] > ISLAND):
        return None
    north = (other[0] - one[0]) * METRES_PER_DEGREE
    east = abs(other[1] - one[1]) * METRES_PER_DEGREE * float(np.cos(np.radians(one[0])))
    return abs(north) + east, (abs(north) + max(north, 0.0) + east) / METRES_PER_SECOND


class Engine(ThreadingHTTPServer):
    """Counts what it is asked; `behave` makes it slow, broken or talkative."""

    def __init__(self):
        self.requests: list[str] = []
        self.behave = "well"
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        """OSRM: /table/v1/driving/lon,lat;...?sources=..&destinations=..&annotations=distance,duration."""
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        assert parts.path.startswith("/table/v1/driving/")
        assert query["annotations"] == ["distance,duration"]
        places = [tuple(map(float, pair.split(",")))[::-1] for pair in parts.path.rsplit("/", 1)[1].split(";")]
        if len(places) > 100:
            return self._say(400, {"code": "TooBig", "message": "Too many table coordinates"})
        pick = {name: [places[int(at)] for at in query[name][0].split(";")] for name in ("sources", "destinations")}
        metres, seconds = table(pick["sources"], pick["destinations"])
        return self._say(200, {"code": "Ok", "distances": metres, "durations": seconds})

    def do_POST(self):
        """Valhalla: /sources_to_targets with JSON."""
        assert self.path == "/sources_to_targets"
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert asked["costing"] == "auto"
        assert asked["units"] == "kilometers"
        starts, ends = ([(one["lat"], one["lon"]) for one in asked[name]] for name in ("sources", "targets"))
        if len(starts) * len(ends) > 2_500:
            return self._say(400, {"error_code": 150, "error": "Exceeded max locations"})
        metres, seconds = table(starts, ends)
        rows = [
            [{"distance": None if m is None else m / 1000, "time": s, "from_index": i, "to_index": j}
             for j, (m, s) in enumerate(zip(*row, strict=True))]
            for i, row in enumerate(zip(metres, seconds, strict=True))
        ]  # fmt: skip
        return self._say(200, {"units": "kilometers", "sources_to_targets": rows})

    def _say(self, status, what):
        self.server.requests.append(self.path)
        behave = self.server.behave
        if behave == "slow":
            time.sleep(1.0)
        if behave == "broken":
            status, what = 503, {"code": "Ok"}
        body = b"<html>" if behave == "html" else json.dumps([1] if behave == "odd" else what).encode()
        if behave == "no segment":
            status, body = 400, b'{"code": "NoSegment", "message": "Could not find a matching segment"}'
        if behave == "negative":
            body = body.replace(b"[", b"[-1e9, ", 3)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:  # whoever asked has gone
            return

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def engine() -> Iterator[Engine]:
    server = Engine()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
