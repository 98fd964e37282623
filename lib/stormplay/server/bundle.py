"""The widget front end in one file: Voilà's comes in sixty pieces, and its extensions in three rounds of a dozen more.

A piece only puts itself into a list that its runtime reads when it starts, so all that every page needs may come at
once, before the runtime. A piece that is not in the file is asked for by itself, as ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

FILE = "front_end.js"

# What each page asks for; `tests/test_browser_front_end.py` says so when a new version wants others.
_PIECES = (
    73, 143, 431, 457, 630, 1187, 1601, 1621, 1670, 2930, 3144, 3249, 3307, 3311, 3459, 3649, 3916, 3989, 3992, 4041,
    4135, 4173, 4222, 4653, 4729, 4972, 5044, 5312, 5688, 5764, 5767, 6008, 6049, 6382, 6468, 6573, 7155, 7483, 7556,
    7598, 7770, 7883, 8017, 8135, 8487, 8766, 8773, 8862, 8925, 9081, 9151, 9212, 9582, 9684, 9890, 9981,
)  # fmt: skip
_PIECES_OF: Mapping[str, tuple[int, ...]] = {
    "@jupyter-widgets/jupyterlab-manager": (7, 32, 84, 121, 160, 170, 452, 704, 718, 967),
    "@voila-dashboards/widgets-manager8": (496, 883),
    "anywidget": (2, 528),
}


def front_end(folder: Path, extensions: Mapping[str, Path]) -> str:
    """The script that starts the front end.

    Args:
        folder: Where Voilà's pieces are.
        extensions: Name -> folder of an extension.
    """
    pieces = [folder / f"{number}.voila.js" for number in _PIECES]
    for name, place in extensions.items():
        for number in _PIECES_OF.get(name, ()):
            pieces += sorted((place / "static").glob(f"{number}.*.js"))
    return "\n".join([*_alone(piece for piece in pieces if piece.is_file()), _text(folder / "voila.js")])


def _alone(pieces: Iterable[Path]) -> Iterable[str]:
    """Each in a scope of its own: some are strict, and would make the others so."""
    return (f"(() => {{{_text(piece)}\n}})();" for piece in pieces)


def _text(piece: Path) -> str:
    lines = piece.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("//# sourceMappingURL"))
