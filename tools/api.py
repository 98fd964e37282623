"""Write docs/api.md: every public name of `stormplay`, its signature and docstring, from the code itself."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType

import stormplay

PAGE = Path(__file__).resolve().parents[1] / "docs" / "api.md"
HEAD = """# Reference

Every public name of `stormplay`, in the words of its docstring.

Made by `.venv/bin/python tools/api.py`; a test says whether it is up to date.
"""


def page() -> str:
    """The whole page, as Markdown."""
    return "\n".join([HEAD, *(_named(name, getattr(stormplay, name)) for name in sorted(stormplay.__all__))])


def _named(name: str, thing: object) -> str:
    if isinstance(thing, ModuleType):
        inner = [_entry(f"{name}.{one}", getattr(thing, one), 3) for one in _public(thing)]
        return "\n".join([f"## {name}\n", _quoted(thing), *inner])
    entries = [_entry(name, thing, 2)]
    if inspect.isclass(thing):
        entries += [_entry(f"{name}.{one}", getattr(thing, one), 3) for one in _members(thing)]
    return "\n".join(entries)


def _members(thing: type) -> list[str]:
    """Methods and properties of a class, its own first, then those that it has from classes of ours."""
    ours = [base for base in thing.__mro__ if base.__module__.startswith("stormplay")]
    found = [(one, member) for base in ours for one, member in vars(base).items() if not one.startswith("_")]
    kept = [one for one, member in found if inspect.isroutine(member) or isinstance(member, property)]
    return list(dict.fromkeys(kept))


def _public(module: ModuleType) -> list[str]:
    """Names of a module that are its own and have something to say."""
    listed = getattr(module, "__all__", None)
    names = listed or [one for one, it in vars(module).items() if getattr(it, "__module__", "") == module.__name__]
    kept = [one for one in names if not one.startswith("_")]
    return sorted(
        one for one in kept if inspect.isroutine(getattr(module, one)) or inspect.isclass(getattr(module, one))
    )


def _entry(name: str, thing: object, level: int) -> str:
    return (
        f"{'#' * level} {name}\n\n```\n{name.rsplit('.', maxsplit=1)[-1]}{_signature(thing)}\n```\n\n{_quoted(thing)}"
    )


def _signature(thing: object) -> str:
    if not callable(thing):
        return ""
    try:
        said = str(inspect.signature(thing))
    except ValueError:
        return "(...)"
    # Addresses and the order of sets differ from run to run, and say nothing to a reader.
    said = re.sub(r"<function [^>]*(<lambda>)? at 0x[0-9a-f]+>", "...", said)
    return re.sub(r"frozenset\(\{[^}]*\}\)", "frozenset(...)", said)


def _quoted(thing: object) -> str:
    """The docstring as it was laid out, so that its lists of arguments keep their lines."""
    return f"```text\n{inspect.getdoc(thing) or ''}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page())
