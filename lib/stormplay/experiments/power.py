"""How many homes it takes to see an effect, and which effect can be seen with the homes there are. Pure.

Both by the arcsine transform of a rate, for a two-sided test that is made once (Cohen, 'Statistical Power Analysis for
the Behavioral Sciences', 1988, chapter 6). Who looks daily needs about half as many homes again.
"""

from __future__ import annotations

import math

from scipy.special import ndtri

from stormplay.errors import BadInput
from stormplay.experiments.assignment import TREAT_SHARE
from stormplay.experiments.intervals import critical_value

POWER = 0.8


def needed_sample(
    control_rate: float,
    treated_rate: float,
    treat_share: float = TREAT_SHARE,
    power: float = POWER,
    confidence: float = 0.95,
) -> tuple[int, int]:
    """How many homes must be treated and held out to see the difference of two rates.

    Args:
        control_rate: Share that signs without a visit.
        treated_rate: Share that signs with one.
        treat_share: Share of the homes that is treated.
        power: Share of such experiments whose interval then excludes zero.
        confidence: Of that interval.

    Returns:
        Treated and held-out homes whose outcome must be known.

    Raises:
        BadInput: A share is not between 0 and 1, or the rates are equal: no sample shows that.
    """
    _check({"control rate": control_rate, "treated rate": treated_rate}, closed=True)
    _check({"treated share": treat_share, "power": power})
    distance = abs(_angle(treated_rate) - _angle(control_rate))
    if not distance:
        raise BadInput(f"Both rates are {control_rate!r}.", "Expected two that differ.")
    unit = (_reach(power, confidence) / distance) ** 2
    return math.ceil(unit / (1 - treat_share)), math.ceil(unit / treat_share)


def still_needed(
    converted: int, n: int, control_converted: int, control_n: int, treat_share: float = TREAT_SHARE
) -> tuple[int, int] | None:
    """How many more homes with a known outcome would show the difference that was seen, if it is the true one.

    A plan, no finding: a difference that was seen by chance asks for too few. Counted for one look; who looks daily
    needs about half as many again.

    Args:
        converted, n: Signed and known of the treated homes.
        control_converted, control_n: Signed and known of the held-out homes.
        treat_share: Share of the homes that is treated.

    Returns:
        Treated and held-out homes more, each 0 where there are enough; None where an arm is empty or both rates are
        equal.

    Raises:
        BadInput: A rate or the share is not between 0 and 1.
    """
    if not (n and control_n) or converted * control_n == control_converted * n:
        return None
    treated, held = needed_sample(control_converted / control_n, converted / n, treat_share)
    return max(0, treated - n), max(0, held - control_n)


def minimal_detectable_effect(
    control_rate: float, n: int, control_n: int, power: float = POWER, confidence: float = 0.95
) -> float:
    """The smallest rise over the control rate that a sample would show.

    Args:
        control_rate: Share that signs without a visit.
        n: Treated homes whose outcome is known.
        control_n: Held-out homes whose outcome is known.
        power: Share of such experiments whose interval would exclude zero.
        confidence: Of that interval.

    Returns:
        A difference of rates; infinite where no rise of that rate could be shown.

    Raises:
        BadInput: A share is not between 0 and 1, or a count is negative.
    """
    _check({"control rate": control_rate}, closed=True)
    _check({"power": power})
    if min(n, control_n) < 0:
        raise BadInput(f"There are {n!r} treated and {control_n!r} held-out homes.", "Expected counts from 0 up.")
    if not (n and control_n):
        return math.inf
    angle = _angle(control_rate) + _reach(power, confidence) * math.sqrt(1 / n + 1 / control_n)
    return math.sin(angle / 2) ** 2 - control_rate if angle <= math.pi else math.inf


def _angle(rate: float) -> float:
    return 2 * math.asin(math.sqrt(rate))


def _reach(power: float, confidence: float) -> float:
    """Standard errors between no effect and one that is seen so often."""
    return critical_value(confidence) + float(ndtri(power))


def _check(shares: dict[str, float], *, closed: bool = False) -> None:
    for name, share in shares.items():
        if not (0 <= share <= 1 if closed else 0 < share < 1):
            raise BadInput(f"The {name} is {share!r}.", "Expected a share between 0 and 1.")
