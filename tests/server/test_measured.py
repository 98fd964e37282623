"""A running server measures its pages, watches objectives and serves figures to who may have them."""

from __future__ import annotations

import http.client
import re

import pytest
from browser import chromium
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from site_up import sign_in
from sqlalchemy import text
from visitor import eventually, free_port, serving
from world import guests

from stormplay import accounts, server
from stormplay import database as db
from stormplay.errors import BadInput, PortTaken
from stormplay.server import metrics
from stormplay.server.timing import Timing, outcome_of

TOKEN = "a-token-of-twenty-four-letters"


@pytest.fixture(scope="module")
def measured(database, notebooks, tmp_path_factory):
    port = free_port()
    settings = {"StormplayServer": {"metrics_port": port, "slo_every_s": 0.2}, "Kernels": {"most": 2}}
    with serving(tmp_path_factory.mktemp("measured"), database, notebooks, settings=settings) as running:
        running.figures = port
        yield running


def figures(site, host="127.0.0.1", path="/metrics", **headers):
    line = http.client.HTTPConnection("127.0.0.1", site.figures, timeout=10)
    line.request("GET", path, headers={"Host": f"{host}:{site.figures}", **headers})
    answer = line.getresponse()
    body = answer.read().decode()
    line.close()
    return answer.status, answer.getheader("Content-Type"), body


def values(site):
    """Every figure by its name and labels."""
    families = text_string_to_metric_families(figures(site)[2])
    return {(one.name, *sorted(one.labels.items())): one.value for family in families for one in family.samples}


def counted(slug):
    with db.transaction(db.admin_url()) as connection:
        query = text("""SELECT coalesce(sum(good), 0)::int, coalesce(sum(total), 0)::int FROM slo_counts c
                          JOIN sec.tenant_entry t ON t.tenant_id = c.tenant_id AND t.slug = :slug
                         WHERE service = 'page_time'""")
        return tuple(connection.execute(query, {"slug": slug}).one())


@pytest.fixture
def quiet(database):
    """A company of which ana is a member and no other server that runs here counts a page."""
    accounts.add_tenant("quiet", "Quiet Roofing")
    with guests("quiet", "viewer", "ana"):
        yield "quiet"


def test_a_page_is_measured_until_the_browser_has_drawn_it(measured, visitor, quiet):
    seen = values(measured)
    ana = visitor("ana", at=measured)
    page = ana.open("plain", f"?tenant={quiet}")
    cells = ana.socket(f"/voila/execution/{page.kernel_id}")
    cells.send("drawn")  # too early: it is believed only when all was sent
    told = ""
    while '"done"' not in told:
        told = cells.recv()
    cells.send("drawn")
    name = ("stormplay_pages_total", ("outcome", "whole"))
    eventually(lambda: values(measured)[name] == seen[name] + 1)
    now = values(measured)
    assert now[("stormplay_page_interactive_seconds_count",)] == seen[("stormplay_page_interactive_seconds_count",)] + 1
    assert now[("stormplay_pages_open",)] >= 1
    eventually(lambda: counted(quiet)[1] == 1)
    cells.close()
    page.close()


def test_the_figures_are_openmetrics_without_a_name(measured):
    eventually(lambda: values(measured)[("stormplay_slo_turn_time_seconds",)] > 0)
    status, kind, body = figures(measured)
    assert status == 200 and kind.startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith("# EOF\n")
    assert "# UNIT stormplay_page_interactive_seconds seconds" in body
    assert "# UNIT stormplay_slo_objective_ratio ratio" in body
    families = list(text_string_to_metric_families(body))  # the strict parser of the format
    assert all(one.name.startswith("stormplay_") for one in families)
    assert all(sample.name.endswith(("_total", "_created")) for one in families if one.type == "counter"
               for sample in one.samples)  # fmt: skip
    for name in ("lone-star", "trinity", "Lone Star", "ana", "hailstorm"):
        assert not re.search(rf"\b{name}\b", body), name


