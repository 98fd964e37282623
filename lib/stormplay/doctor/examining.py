"""All checks, one after the other. One that fails itself is a finding too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from stormplay import logs
from stormplay.doctor import data, files, machine, streams
from stormplay.doctor.finding import WRONG, Check, Finding, Situation

BEFORE: Mapping[str, Check] = {
    "python": machine.python,
    "libraries": machine.libraries,
    "memory": machine.memory,
    "disk": machine.disk,
    "browser": machine.browser,
    "port": machine.port,
    "folders": files.folders,
    "secrets": files.secrets,
    "backup": files.last_backup,
    "kafka": streams.kafka,
}
WITHIN: Mapping[str, Check] = {
    "migrations": data.schema,
    "roles": data.roles,
    "hardening": data.hardening,
    "clock": data.clock,
    "stream": streams.stream,
}
CHECKS = (*BEFORE, "database", *WITHIN)


def examine(at: Situation | None = None, tell: Callable[[Finding], None] | None = None) -> list[Finding]:
    """Look at everything.

    Args:
        at: Where and with which limits.
        tell: Called with each finding as it comes.
    """
    found: list[Finding] = []
    for one in _findings(at or Situation()):
        found.append(one)
        if tell is not None:
            tell(one)
    return found


def _findings(at: Situation) -> Iterator[Finding]:
    for name, check in BEFORE.items():
        yield from _of(name, check, at)
    with data.opened(at) as answer:
        yield replace(answer, check="database")
        for name, check in WITHIN.items():
            yield from _of(name, check, at)


def _of(name: str, check: Check, at: Situation) -> list[Finding]:
    try:
        if at.connection is None:
            found = check(at)
            return [replace(one, check=name) for one in ([found] if isinstance(found, Finding) else found)]
        with at.connection.begin_nested():  # a query that fails must not spoil those after it
            found = check(at)
            return [replace(one, check=name) for one in ([found] if isinstance(found, Finding) else found)]
    except Exception as error:
        # Whatever it is, the other checks go on; its text may quote what may not be shown.
        return [
            Finding(WRONG, f"This could not be looked at: {logs.plain(error)}.", "Mend what is said above first.", name)
        ]
