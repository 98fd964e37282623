"""All charts in a real Chromium: in a document without a network, and as live widgets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from examples import EXAMPLES

from stormplay import charts, look
from stormplay.controls import ChartFrame

CSS = Path(charts.FOLDER).parent / "jupyter/voila/templates/stormplay/static/stormplay.css"
MODEL = """
class Model {
  constructor(state, library) { this.state = state; this.heard = {}; this.library = library; this.asked = 0; }
  get(name) { return this.state[name]; }
  set(name, value) { this.state[name] = value; (this.heard["change:" + name] || []).forEach(f => f()); }
  send(content) {
    if (content.need !== "plotly") return;
    this.asked++;
    setTimeout(() => (this.heard["msg:custom"] || []).forEach(f => f({ plotly: this.library })), 0);
  }
  on(name, f) { (this.heard[name] ||= []).push(f); }
  off(name, f) { this.heard[name] = (this.heard[name] || []).filter(g => g !== f); }
}
"""
WIDTHS = "['.sp-chart', '.sp-chart .main-svg'].map(s => document.querySelector(s).getBoundingClientRect().width)"


@pytest.fixture
def page(browser, request):
    """A page without a network; nothing may be asked of anybody and no error may reach the console."""
    context = browser.new_context(offline=True, viewport={"width": getattr(request, "param", 1_200), "height": 900})
    page = context.new_page()
    said, asked = [], []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: said.append("a dialog"))
    page.on("request", lambda request: asked.append(request.url))
    yield page
    context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:", "about:"))] == []


@pytest.mark.parametrize("page", [1_440, 390], indirect=True)
def test_a_report_draws_all_of_them_once_and_fits_the_screen(page, tmp_path):
    body = "".join(charts.html(make()) for make in EXAMPLES.values())
    path = tmp_path / "charts.html"
    head = f"<!doctype html><meta charset=utf-8><style>{look.tokens()}{CSS.read_text()}</style>"
    main = f'<body class="sp-page"><main class="sp-main">{body}</main>'
    path.write_text(head + main + 2 * charts.bundle())
    page.goto(path.as_uri())
    page.wait_for_function(f"document.querySelectorAll('.sp-chart .main-svg').length >= {len(EXAMPLES)}")
    assert page.evaluate("document.querySelectorAll('.sp-chart > .plot-container').length") == len(EXAMPLES)
    width = page.evaluate("window.innerWidth")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    drawn = page.evaluate(
        "[...document.querySelectorAll('.sp-chart .main-svg')].map(s => s.getBoundingClientRect().right)"
    )
    assert max(drawn) <= width
    assert page.evaluate("document.querySelectorAll('.sp-chart a').length") == 0


def show(page, widget, library=None):
    state = {name: getattr(widget, name) for name in ("block", "payload", "source")}
    page.set_content("<div id=place style='width:700px'></div>")
    page.evaluate(
        """async ([model, source, state, library]) => {
            const Model = new Function(model + 'return Model')();
            const module = await import(URL.createObjectURL(new Blob([source], {type: 'text/javascript'})));
            window.model = new Model(JSON.parse(state), library);
            window.clean = module.default.render({model: window.model, el: document.getElementById('place')});
        }""",
        [MODEL, ChartFrame._esm, json.dumps(state), charts.source() if library is None else library],
    )


def test_live_it_asks_the_kernel_once_where_no_server_is_and_shows_what_comes_later(page):
    show(page, ChartFrame(charts.gauge(41.0)))
    page.wait_for_selector(".sp-chart .main-svg")
    assert "41.0" in page.inner_text(".sp-chart")
    other = charts.gauge(77.5)
    page.evaluate(
        "([b, p]) => { model.state.block = b; model.set('payload', p); }", [charts.block(other), other.payload()]
    )
    page.wait_for_function("document.querySelector('.sp-chart').textContent.includes('77.5')")
    assert page.evaluate("model.asked") == 1
    page.evaluate("clean()")
    assert page.evaluate("Object.values(model.heard).flat().length") == 0


def test_live_without_a_script_the_numbers_are_open(page):
    show(page, ChartFrame(EXAMPLES["waterfall"]()), library="globalThis.nothing = 1")
    page.wait_for_selector("details[open]")
    assert "Policy coverage" in page.inner_text("details")


def test_a_folded_chart_is_drawn_when_it_is_opened_and_follows_its_width(page):
    show(page, ChartFrame(EXAMPLES["qini"]()))
    page.wait_for_selector(".sp-chart .main-svg")
    page.evaluate("document.getElementById('place').style.width = '360px'")
    page.wait_for_function("document.querySelector('.sp-chart .main-svg').getBoundingClientRect().width <= 360")
    page.evaluate("document.getElementById('place').style.display = 'none'")
    page.evaluate("document.getElementById('place').style.width = '640px'")
    page.evaluate("document.getElementById('place').style.display = ''")
    page.wait_for_function(f"({WIDTHS})[0] === ({WIDTHS})[1] && ({WIDTHS})[0] > 500")
