"""Two arms and who signed in each: the difference of the rates and their ratio, with intervals. Pure.

Both intervals are put together from Wilson's limits of each arm (MOVER: the method of variance estimates recovery),
so they stay within what a rate can be and keep their promise at the few signatures in a hundred that this trade sees,
where the textbook interval (Wald) does not.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from stormplay.errors import BadInput

Floats = NDArray[np.float64]


def difference_interval(
    converted: int, n: int, control_converted: int, control_n: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval of the treated rate less the control rate: Newcombe's hybrid score interval.

    Newcombe, 'Interval estimation for the difference between independent proportions', Statistics in Medicine 17
    (1998), method 10.

    Args:
        converted: Treated homes that signed.
        n: Treated homes whose outcome is known.
        control_converted: Held-out homes that signed.
        control_n: Held-out homes whose outcome is known.
        confidence: Share of such intervals that hold the truth, between 0 and 1.

    Returns:
        Low and high, as differences of rates: 0.04 is four signatures more in a hundred homes. (-1, 1), that is
        nothing known, where an arm is empty.

    Raises:
        BadInput: A count is negative or no whole number, more signed than there are, or the confidence is none.
    """
    if not _is_measurable(converted, n, control_converted, control_n, confidence):
        return -1.0, 1.0
    low, high = newcombe(converted, n, control_converted, control_n, confidence)
    return float(low), float(high)


