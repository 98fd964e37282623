"""By which column a list is ordered, when a reader chooses it: only by columns that the list knows."""

from __future__ import annotations

from collections.abc import Mapping

from stormplay.errors import BadInput

Order = tuple[str, bool] | None
"""Name of a column, and whether it ascends; None: as the list is by itself."""


def order_by(order: Order, known: Mapping[str, str], usual: str, last: str) -> str:
    """The words of `ORDER BY`, so that each page continues the one before.

    Args:
        order: What was chosen.
        known: Expressions by the name of what may be chosen.
        usual: The order where nothing was chosen.
        last: A unique column, for rows that are alike in the chosen one.

    Raises:
        BadInput: The list cannot be ordered by this.

    >>> order_by(("zip", False), {"zip": "p.zip_code"}, "p.address", "p.id")
    'p.zip_code DESC NULLS LAST, p.id'
    """
    if order is None:
        return usual
    name, ascending = order
    if name not in known:
        raise BadInput(f"The list cannot be ordered by '{name}'.", f"Expected one of {', '.join(sorted(known))}.")
    return f"{known[name]} {'ASC' if ascending else 'DESC'} NULLS LAST, {last}"
