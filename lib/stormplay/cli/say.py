"""What the command line prints: answers on standard output, errors and progress on standard error."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

EXITS = "\n\nExit codes: 0 done, 1 failed, 2 bad input, 5 busy."

_out = Console(highlight=False, soft_wrap=True)
_err = Console(stderr=True, highlight=False, soft_wrap=True)


def line(text: str, *, markup: bool = False) -> None:
    """Print a line of the answer."""
    _out.print(text, markup=markup)


def error(text: str) -> None:
    """Print what was wrong."""
    _err.print(text, markup=False)


def table(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Print rows in columns as wide as they are: easy to read, to search and to cut, on a terminal and in a file."""
    cells = [list(columns), *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


class bar:  # noqa: N801 - used like a function
    """A progress bar on a terminal, plain lines elsewhere; nothing at all when there is nothing to do."""

    def __enter__(self) -> Callable[[str, float], None]:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
        self._progress = Progress(*columns, TimeElapsedColumn(), console=_err)
        self._task: TaskID | None = None
        return self._show

    def _show(self, what: str, fraction: float) -> None:
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task(what, total=1.0)
        self._progress.update(self._task, description=what, completed=fraction)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


class ticker:  # noqa: N801 - used like a function
    """One line that is written anew on a terminal; elsewhere a line now and then, for a log."""

    def __init__(self, every_s: float = 30.0) -> None:
        self._every_s, self._said_at = every_s, time.monotonic()

    def __enter__(self) -> Callable[[str], None]:
        return self._show

    def _show(self, text: str) -> None:
        if _err.is_terminal:
            _err.print(text[: _err.width - 1].ljust(_err.width - 1), end="\r", markup=False)
        elif time.monotonic() - self._said_at >= self._every_s:
            self._said_at = time.monotonic()
            _err.print(text, markup=False)

    def __exit__(self, *_: object) -> None:
        if _err.is_terminal:
            _err.print()