def relative_lift_interval(
    converted: int, n: int, control_converted: int, control_n: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval of the relative lift, treated rate / control rate - 1: MOVER on Wilson's limits.

    Donner and Zou, 'Closed-form confidence intervals for functions of the normal mean and standard deviation',
    Statistical Methods in Medical Research 21 (2012); Newcombe, 'MOVER-R confidence intervals for ratios and products
    of two independent quantities', the same 25 (2016).

    Args:
        converted: Treated homes that signed.
        n: Treated homes whose outcome is known.
        control_converted: Held-out homes that signed.
        control_n: Held-out homes whose outcome is known.
        confidence: Share of such intervals that hold the truth, between 0 and 1.

    Returns:
        Low and high: 0.5 is half as many again. Where no held-out home has signed the ratio has no upper end and high
        is infinite; low still says something. (-1, infinity), that is nothing known, where an arm is empty.

    Raises:
        BadInput: As `difference_interval`.
    """
    if not _is_measurable(converted, n, control_converted, control_n, confidence):
        return -1.0, math.inf
    treated_low, treated_high = wilson(converted, n, confidence)
    control_low, control_high = wilson(control_converted, control_n, confidence)
    rate, control_rate = converted / n, control_converted / control_n
    low, high = mover_ratio(rate, treated_low, treated_high, control_rate, control_low, control_high)
    return float(low) - 1, float(high) - 1


def _is_measurable(converted: int, n: int, control_converted: int, control_n: int, confidence: float) -> bool:
    """Whether both arms have a home, once it is known that what was given can be."""
    check_counts(converted, n, control_converted, control_n)
    check_confidence(confidence)
    return bool(n and control_n)


def wilson(converted: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Wilson's score interval of a rate, for arrays of any one shape; (0, 1) where n is 0.

    Wilson, 'Probable inference, the law of succession, and statistical inference', JASA 22 (1927).
    """
    x, m = np.asarray(converted, dtype=np.float64), np.asarray(n, dtype=np.float64)
    z = critical_value(confidence)
    rate = x / np.where(m > 0, m, 1)
    middle = (2 * x + z**2) / (2 * (m + z**2))
    half = z * np.sqrt(z**2 + 4 * x * (1 - rate)) / (2 * (m + z**2))
    # Exactly 0 and 1 at the ends: rounding must not leave a limit on the wrong side of its rate.
    low = np.where(x == 0, 0.0, np.minimum(middle - half, rate))
    high = np.where(x == m, 1.0, np.maximum(middle + half, rate))
    return low, high


def newcombe(
    converted: ArrayLike, n: ArrayLike, control_converted: ArrayLike, control_n: ArrayLike, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """`difference_interval` for arrays of counts that are known to be good; every n is 1 or more."""
    rate, control_rate = np.divide(converted, n), np.divide(control_converted, control_n)
    treated_low, treated_high = wilson(converted, n, confidence)
    control_low, control_high = wilson(control_converted, control_n, confidence)
    difference = rate - control_rate
    low = difference - np.hypot(rate - treated_low, control_high - control_rate)
    high = difference + np.hypot(treated_high - rate, control_rate - control_low)
    return low, high


def mover_ratio(
    top: ArrayLike,
    top_low: ArrayLike,
    top_high: ArrayLike,
    below: ArrayLike,
    below_low: ArrayLike,
    below_high: ArrayLike,
) -> tuple[Floats, Floats]:
    """Interval of top / below from independent intervals of each; `below` and its low end are 0 or more.

    A limit is the ratio r at which the interval of top - r * below just touches zero. The end towards which the
    divisor may vanish is infinite.
    """
    a, b = np.asarray(top, dtype=np.float64), np.asarray(below, dtype=np.float64)
    # A negative top is its mirror: what is low of one is high of the other.
    mirrored = a < 0
    a_down = np.where(mirrored, np.subtract(top_high, a), np.subtract(a, top_low))
    a_up = np.where(mirrored, np.subtract(a, top_low), np.subtract(top_high, a))
    near = _lower(np.abs(a), a_down, b, np.subtract(below_high, b), np.subtract(b, below_low))
    far = _upper(np.abs(a), a_up, b, np.subtract(b, below_low))
    return np.where(mirrored, -far, near), np.where(mirrored, -near, far)


def _lower(a: Floats, a_down: Floats, b: Floats, b_up: Floats, b_down: Floats) -> Floats:
    """The smaller root of (a - rb)^2 = a_down^2 + r^2 side^2, written so that nothing small is divided by."""
    side = np.where(a_down <= a, b_up, b_down)  # a negative ratio grows with the divisor
    spread = a**2 - a_down**2
    root = np.sqrt(np.maximum(a**2 * b**2 - (b**2 - side**2) * spread, 0))
    return _divided(spread, a * b + root, nothing=0.0)


def _upper(a: Floats, a_up: Floats, b: Floats, b_down: Floats) -> Floats:
    """The larger root, infinite where the divisor's low end is zero."""
    room = np.maximum(b**2 - b_down**2, 0)
    root = np.sqrt(np.maximum(a**2 * b**2 - room * (a**2 - a_up**2), 0))
    return _divided(a * b + root, room, nothing=np.inf)


def _divided(top: Floats, below: Floats, *, nothing: float) -> Floats:
    """top / below, with a word for 0 / 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((top == 0) & (below == 0), nothing, np.divide(top, below))


def difference_variance(
    converted: ArrayLike, n: ArrayLike, control_converted: ArrayLike, control_n: ArrayLike
) -> Floats:
    """Variance of the difference of two rates, for arrays of counts.

    Each arm is given one signature and one refusal more (Agresti and Caffo, The American Statistician 54, 2000), since
    an arm without a signature is not known without error.
    """
    return _variance(converted, n) + _variance(control_converted, control_n)


def _variance(converted: ArrayLike, n: ArrayLike) -> Floats:
    m = np.asarray(n, dtype=np.float64) + 2
    rate = (np.asarray(converted, dtype=np.float64) + 1) / m
    return np.asarray(rate * (1 - rate) / m)


def critical_value(confidence: float) -> float:
    """How many standard errors either side an interval of this confidence takes: 1.96 for 0.95.

    Raises:
        BadInput: The confidence is none.
    """
    return float(ndtri(0.5 + check_confidence(confidence) / 2))


def check_confidence(confidence: float) -> float:
    """The confidence as a float between 0 and 1, both excluded.

    Raises:
        BadInput: It is none.
    """
    if not 0 < confidence < 1:
        raise BadInput(f"The confidence is {confidence!r}.", "Expected a share between 0 and 1, such as 0.95.")
    return float(confidence)


def check_counts(converted: int, n: int, control_converted: int, control_n: int) -> None:
    """Refuse what cannot be the counts of two arms.

    Raises:
        BadInput: A count is negative or no whole number, or more signed than there are.
    """
    for arm, signed, homes in (("treated", converted, n), ("held out", control_converted, control_n)):
        if not 0 <= signed <= homes or signed != int(signed) or homes != int(homes):
            raise BadInput(
                f"{signed!r} of {homes!r} {arm} homes signed.",
                "Expected whole numbers from 0 up, and no more signed than there are.",
            )
