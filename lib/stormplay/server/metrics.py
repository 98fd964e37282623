"""What Prometheus may read of the server, in the OpenMetrics text format: `/metrics` on a port of its own.

Not on the port of the pages: behind a proxy on this machine every stranger comes from loopback there. On loopback the
figures are open to this machine, under a loopback name alone, so that no page in a browser here can be led to them;
anywhere else, and wherever `STORMPLAY_METRICS_TOKEN` is set, they need that token. Companies stand in them by their
ids, never by a name, and nothing of a person does.
"""
# mypy: disallow-subclassing-any=False

from __future__ import annotations

import hmac
import ipaddress
import os
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from tornado.httpserver import HTTPServer
from tornado.httputil import split_host_and_port
from tornado.web import Application, RequestHandler

from stormplay.errors import BadInput
from stormplay.slo.budgets import budget
from stormplay.slo.burn import WINDOWS_MIN, burn_rate
from stormplay.slo.delivery import Delivered
from stormplay.slo.recording import PageView
from stormplay.slo.watching import Measured, Turn

VARIABLE = "STORMPLAY_METRICS_TOKEN"
SHORTEST_TOKEN = 16
_SECONDS = (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 8, 13, 30)
_WINDOWS = {"5 min": "5m", "30 min": "30m", "1 h": "1h", "6 h": "6h", "3 days": "3d", "28 days": "28d"}


class Meters:
    """The figures of one server.

    Args:
        pages_open: Says how many pages are open.
    """

    def __init__(self, pages_open: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        made: dict[str, Any] = {"namespace": "stormplay", "registry": self.registry}
        self._page_s = Histogram(
            "page_interactive_seconds",
            "From a page's request until it was drawn.",
            unit="seconds",
            buckets=_SECONDS,
            **made,
        )
        self._pages = Counter("pages", "Pages asked for, by how they ended: whole, failed, left.", ["outcome"], **made)
        Gauge("pages_open", "Pages that are open.", **made).set_function(pages_open)
        self._alerts = Counter("slo_alerts", "Alerts by what became of them.", ["change"], **made)
        self._messages = Counter("slo_messages", "Messages about alerts, by what came of them.", ["outcome"], **made)
        self._turned = Gauge(
            "slo_turn_time_seconds", "When the objectives were looked at last.", unit="seconds", **made
        )
        self._standing = _Standing()
        self.registry.register(self._standing)
        for outcome in ("whole", "failed", "left"):
            self._pages.labels(outcome)

    def saw(self, view: PageView) -> None:
        """Count a page."""
        self._pages.labels(view.outcome).inc()
        if view.outcome == "whole":
            self._page_s.observe(view.seconds)

    def turned(self, turn: Turn) -> None:
        """Keep what a turn of the watch has found."""
        self._standing.measured = turn.measured
        for change, alerts in (("opened", turn.opened), ("urgent", turn.worse), ("closed", turn.closed)):
            self._alerts.labels(change).inc(len(alerts))
        self._turned.set(time.time())

    def delivered(self, done: Delivered) -> None:
        """Count what was told."""
        for outcome, n in (("sent", done.sent), ("to be tried again", done.again), ("kept aside", done.aside)):
            self._messages.labels(outcome).inc(n)

    def text(self) -> bytes:
        """All of them, in the OpenMetrics text format."""
        return bytes(generate_latest(self.registry))  # type: ignore[no-untyped-call]


class _Standing(Collector):
    """The objectives as the last turn has found them: a scrape asks the database nothing."""

    def __init__(self) -> None:
        self.measured: Sequence[Measured] = ()

    def collect(self) -> Iterable[Metric]:
        name, of = "stormplay_slo", ["tenant_id", "service"]
        target = GaugeMetricFamily(f"{name}_objective_ratio", "Share of good events promised.", labels=of, unit="ratio")
        left = GaugeMetricFamily(f"{name}_budget_left_ratio", "Share of the error budget of 28 days that is left.",
                                 labels=of, unit="ratio")  # fmt: skip
        events = GaugeMetricFamily(f"{name}_window_events", "Events of a window: good, total.",
                                   labels=[*of, "window", "events"])  # fmt: skip
        burn = GaugeMetricFamily(f"{name}_burn_rate", "Times as fast as allowed; absent: not enough events.",
                                 labels=[*of, "window"])  # fmt: skip
        firing = GaugeMetricFamily(f"{name}_alert_open", "Whether an alert is open.", labels=[*of, "severity"])
        for one in self.measured:
            labels, wanted = [one.tenant_id, one.objective.service.name], one.objective.target
            target.add_metric(labels, wanted)
            share = budget(one.objective, one.good[-1], one.total[-1], one.good[-2], one.total[-2]).left
            if share is not None:
                left.add_metric(labels, share)
            for at, window in enumerate(WINDOWS_MIN):
                good, total = one.good[at], one.total[at]
                events.add_metric([*labels, _WINDOWS[window], "good"], good)
                events.add_metric([*labels, _WINDOWS[window], "total"], total)
                if (rate := burn_rate(wanted, total - good, total)) is not None:
                    burn.add_metric([*labels, _WINDOWS[window]], rate)
            if one.severity is not None:
                firing.add_metric([*labels, one.severity], 1)
        return [target, left, events, burn, firing]


class Figures(RequestHandler):
    """`/metrics`."""

    def initialize(self, meters: Meters, token: str) -> None:
        """Take what it serves, and the token that it wants ('': none)."""
        self._meters, self._token = meters, token

    def set_default_headers(self) -> None:
        """Let nobody keep it."""
        self.set_header("Server", "Stormplay")
        self.set_header("Cache-Control", "no-store")

    def get(self) -> None:
        """Serve them to who may have them."""
        if self._token:
            given = self.request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
            if not hmac.compare_digest(given, self._token.encode()):
                self.set_status(401)
                self.set_header("WWW-Authenticate", "Bearer")
                return
        elif not is_loopback(split_host_and_port(self.request.host.lower())[0].strip("[]")):
            self.set_status(403)
            return
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.write(self._meters.text())

    def write_error(self, status_code: int, **_: object) -> None:
        """Say nothing about it."""
        self.finish()


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check(ip: str) -> None:
    """Refuse an address at which anybody could read.

    Raises:
        BadInput: It is beyond loopback and there is no token, or the token can be guessed.
    """
    token = os.environ.get(VARIABLE, "")
    if token and (len(token) < SHORTEST_TOKEN or not token.isascii() or " " in token):
        raise BadInput(f"{VARIABLE} is no good token.", f"Expected {SHORTEST_TOKEN} letters and digits or more.",
                       "'openssl rand -hex 24' makes one.")  # fmt: skip
    if not token and not is_loopback(ip):
        raise BadInput(f"Figures at {ip} would be open to anybody.", "Expected a loopback address, or a token.",
                       f"Set {VARIABLE}, for instance to the output of 'openssl rand -hex 24'.")  # fmt: skip


def serve(meters: Meters, sockets: Sequence[socket.socket]) -> HTTPServer:
    """Serve on bound sockets, on the running loop; with none, nowhere."""
    given = {"meters": meters, "token": os.environ.get(VARIABLE, "")}
    made = HTTPServer(Application([("/metrics", Figures, given)], log_function=lambda _: None), max_body_size=1_024)
    made.add_sockets(sockets)
    return made
