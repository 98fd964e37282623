"""Take the README's pictures from the running product: `make docs`.

Starts `stormplay up` on a folder of its own with the demo, signs in, generates routes, picks one, and photographs
the pages at 1440 and 390 pixels. The pictures replace those in docs/.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browser import chromium  # noqa: E402
from site_up import serving, sign_in, wait_for_lines  # noqa: E402

# As tall as the page, so that the map's frame is painted with the rest.
SIZES = {1440: 2_900, 390: 3_700}


def main() -> None:
    """Take all pictures."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / ".stormplay") as url, chromium() as browser:
        for width, height in SIZES.items():
            page = browser.new_context(viewport={"width": width, "height": height}).new_page()
            page.set_default_timeout(90_000)
            page.goto(url)
            sign_in(page)
            if width == max(SIZES):
                page.get_by_role("button", name="Generate routes").click()
                page.get_by_text("routes made for").wait_for()
            wait_for_lines(page)
            page.wait_for_timeout(2_000)
            page.screenshot(path=ROOT / "docs" / f"phase3_routes-{width}.png", clip=_until(page, width, 3))
            if width == max(SIZES):
                for name in ("treatment", "phase4_jobs", "phase5_nurture", "identity_attribution", "reports"):
                    page.goto(f"{url}/voila/render/{name}.ipynb")
                    page.wait_for_function("document.documentElement.dataset.state === 'ready'")
                    page.wait_for_timeout(2_000)
                    page.screenshot(path=ROOT / "docs" / f"{name}-{width}.png", clip=_until(page, width, 1))
            page.context.close()


def _until(page: object, width: int, last: int) -> dict[str, float]:
    """The page down to the end of one of its sections; of Phase 3 the answer, the plan, the map, the table."""
    bottom = page.locator(".sp-section").nth(last).bounding_box()  # type: ignore[attr-defined]
    return {"x": 0, "y": 0, "width": width, "height": bottom["y"] + bottom["height"] + 16}


if __name__ == "__main__":
    main()
