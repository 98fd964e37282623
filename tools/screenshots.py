"""Take the README's pictures from the running product: `make docs`.

Starts `stormplay up` on a folder of its own, signs in, generates routes, and photographs the page at 1440 and 390
pixels. The pictures replace those in docs/.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browser import chromium  # noqa: E402
from site_up import serving, sign_in  # noqa: E402


def main() -> None:
    pictures = ROOT / "docs"
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / ".stormplay") as url, chromium() as browser:
        for width, height in ((1440, 1000), (390, 844)):
            context = browser.new_context(viewport={"width": width, "height": height}, device_scale_factor=1)
            page = context.new_page()
            page.set_default_timeout(90_000)
            page.goto(url)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=pictures / f"login-{width}.png")
            sign_in(page)
            generate = page.get_by_role("button", name=re.compile("^Generate"))
            generate.wait_for()
            if width == 1440:
                generate.click()
            page.wait_for_function(DRAWN)
            page.wait_for_timeout(1_500)
            page.screenshot(path=pictures / f"phase3_routes-{width}.png", full_page=True)
            context.close()


DRAWN = """() => [...document.querySelectorAll('iframe')].length > 0"""

if __name__ == "__main__":
    main()
