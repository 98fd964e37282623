"""Reads that belong together: within `together()`, what the first of them opens stays open for the others.

A page reads ten things to show one storm. Each would ask anew who may see them, and wait for a connection of its own.
Whoever draws a page knows no database, so it says here that its reads are one, and whoever opens something asks here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeVar

T = TypeVar("T")


class _Here(threading.local):
    """What this thread holds open, by what it is; None: nothing is held together."""

    stack: ExitStack | None = None
    held: dict[Hashable, object] | None = None


_here = _Here()


@contextmanager
def together() -> Iterator[None]:
    """Hold what is opened in this thread until the end; for reads: a write would wait as long to be kept."""
    if _here.stack is not None:
        yield
        return
    with ExitStack() as stack:
        _here.stack, _here.held = stack, {}
        try:
            yield
        finally:
            _here.stack = _here.held = None


@contextmanager
def shared(key: Hashable, opens: Callable[[], AbstractContextManager[T]]) -> Iterator[T]:
    """What `opens` opens: closed at once, or, within `together()`, held under `key` for whoever asks for it there."""
    stack, held = _here.stack, _here.held
    if stack is None or held is None:
        with opens() as made:
            yield made
        return
    if key not in held:
        held[key] = stack.enter_context(opens())
    yield held[key]  # type: ignore[misc]  # what is under a key was made by its opener


def held(wanted: Callable[[Hashable], bool]) -> object | None:
    """Something that this thread holds under a wanted key; None where it holds none."""
    return next((made for key, made in (_here.held or {}).items() if wanted(key)), None)
