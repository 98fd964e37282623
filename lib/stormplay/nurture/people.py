"""All that is known of the people in question, as columns. Pure; `facts` reads it from the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stormplay.nurture.clock import Clock, Seconds
from stormplay.nurture.rules import CHANNELS, CODE, SAID_NO, Channel

Flags = NDArray[np.bool_]
ALL_CHANNELS = -1
FOR_EVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class People:
    """One entry a person in each column; lists of their own for contacts and refusals.

    Attributes:
        zone_names: IANA names, each good; `zone` counts in them.
        zone: Number of each person's zone.
        clock_unknown: Neither the home's zone nor the company's can be used.
        held_out: In the standing holdout, by decision or by draw.
        converted, do_not_return: They signed; they told a crew never to come back.
        other: A further objection to any contact, a place in `REASONS`, or 0.
        has_phone, has_email, has_address: What there is to reach them by.
        contact_row, contact_at_s: Contacts there were and are to come, of any channel: whose, when (seconds, UTC).
        refusal_row, refusal_channel: Each no: whose, and the channel's place in CHANNELS or ALL_CHANNELS.
        refusal_from_s, refusal_until_s: From when on it binds, until when (FOR_EVER: it was not lifted).
    """

    zone_names: Sequence[str]
    zone: NDArray[np.intp]
    clock_unknown: Flags
    held_out: Flags
    converted: Flags
    do_not_return: Flags
    other: NDArray[np.int8]
    has_phone: Flags
    has_email: Flags
    has_address: Flags
    contact_row: NDArray[np.intp]
    contact_at_s: Seconds
    refusal_row: NDArray[np.intp]
    refusal_channel: NDArray[np.int64]
    refusal_from_s: Seconds
    refusal_until_s: Seconds

    def __len__(self) -> int:
        return self.zone.size

    def clock(self, begin_s: int, end_s: int) -> Clock:
        """The clocks of their zones."""
        return Clock(self.zone_names, begin_s, end_s)

    def barred(self) -> NDArray[np.int8]:
        """What speaks against any contact with each, the holdout before all else; 0: nothing."""
        found = np.where(self.do_not_return, CODE["do not return"], self.other)
        found = np.where(self.converted, CODE["converted"], found)
        return np.where(self.held_out, CODE["standing holdout"], found).astype(np.int8)

    def lacks(self, channel: Channel) -> Flags:
        """Who cannot be reached by a channel."""
        there = {"call": self.has_phone, "text": self.has_phone, "email": self.has_email}
        return ~there.get(channel, self.has_address)

    def refused(self, channel: Channel | None, rows: NDArray[np.intp], at_s: Seconds) -> NDArray[np.int8]:
        """Whose no binds at a moment each: a no to everything before one to the channel; 0: none does.

        Args:
            channel: By which channel; None: only a no to everything.
            rows: Which people, each once.
            at_s: Their moments.
        """
        place = np.full(len(self), -1, dtype=np.intp)
        place[rows] = np.arange(rows.size)
        found = np.zeros(rows.size, dtype=np.int8)
        said_no = [(ALL_CHANNELS, CODE["said no to all contact"])]
        if channel is not None:
            said_no.insert(0, (CHANNELS.index(channel), SAID_NO[CHANNELS.index(channel)]))
        for said, code in said_no:
            mine = np.flatnonzero((self.refusal_channel == said) & (place[self.refusal_row] >= 0))
            at = place[self.refusal_row[mine]]
            binds = (self.refusal_from_s[mine] <= at_s[at]) & (at_s[at] < self.refusal_until_s[mine])
            found[at[binds]] = code
        return found
