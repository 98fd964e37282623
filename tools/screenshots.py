"""Take the pictures of the docs from the running product: `make docs`.

Starts `stormplay up` on a folder of its own with the demo, signs in, generates routes, and photographs the pages at
1440 pixels, the routes at 390 too, home by night too; then the demo's storm is played once more, and the page that
shows it is taken before, while it hits and after. The pictures replace those in docs/, each of at most 250 kB.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browser import chromium  # noqa: E402
from site_up import serving, sign_in, wait_for_lines  # noqa: E402

# As tall as the page, so that the map's frame is painted with the rest.
SIZES = {1440: 2_900, 390: 3_700}
SPEED = 150  # times as fast as the storm was
# How far down each page is taken: to the end of this section.
PAGES = {
    "home": 1,
    "score": 1,
    "treatment": 1,
    "phase4_jobs": 1,
    "phase5_nurture": 1,
    "identity_attribution": 1,
    "reports": 1,
    "tenant_health": 1,
}
LARGEST_BYTES = 250_000


def main() -> None:
    """Take all pictures."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / ".stormplay") as url, chromium() as browser:
        for width, height in SIZES.items():
            page = browser.new_context(viewport={"width": width, "height": height}).new_page()
            page.set_default_timeout(90_000)
            page.goto(f"{url}/voila/render/phase3_routes.ipynb")
            sign_in(page)
            if width == max(SIZES):
                page.get_by_role("button", name="Generate routes").click()
                page.get_by_text("routes made for").wait_for()
            wait_for_lines(page)
            page.wait_for_timeout(2_000)
            _take(page, f"phase3_routes-{width}", 3)
            if width == max(SIZES):
                pages(page, url)
            page.context.close()
        storm(browser, url, Path(folder) / ".stormplay")


def pages(page: object, url: str) -> None:
    """Every page of the demo's storm by day, and home by night."""
    for name, last in PAGES.items():
        _open(page, f"{url}/voila/render/{name}.ipynb")
        _take(page, f"{name}-1440", last)
    page.emulate_media(color_scheme="dark")  # type: ignore[attr-defined]
    _open(page, f"{url}/voila/render/home.ipynb")
    _take(page, "home-dark", PAGES["home"])


def _open(page: object, address: str) -> None:
    page.goto(address)  # type: ignore[attr-defined]
    page.wait_for_function("document.documentElement.dataset.state === 'ready'")  # type: ignore[attr-defined]
    page.wait_for_timeout(2_000)  # type: ignore[attr-defined]


def storm(browser: object, url: str, home: Path) -> None:
    """Play the demo's storm and take the page that shows it: before, twice while it hits, after, and on a phone."""
    wide, phone = (_signed_in(browser, url, width, height) for width, height in ((1440, 2_300), (390, 1_700)))
    _take(wide, "live-1", 1)
    command = [Path(sys.executable).with_name("stormplay"), "stream", "--simulate", "--speed", str(SPEED)]
    with subprocess.Popen(command, env={**os.environ, "STORMPLAY_HOME": str(home)}) as play:
        for number, (least, most) in enumerate(((1, 2_800), (2_900, 3_956)), start=2):
            _wait_for_homes(wide, play, least, most)
            _take(wide, f"live-{number}", 1)
        _take(phone, "live-390", 1)
        assert play.wait() == 0, "the play did not come to its end"
    wide.wait_for_timeout(3_000)
    _take(wide, "live-4", 2)


def _signed_in(browser: object, url: str, width: int, height: int) -> object:
    page = browser.new_context(viewport={"width": width, "height": height}).new_page()  # type: ignore[attr-defined]
    page.set_default_timeout(90_000)
    page.goto(f"{url}/voila/render/storm_live.ipynb?tenant=lone-star&storm=2021-04-28")
    sign_in(page)
    page.wait_for_function("document.documentElement.dataset.state === 'ready'")
    page.wait_for_timeout(2_000)
    return page


def _wait_for_homes(page: object, play: subprocess.Popen[bytes], least: int, most: int) -> None:
    """Wait until the map shows so many homes that the storm has reached."""
    count = "window.stormplayMap ? stormplayMap.jobCounts().slice(1).reduce((a, b) => a + b) : -1"
    for _ in range(3_000):
        found = [frame.evaluate(count) for frame in page.frames[1:] if not frame.is_detached()]  # type: ignore[attr-defined]
        if any(least <= one <= most for one in found):
            return
        assert play.poll() is None, "the play has ended"
        page.wait_for_timeout(100)  # type: ignore[attr-defined]
    raise AssertionError(f"the map never showed {least} to {most} homes")


def _take(page: object, name: str, last: int) -> None:
    """A picture of the page down to one of its sections, in as few colours as keep it small."""
    path = ROOT / "docs" / f"{name}.png"
    width = page.viewport_size["width"]  # type: ignore[attr-defined]
    page.screenshot(path=path, clip=_until(page, width, last))  # type: ignore[attr-defined]
    taken = Image.open(path).convert("RGB")
    for colours in (256, 128, 64, 32):
        taken.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size <= LARGEST_BYTES:
            return
    raise AssertionError(f"{path.name} is larger than {LARGEST_BYTES} bytes; take less of the page")


def _until(page: object, width: int, last: int) -> dict[str, float]:
    """The page down to the end of one of its sections; of Phase 3 the answer, the plan, the map, the table."""
    found = page.locator(".sp-section")  # type: ignore[attr-defined]
    bottom = found.nth(min(last, found.count() - 1)).bounding_box()
    height = min(bottom["y"] + bottom["height"] + 16, page.viewport_size["height"])  # type: ignore[attr-defined]
    return {"x": 0, "y": 0, "width": width, "height": height}


if __name__ == "__main__":
    main()
