"""The typed contract of a notebook's parameters, read from the notebook itself.

A cell tagged `parameters` holds lines of the form `name: type = default  # help (unit)`; plain scalars only. It is
parsed, never run, so a name or a value is never code.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stormplay import lazy
from stormplay.errors import BadInput

lazy.leave_out_address_grammar()

Scalar = str | int | float | bool
NEWEST = "newest"
"""In place of a storm's slug or id: the one with the latest day of the company."""

_TYPES: dict[str, type[Scalar]] = {"str": str, "int": int, "float": float, "bool": bool}


@dataclass(frozen=True)
class Parameter:
    """One parameter: its name, type, default and the sentence behind it."""

    name: str
    type: type[Scalar]
    default: Scalar
    help: str


def contract(notebook: Path) -> dict[str, Parameter]:
    """The parameters of a notebook, in order.

    Raises:
        BadInput: There is no such notebook, or its parameters cell is not of the form above.
    """
    if not notebook.is_file():
        have = ", ".join(sorted(path.stem for path in notebook.parent.glob("*.ipynb")))
        raise BadInput(f"There is no notebook '{notebook.stem}'.", f"There is {have}." if have else "")
    import nbformat  # noqa: PLC0415 - a second, which a dashboard's kernel need not wait

    cells = nbformat.read(notebook, as_version=4).cells
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise BadInput(f"{notebook.name} has {len(tagged)} cells tagged 'parameters'.", "Expected one.")
    source = tagged[0].source
    lines = source.splitlines()
    found = [_parameter(node, lines, notebook.name) for node in ast.parse(source).body]
    return {one.name: one for one in found}


def _parameter(node: ast.stmt, lines: list[str], where: str) -> Parameter:
    if not (
        isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(node.annotation, ast.Name)
        and node.annotation.id in _TYPES
        and node.value is not None
    ):
        raise BadInput(
            f"A line in the parameters cell of {where} is not a parameter: {lines[node.lineno - 1]}",
            "Expected 'name: type = default  # help' with type str, int, float or bool.",
        )
    kind = _TYPES[node.annotation.id]
    default = ast.literal_eval(node.value)
    behind = lines[(node.end_lineno or node.lineno) - 1][node.end_col_offset :]
    return Parameter(node.target.id, kind, _as_type(node.target.id, default, kind), behind.strip().lstrip("# "))


def check(known: Mapping[str, Parameter], given: Mapping[str, object]) -> dict[str, Scalar]:
    """The given values in their types.

    Args:
        known: The notebook's contract.
        given: Name to value; text is read as the parameter's type ('50' for an int).

    Raises:
        BadInput: An unknown name, or a value that is not of its type.
    """
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise BadInput(f"There is no parameter '{unknown[0]}'.", f"Expected some of {', '.join(known)}.")
    return {name: _as_type(name, value, known[name].type) for name, value in given.items()}


def _as_type(name: str, value: object, kind: type[Scalar]) -> Scalar:
    try:
        if isinstance(value, str) and kind is not str:
            return _read(value.strip(), kind)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if type(value) is kind:
            return value
    except ValueError:
        pass
    raise BadInput(f"The parameter '{name}' is {value!r}.", f"Expected a value of type {kind.__name__}.")


def _read(text: str, kind: type[Scalar]) -> Scalar:
    if kind is bool:
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if text.lower() not in words:
            raise ValueError(text)
        return words[text.lower()]
    return int(text) if kind is int else float(text)
