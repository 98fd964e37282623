"""How functions become machine code: by numba, without the interpreter's lock, kept on the shelf.

Importing this imports numba (0.4 s). Nothing but the kernel does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
from numba.core import config
from numba.core.caching import InTreeCacheLocator

from stormplay.routing.machine import shelf

Function = Callable[..., Any]

# Reassociation is left out: the same plan again, also on another processor, is worth more than the last percent.
_OPTIONS = {"nogil": True, "boundscheck": False, "error_model": "numpy", "fastmath": {"contract", "nsz", "arcp"}}


class Shelf(InTreeCacheLocator):  # type: ignore[misc]
    """Tells numba to keep code in `shelf.folder()`, which need not be writable once everything is there."""

    def __init__(self, function: Function, file: str) -> None:
        super().__init__(function, file)
        self._cache_path = str(shelf.folder())

    def get_source_stamp(self) -> str:
        """All sources together: numba itself would look at one file only, and miss a change in what it calls."""
        return shelf.stamp()

    @classmethod
    def from_function(cls, function: Function, file: str) -> Shelf:
        """What numba asks for."""
        return cls(function, file)


def compiled(function: Function) -> Function:
    """A function called from Python, compiled at its first call or read from the shelf."""
    given, config.CACHE_LOCATOR_CLASSES = config.CACHE_LOCATOR_CLASSES, f"{__name__}.{Shelf.__name__}"
    try:
        return cast(Function, numba.njit(cache=True, **_OPTIONS)(function))
    finally:
        config.CACHE_LOCATOR_CLASSES = given


def inlined(function: Function) -> Function:
    """A function that becomes part of the compiled ones that call it: calls that hand arrays on cost 20 ns each."""
    return cast(Function, numba.njit(forceinline=True, **_OPTIONS)(function))


def called(function: Function) -> Function:
    """A function that compiled ones call, where the time to compile matters more."""
    return cast(Function, numba.njit(**_OPTIONS)(function))
