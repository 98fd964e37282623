"""The process that forks warm workers for reports: it holds imports and nothing else. See `stormplay.forking`.

Run by path, as `python -P nursery.py FD`; with `cold` behind it it makes one report itself, where no fork is safe.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import NoReturn

from stormplay.forking.children import become, born
from stormplay.forking.imports import PAGES
from stormplay.forking.wire import write_message

WARM = ("stormplay.reports.child", "nbconvert.exporters.html", "nbconvert.preprocessors", *PAGES)


def main() -> NoReturn:
    """Import, fork until nobody asks any more, and in each child make the report that it is told of."""
    file, is_cold = int(sys.argv[1]), sys.argv[2:] == ["cold"]
    line = file if is_cold else born(file, WARM, nursery="sp-reports", child="sp-report", rehearse=_rehearse)
    request = become(line, __file__)
    child = importlib.import_module("stormplay.reports.child")
    child.quiet(Path(request["folder"]))
    write_message(line, child.answer(request["report"]))
    os._exit(0)  # nobody waits for what libraries do at the end


def _rehearse() -> None:
    importlib.import_module("stormplay.reports.html").rehearse()


if __name__ == "__main__":
    main()
