"""Take the README's pictures from the running product: `make docs`.

Starts `stormplay up` on a folder of its own with the demo, signs in, generates routes, picks one, and photographs
the pages at 1440 and 390 pixels; then the demo's storm is played once more, and the page that shows it is taken before,
while it hits and after. The pictures replace those in docs/.
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
            page.screenshot(path=ROOT / "docs" / f"phase3_routes-{width}.png", clip=_until(page, width, 3))
            if width == max(SIZES):
                for name in ("home", "treatment", "phase4_jobs", "phase5_nurture", "identity_attribution", "reports"):
                    page.goto(f"{url}/voila/render/{name}.ipynb")
                    page.wait_for_function("document.documentElement.dataset.state === 'ready'")
                    page.wait_for_timeout(2_000)
                    page.screenshot(path=ROOT / "docs" / f"{name}-{width}.png", clip=_until(page, width, 1))
            page.context.close()
        storm(browser, url, Path(folder) / ".stormplay")


def storm(browser: object, url: str, home: Path) -> None:
    """Play the demo's storm and take the page that shows it: before, twice while it hits, after, and on a phone."""
    wide, phone = (_signed_in(browser, url, width, height) for width, height in ((1440, 2_300), (390, 1_700)))
    command = [Path(sys.executable).with_name("stormplay"), "stream", "--simulate", "--speed", str(SPEED)]
    with subprocess.Popen(command, env={**os.environ, "STORMPLAY_HOME": str(home)}) as play:
        for number, (least, most) in enumerate(((0, 900), (1_000, 2_800), (2_900, 3_956)), start=1):
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
    """A picture of the page down to one of its sections, in as few colours as it has, since there are several."""
    path = ROOT / "docs" / f"{name}.png"
    width = page.viewport_size["width"]  # type: ignore[attr-defined]
    page.screenshot(path=path, clip=_until(page, width, last))  # type: ignore[attr-defined]
    Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def _until(page: object, width: int, last: int) -> dict[str, float]:
    """The page down to the end of one of its sections; of Phase 3 the answer, the plan, the map, the table."""
    bottom = page.locator(".sp-section").nth(last).bounding_box()  # type: ignore[attr-defined]
    return {"x": 0, "y": 0, "width": width, "height": bottom["y"] + bottom["height"] + 16}


if __name__ == "__main__":
    main()
