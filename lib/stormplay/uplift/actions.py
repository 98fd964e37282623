"""The next best action: what the uplift is worth, and what consent and contacts leave open. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from stormplay.uplift.encoding import Floats

Flags = NDArray[np.bool_]

ACTIONS = ("wait", "door_visit", "call", "text", "email", "mail")
CHANNELS = ("all", "door", "call", "text", "email", "mail")
"""What an owner can refuse, as in the table suppressions."""

WORTH_A_WORD = 0.02
WORTH_A_CALL = 0.05
WORTH_A_VISIT = 0.10


def next_actions(
    uplift: Floats, has_phone: Flags, has_email: Flags, refused: Mapping[str, Flags]
) -> NDArray[np.str_]:  # fmt: skip
    """Name the next best action per home.

    A visit where it adds ten signatures in a hundred or more; a call, else a visit, from five on; then a text, an
    e-mail or a letter; to wait where it adds less than two. A channel that the owner refused is never named.

    Args:
        uplift: Expected uplift per home, a probability difference.
        has_phone, has_email: Whether the home can be called or texted, or written to.
        refused: Per channel of `CHANNELS`, which homes refused it; a channel that is not there was refused by nobody.

    Returns:
        One of `ACTIONS` per home.
    """
    return np.array(ACTIONS)[action_codes(uplift, has_phone, has_email, refused)]


def action_codes(
    uplift: Floats, has_phone: Flags, has_email: Flags, refused: Mapping[str, Flags]
) -> NDArray[np.int64]:  # fmt: skip
    """Like `next_actions`, as places in `ACTIONS`."""
    nobody = np.zeros(len(uplift), dtype=bool)
    no = {channel: np.asarray(refused.get(channel, nobody), dtype=bool) for channel in CHANNELS}
    rules = [
        ("wait", no["all"] | ~(uplift >= WORTH_A_WORD)),  # also where the uplift is missing
        ("door_visit", (uplift >= WORTH_A_VISIT) & ~no["door"]),
        ("call", (uplift >= WORTH_A_CALL) & has_phone & ~no["call"]),
        ("door_visit", (uplift >= WORTH_A_CALL) & ~no["door"]),
        ("text", has_phone & ~no["text"]),
        ("email", has_email & ~no["email"]),
        ("mail", ~no["mail"]),
    ]
    conditions = [condition for _, condition in rules]
    return np.select(conditions, [ACTIONS.index(name) for name, _ in rules], ACTIONS.index("wait")).astype(np.int64)