def test_strangers_get_no_figures(measured, visitor):
    assert figures(measured, host="evil.example")[0] == 403, "a page in a browser here that was led to us"
    assert figures(measured, host="localhost")[0] == figures(measured, host="[::1]")[0] == 200
    assert figures(measured, path="/")[0] == 404
    ana = visitor("ana", at=measured)
    assert ana.get("/metrics").status == 404, "not on the port of the pages"


def test_beyond_loopback_a_token_is_needed(monkeypatch):
    monkeypatch.delenv(metrics.VARIABLE, raising=False)
    metrics.check("127.0.0.1")
    with pytest.raises(BadInput, match="open to anybody"):
        metrics.check("0.0.0.0")
    monkeypatch.setenv(metrics.VARIABLE, "short")
    with pytest.raises(BadInput, match="no good token"):
        metrics.check("0.0.0.0")
    monkeypatch.setenv(metrics.VARIABLE, TOKEN)
    metrics.check("0.0.0.0")


def test_with_a_token_nobody_reads_without_it(monkeypatch):
    import asyncio

    from stormplay.server.listening import bind

    monkeypatch.setenv(metrics.VARIABLE, TOKEN)
    port = free_port()

    class Site:
        figures = port

    async def asked():
        served = metrics.serve(metrics.Meters(lambda: 0), bind("127.0.0.1", port))
        given = [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {TOKEN}"}]
        loop = asyncio.get_running_loop()
        found = [await loop.run_in_executor(None, lambda one=one: figures(Site, **one)[0]) for one in given]
        served.stop()
        return found

    assert asyncio.run(asked()) == [401, 401, 200]


def test_the_port_for_figures_is_refused_with_a_sentence(notebooks, measured):
    settings = {"StormplayServer": {"metrics_port": measured.figures}}
    with pytest.raises(PortTaken, match="in use"):
        server.serve(port=free_port(), notebooks=notebooks, settings=settings)


# ---- the clock of one page


def timed(act):
    told = []
    timing = Timing(told.append, "ana", "lone-star", passed_s=2.0)
    act(timing)
    return [(one.outcome, round(one.seconds)) for one in told]


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda t: (t.told("whole"), t.drawn(), t.drawn(), t.gone("closed", "whole")), [("whole", 2)]),
        (lambda t: (t.drawn(), t.gone("closed", "")), [("left", 2)]),  # it said so before all was sent
        (lambda t: (t.told("whole"), t.gone("left", "whole")), [("whole", 2)]),
        (lambda t: (t.told("failed"), t.drawn()), [("failed", 2)]),
        (lambda t: (t.told("refused"), t.gone("closed", "refused")), []),
        (lambda t: t.gone("died", ""), [("failed", 2)]),
        (lambda t: t.gone("died", "whole"), []),
        (lambda t: t.gone("stopped", ""), []),
        (lambda t: t.failed(), [("failed", 2)]),
    ],
)
def test_a_visit_is_told_once_and_for_what_it_was(act, expected):
    assert timed(act) == expected


def test_refusals_are_no_failures():
    assert [outcome_of(name) for name in ("UnknownTenant", "Conflict", "DatabaseUnavailable", "KeyError")] == [
        "refused", "refused", "failed", "failed"]  # fmt: skip


def test_a_browser_says_when_it_has_drawn_the_page(measured):
    """While the page is still open: else the visit's end would have told of it."""
    name = ("stormplay_pages_total", ("outcome", "whole"))
    before = values(measured)[name]
    with chromium() as running:
        page = running.new_context(base_url=f"http://127.0.0.1:{measured.port}").new_page()
        page.goto("/voila/render/plain.ipynb?tenant=lone-star")
        sign_in(page)
        page.wait_for_function("document.documentElement.dataset.state === 'ready'", timeout=60_000)
        eventually(lambda: values(measured)[name] == before + 1)
        assert values(measured)[("stormplay_pages_open",)] >= 1
