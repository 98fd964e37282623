"""Where a long command's log goes."""

from __future__ import annotations


def begin(name: str, *, is_shown: bool = True) -> None:
    """Begin the log of a command: beside the embedded database, where there is one.

    Args:
        name: What the log is named after.
        is_shown: False: not on standard error too, where the command says what its scheduler has to know.
    """
    from stormplay import database, embedded, logs  # noqa: PLC0415 - a command imports what it needs

    logs.configure(name, folder=embedded.home() / "logs" if database.is_embedded() else None, is_shown=is_shown)
