"""Pages in a real browser: they fill as the cells run, say what went wrong, and say when they have ended."""

from __future__ import annotations

from urllib.parse import urlsplit

import nbformat
import pytest
from browser import chromium
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from visitor import PASSWORD, serving

STORY = [
    new_markdown_cell("# Routes\n\nWho drives where?\n\nFor the manager."),
    new_code_cell("import ipywidgets as widgets\nfrom IPython.display import HTML, Markdown, display"),
    new_markdown_cell("## The answer"),
    new_code_cell("""display(HTML('<div class="sp-kpis">' + 6 * '<div class="sp-kpi">1,904</div>' + '</div>'))
display(Markdown("Between $1,000 and $3,000."))
display(HTML("<script>document.body.dataset.ran = 'yes'</script>"))
print("printed")"""),
    new_markdown_cell("## Choose"),
    new_code_cell("""said, out = widgets.HTML(), widgets.Output()
button, fail = widgets.Button(description="Generate", button_style="primary"), widgets.Button(description="Fail")
button.on_click(lambda _: setattr(said, "value", "<p class='sp-good'>42 routes</p>"))
fail.on_click(out.capture()(lambda _: 1 / 0))
box = widgets.Box([widgets.Dropdown(description="Company", options=["A company of a very long name indeed", "B"]),
                   widgets.Dropdown(description="Storm", options=["28 April 2021"]), button, fail])
box.layout = widgets.Layout(display="flex", flex_flow="row wrap")
display(box)
widgets.VBox([said, out])"""),
    new_markdown_cell("## Table"),
    new_code_cell("""HTML('<div class="sp-table-wrap"><table class="sp-table"><tr>'
     + 12 * '<td>a cell that is wide</td>' + '</tr></table></div>')"""),
]
BROKEN = [
    new_markdown_cell("# Broken"),
    new_code_cell("print('before')"),
    new_code_cell("1 / 0"),
    new_markdown_cell("## Never"),
    new_code_cell("print('after')"),
]
READY = "document.documentElement.dataset.state == 'ready'"


@pytest.fixture(scope="module")
def acts(database, tmp_path_factory):
    folder = tmp_path_factory.mktemp("acts")
    for name, cells in {"phase3_routes": STORY, "score": [new_markdown_cell("# Score")], "broken": BROKEN}.items():
        nbformat.write(new_notebook(cells=cells), folder / f"{name}.ipynb")
    with serving(tmp_path_factory.mktemp("acts-site") / "run", database, folder) as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser, acts):
    """A new visitor's page. Whatever it asks for stays on the server, and it closes like a page."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.base = f"http://127.0.0.1:{acts.port}"
    yield page
    page.close(run_before_unload=True)
    context.close()
    away = [url for url in asked if urlsplit(url).scheme not in ("data", "blob") and not url.startswith(page.base)]
    assert away == []


def enter(page, path="/"):
    page.goto(page.base + path)
    page.fill("input[name=username]", "vic")
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")


def test_a_page_fills_works_and_raises_no_error(page):
    errors = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    enter(page)
    page.wait_for_function(READY)
    assert page.title() == "Routes · Stormplay"
    assert page.locator(".sp-kpi").count() == 6
    assert page.locator("pre.sp-printed").inner_text().strip() == "printed"
    assert page.evaluate("document.body.dataset.ran") == "yes"
    assert page.locator(".sp-skeleton, #sp-doing").count() == 0
    page.get_by_role("button", name="Generate").click()
    page.get_by_text("42 routes").wait_for()
    assert errors == []


def test_two_prices_are_not_a_formula(page):
    enter(page)
    page.wait_for_function(READY)
    assert page.get_by_text("Between $1,000 and $3,000.").is_visible()


def test_a_callback_that_fails_is_a_sentence(page):
    enter(page)
    page.wait_for_function(READY)
    page.get_by_role("button", name="Fail").click()
    page.get_by_text("Something went wrong here.").wait_for()
    assert "ZeroDivisionError" not in page.content()


def test_a_cell_that_fails_ends_the_page_with_a_sentence(page, acts):
    enter(page, "/voila/render/broken.ipynb")
    page.wait_for_function(READY)
    assert page.get_by_text("before").is_visible()
    sentence = page.get_by_role("alert").inner_text()
    assert "could not be made to its end" in sentence
    assert page.locator(".sp-skeleton").count() == 0
    assert not page.get_by_role("heading", name="Never").is_visible()
    assert "ZeroDivisionError" not in page.content()
    assert sentence.rstrip(".").rsplit(" ", 1)[-1] in acts.said(), "the reference leads to the cause in the log"


def test_the_navigation_keeps_company_and_storm_and_nothing_else(page):
    enter(page, "/voila/render/score.ipynb?tenant=lone-star&storm=2021-04-28&max=7&tenant=<b>")
    link = page.get_by_role("navigation").get_by_role("link", name="Routes")
    assert urlsplit(link.get_attribute("href")).query == "tenant=lone-star&storm=2021-04-28"
    assert page.get_by_role("link", name="Score").get_attribute("aria-current") == "page"


def test_a_page_whose_kernel_died_says_so_and_opens_again(page, acts):
    enter(page)
    page.wait_for_function(READY)
    before = page.evaluate("JSON.parse(document.getElementById('jupyter-config-data').textContent).kernelId")
    for kernel in acts.kernels():
        kernel.kill()
    page.get_by_role("alert").get_by_text("stopped unexpectedly").wait_for()
    page.get_by_role("button", name="Open it again").click()
    page.wait_for_function(READY)
    page.get_by_role("button", name="Generate").click()
    page.get_by_text("42 routes").wait_for()
    assert page.evaluate("JSON.parse(document.getElementById('jupyter-config-data').textContent).kernelId") != before


def test_signing_out_in_one_tab_ends_the_other(page):
    enter(page)
    page.wait_for_function(READY)
    other = page.context.new_page()
    other.goto(page.base + "/voila/render/score.ipynb")
    other.get_by_role("button", name="Sign out").click()
    other.wait_for_url("**/login")
    page.get_by_role("alert").get_by_text("You have signed out.").wait_for()


def test_on_a_phone_nothing_is_wider_than_the_screen_and_buttons_fit_a_finger(page):
    page.set_viewport_size({"width": 390, "height": 844})
    enter(page)
    page.wait_for_function(READY)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for button in page.locator(".sp-cell button, .sp-cell select").all():
        box = button.bounding_box()
        assert box["height"] >= 40
        assert box["x"] + box["width"] <= 390


def test_the_keyboard_shows_where_it_is(page):
    page.goto(page.base + "/login")
    page.keyboard.press("Tab")
    style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert style == "solid"
