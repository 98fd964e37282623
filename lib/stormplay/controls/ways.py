"""From a page to another one of the same company and storm, where there is one."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlencode

from stormplay.controls import markup


def is_served() -> bool:
    """Whether this kernel is behind a Stormplay page, which has a stylesheet and other pages beside it."""
    return os.environ.get("SERVER_SOFTWARE", "").startswith("voila")


def way_to(page: str, tenant: str, storm: str, **more: str) -> str:
    """The address of another page with the same company and storm.

    Args:
        page: The name of its notebook.
        tenant, storm: Slugs.
        more: What else the address shall say.

    Returns:
        The address, relative to this page's; '' in a report, and where no such notebook is beside this one.
    """
    if not (is_served() and Path(f"{page}.ipynb").is_file()):
        return ""
    return f"{page}.ipynb?{urlencode({'tenant': tenant, 'storm': storm} | more)}"


def led(words: str, address: str) -> str:
    """Words as a link, escaped; the words alone where the address is ''."""
    shown = markup.text(words)
    return f'<a href="{markup.text(address)}">{shown}</a>' if address else shown
