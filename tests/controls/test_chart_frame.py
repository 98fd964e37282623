"""The Python half of a live chart: where its script comes from, and that a chart goes out in one message."""

from __future__ import annotations

from stormplay import charts
from stormplay.controls import ChartFrame


def test_on_a_served_page_the_server_sends_plotly(monkeypatch):
    monkeypatch.setenv("VOILA_BASE_URL", "/storm/")
    assert ChartFrame().source == f"/storm/{charts.address()}"


def test_elsewhere_the_kernel_sends_it_when_it_is_asked(monkeypatch):
    monkeypatch.delenv("VOILA_BASE_URL", raising=False)
    widget, sent = ChartFrame(charts.gauge(50.0)), []
    monkeypatch.setattr(widget, "send", sent.append)
    assert widget.source == ""
    for content in ("plotly", {"need": "secrets"}, None, {"need": "plotly", "more": 1}):
        widget._heard(widget, content, [])
    assert sent == []
    widget._heard(widget, {"need": "plotly"}, [])
    assert sent == [{"plotly": charts.source()}]


def test_what_it_shows_is_the_charts_own():
    widget, chart = ChartFrame(), charts.gauge(12.0)
    assert widget.block == ""
    widget.show(chart)
    assert (widget.block, widget.payload) == (charts.block(chart), chart.payload())
