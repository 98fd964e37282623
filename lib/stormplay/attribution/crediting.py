"""Which channel gets how much of the conversions, by several methods side by side."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real

import numpy as np
import pandas as pd

from stormplay.attribution import markov, touches
from stormplay.attribution.journeys import Floats, Journeys, read, summed
from stormplay.errors import BadInput

METHODS = ("first", "last", "linear", "time_decay", "position", "markov", "shapley")


def credits(
    journeys: pd.DataFrame,
    methods: Iterable[str] | str | None = None,
    *,
    half_life_steps: float = 1.0,
    half_life_days: float | None = None,
) -> pd.DataFrame:
    """Share conversions and their value out over channels. Pure.

    Credit is a convention, not a cause: it says who was there, not who made it happen.

    Args:
        journeys: One row a path, or one a journey: path (list of channel names, in order of time), conversions and
            nulls (journeys of this path that converted, and that did not; 0 or more), value (what the conversions
            brought, 0 or more, in any one unit). For `half_life_days` also days: the moment of each touch.
        methods: Some of `METHODS`; None: all.
        half_life_steps: Time decay: a touch so many steps before the last has half its credit.
        half_life_days: The same in days instead; None: by steps.

    Returns:
        One row a method and channel, channels in the order of the alphabet: method, channel, conversions, value.
        Each method's conversions sum to those of the journeys, and so does the value. Without conversions all are 0.
        Markov credits its shares (`removal_effects`) of the totals, value too; the others go journey by journey, and
        so credit value also where a journey has it without a conversion.

    Raises:
        BadInput: A column, a path, a number or a method is not as said above.
    """
    wanted = _methods(methods)
    for name, half_life in (("steps", half_life_steps), ("days", half_life_days)):
        _check_half_life(name, half_life)
    found = read(journeys, with_days=half_life_days is not None and "time_decay" in wanted)
    order = np.argsort(np.array(found.channels, dtype=object))
    parts = [credited(found, method, half_life_steps, half_life_days) for method in wanted]
    nothing = [np.zeros(0)]
    return pd.DataFrame(
        {
            "method": np.repeat(np.array(wanted, dtype=object), len(order)),
            "channel": np.tile(np.array(found.channels, dtype=object)[order], len(wanted)),
            "conversions": np.concatenate(nothing + [conversions[order] for conversions, _ in parts]),
            "value": np.concatenate(nothing + [value[order] for _, value in parts]),
        }
    )


def removal_effects(journeys: pd.DataFrame) -> pd.DataFrame:
    """What would be lost without each channel, by the Markov chain of order 1 (`attribution.markov`).

    Args:
        journeys: As for `credits`.

    Returns:
        One row a channel, in the order of the alphabet: channel, removal_effect (share of the conversions that the
        chain loses without it, 0 to 1; they overlap and need not sum to 1), share (of all removal effects; sums to 1).
        Without conversions all are 0.

    Raises:
        BadInput: A column, a path or a number is not as said there.
    """
    found = read(journeys)
    chain = markov.fit(found)
    effects = {"channel": found.channels, "removal_effect": chain.removal_effect, "share": chain.share}
    return pd.DataFrame(effects).sort_values("channel", ignore_index=True)


def credited(
    found: Journeys, method: str, half_life_steps: float = 1.0, half_life_days: float | None = None
) -> tuple[Floats, Floats]:
    """Conversions and value that one of `METHODS` credits each channel with, in the order of `Journeys.channels`."""
    if method == "markov":
        share = markov.fit(found).share
        return share * found.conversions.sum(), share * found.value.sum()
    if method != "time_decay":
        share = touches.RULES[method](found)
    elif half_life_days is not None:
        share = touches.decay_by_days(found, half_life_days)
    else:
        share = touches.decay_by_steps(found, half_life_steps)
    size = len(found.channels)
    conversions, value = found.amounts
    return summed(found.touch, share * conversions, size), summed(found.touch, share * value, size)


def _methods(methods: Iterable[str] | str | None) -> list[str]:
    if methods is None:
        return list(METHODS)
    wanted = [methods] if isinstance(methods, str) else list(dict.fromkeys(methods))
    unknown = [str(name) for name in wanted if name not in METHODS]
    if unknown:
        raise BadInput(f"There is no method {', '.join(unknown)}.", f"There are {', '.join(METHODS)}.")
    return wanted


def _check_half_life(unit: str, half_life: object) -> None:
    if half_life is None:
        return
    if isinstance(half_life, bool) or not isinstance(half_life, Real) or not 0 < float(half_life) < np.inf:
        raise BadInput(f"The half-life is {half_life!r} {unit}.", "Expected a number above 0.")
