"""Pages in a real browser: they fill as the cells run, say what went wrong, and say when they have ended."""

from __future__ import annotations

from urllib.parse import urlsplit

import nbformat
import pytest
from browser import chromium
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import expect
from visitor import FEW_PAGES, NO_PAGES, PASSWORD, eventually, free_port, serving

from stormplay import accounts

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


def enter(page, path="/", username="vic"):
    page.goto(page.base + path)
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")


def test_a_page_fills_works_and_raises_no_error(page):
    errors = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    enter(page)
    page.wait_for_function(READY)
    assert page.title() == "Routes · Stormplay"
    expect(page.locator(".sp-kpi")).to_have_count(6)
    assert page.locator("pre.sp-printed").inner_text().strip() == "printed"
    assert page.evaluate("document.body.dataset.ran") == "yes"
    assert page.locator(".sp-skeleton, #sp-doing").count() == 0
    page.get_by_role("button", name="Generate").click()
    page.get_by_text("42 routes").wait_for()
    assert errors == []


def test_two_prices_are_not_a_formula(page):
    enter(page)
    page.wait_for_function(READY)
    expect(page.get_by_text("Between $1,000 and $3,000.")).to_be_visible()


def test_a_callback_that_fails_is_a_sentence(page):
    enter(page)
    page.wait_for_function(READY)
    page.get_by_role("button", name="Fail").click()
    page.get_by_text("Something went wrong here.").wait_for()
    assert "ZeroDivisionError" not in page.content()


def test_a_cell_that_fails_ends_the_page_with_a_sentence(page, acts):
    enter(page, "/voila/render/broken.ipynb")
    page.wait_for_function(READY)
    expect(page.get_by_text("before")).to_be_visible()
    sentence = page.get_by_role("alert").inner_text()
    assert "could not be made to its end" in sentence
    assert page.locator(".sp-skeleton").count() == 0
    expect(page.get_by_role("heading", name="Never")).to_be_hidden()
    assert "ZeroDivisionError" not in page.content()
    assert sentence.rstrip(".").rsplit(" ", 1)[-1] in acts.said(), "the reference leads to the cause in the log"


def test_the_navigation_keeps_company_and_storm_and_nothing_else(page):
    enter(page, "/voila/render/score.ipynb?tenant=lone-star&storm=2021-04-28&max=7&tenant=<b>")
    link = page.get_by_role("navigation").get_by_role("link", name="Routes")
    assert urlsplit(link.get_attribute("href")).query == "tenant=lone-star&storm=2021-04-28"
    expect(page.get_by_role("link", name="Score")).to_have_attribute("aria-current", "page")


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


def test_back_after_signing_out_shows_no_page(page):
    enter(page)
    page.wait_for_function(READY)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")
    page.go_back()
    page.get_by_role("heading", name="Sign in").wait_for()
    assert "1,904" not in page.content()


def test_a_new_password_in_one_tab_leaves_the_other_at_work(page, database):
    """The other tab's connection is cut, since its session's key has changed, and comes back by itself."""
    accounts.add_person("tess", "Tess Tabs", PASSWORD)
    accounts.add_member("tess", "trinity", "operator")
    enter(page, username="tess")
    page.wait_for_function(READY)
    other = page.context.new_page()
    other.goto(page.base + "/voila/render/score.ipynb?tenant=trinity&x=y%26z")
    other.get_by_role("link", name="Tess Tabs").click()
    for label, typed in (("Present password", PASSWORD), ("New password", "a better one"),
                         ("New password again", "a better one")):  # fmt: skip
        other.get_by_label(label, exact=True).fill(typed)
    other.get_by_role("button", name="Change it").click()
    other.get_by_text("You were signed out everywhere else.").wait_for()
    page.get_by_role("button", name="Generate").click()
    page.get_by_text("42 routes").wait_for()
    assert page.locator(".sp-banner").count() == 0
    other.get_by_role("link", name="Back to your page").click()
    other.wait_for_url("**/voila/render/score.ipynb?tenant=trinity&x=y%26z")


FORMS = {
    "login": ("/login", "username", "This user name and password do not belong together."),
    "password": ("/password", "old", "That is not your present password. Nothing was changed."),
}


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("form", FORMS)
def test_a_form_is_ready_to_be_typed_into_and_says_what_was_wrong(form, width, page, database):
    page.set_viewport_size({"width": width, "height": 844})
    path, first, wrong = FORMS[form]
    if form == "password":
        accounts.add_person(f"fay{width}", "Fay Forms", PASSWORD)
        enter(page, "/login", f"fay{width}")
        page.goto(page.base + path)
    else:
        page.goto(page.base + path)
    expect(page.locator(f"#{first}")).to_be_focused()
    for field in page.locator("input:visible").all():
        field.fill("not-it-at-all")
    page.keyboard.press("Enter")
    page.get_by_role("alert").get_by_text(wrong).wait_for()
    again = page.locator("#password" if form == "login" else "#old")  # where to type on
    expect(again).to_be_focused()
    expect(again).to_have_attribute("aria-describedby", "error")  # and it is read aloud there
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for field in page.locator("main input:visible, main button").all():
        box = field.bounding_box()
        assert box["height"] >= 44
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    kinds = [field.get_attribute("autocomplete") for field in page.locator("input:visible").all()]
    assert kinds == {"login": ["username", "current-password"],
                     "password": ["current-password", "new-password", "new-password"]}[form]  # fmt: skip


def test_behind_tls_the_front_end_finds_its_token(browser, database, tmp_path, acts):
    """Cookies with `__Host-` names: the page is drawn, works, and can say that it has been closed."""
    port = free_port()
    given = {"port": port, "public_url": f"https://localhost:{port}/", "settings": FEW_PAGES}
    with serving(tmp_path / "tls", database, acts.notebooks, **given) as running:
        context = browser.new_context(base_url=f"http://localhost:{port}")
        page = context.new_page()
        page.base = f"http://localhost:{port}"
        enter(page)
        page.wait_for_function(READY)
        names = {cookie["name"]: cookie["secure"] for cookie in context.cookies()}
        assert names == dict.fromkeys(("__Host-_xsrf", "__Host-stormplay-session", "__Host-stormplay-device"), True)
        page.get_by_role("button", name="Generate").click()
        page.get_by_text("42 routes").wait_for()
        assert len(running.kernels()) == 1
        page.close(run_before_unload=True)
        eventually(lambda: not running.kernels(), 20)
        context.close()


def test_signing_out_leads_to_where_one_signed_in(browser, database, tmp_path, acts):
    """A browser follows a form to another host only where the page's policy names it."""
    out = f"http://localhost:{acts.port}/login?next=/out"
    given = {"trusted_proxies": ["127.0.0.1"], "proxy_user_header": "X-Forwarded-User",
             "settings": NO_PAGES | {"Identity": {"proxy_logout_url": out}}}  # fmt: skip
    with serving(tmp_path / "elsewhere", database, acts.notebooks, **given) as running:
        context = browser.new_context(extra_http_headers={"X-Forwarded-User": "vic"})
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{running.port}/login?next=/password")
        page.get_by_text("your password is changed there").wait_for()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(out)
        context.close()


def test_the_keyboard_shows_where_it_is(page):
    page.goto(page.base + "/login")
    page.keyboard.press("Tab")
    style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert style == "solid"
