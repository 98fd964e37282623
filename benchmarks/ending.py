"""How benchmarks end: what is printed of a bound, the option to pass over it, and the exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from stormplay.errors import StormplayError


def word(is_kept: bool) -> str:
    """What is printed beside a bound."""
    return "kept" if is_kept else "BROKEN"


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Reads a benchmark's options; what all have: `--no-bounds`.

    Args:
        doc: The module's docstring; its first line says what it is.
    """
    made = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    made.add_argument("--no-bounds", action="store_true", help="exit with 0 whatever the figures")
    return made


def exit_code(run: Callable[[], bool], options: argparse.Namespace) -> int:
    """Run a benchmark: 0 when its bounds are kept, or nobody asks for them; 1 when one is broken.

    Args:
        run: Measures and prints; returns whether the bounds are kept.
        options: As `parser` reads them.

    Returns:
        The code; that of the error, which is printed, where it could not be run.
    """
    try:
        is_kept = run()
    except StormplayError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0 if is_kept or options.no_bounds else 1
