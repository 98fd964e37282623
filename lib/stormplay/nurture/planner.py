"""Who is contacted when: people, steps and rules in, a schedule out. Pure; the rules are applied here and nowhere else.

No contact that comes out of here breaks consent, quiet hours, a cap or the standing holdout, whatever goes in: each is
checked at the contact's own moment, on the recipient's own clock. Contacts only ever move later, never earlier.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stormplay.nurture.clock import DAY, HOUR, Clock, Seconds
from stormplay.nurture.people import Flags, People
from stormplay.nurture.rules import CHANNELS, CODE, PASSING, Channel, Rules
from stormplay.nurture.sequences import Step

NEVER = np.iinfo(np.int64).min
_FAR = np.iinfo(np.int64).max // 4
_NO_WAY: dict[Channel, int] = {
    "door": CODE["no address"],
    "call": CODE["no phone"],
    "text": CODE["no phone"],
    "email": CODE["no e-mail address"],
    "mail": CODE["no address"],
}
Codes = NDArray[np.int8]


@dataclass(frozen=True)
class Plan:
    """What would be done, one row a person in the order of `People`, one column a step.

    Attributes:
        at_s: Seconds since 1970 (UTC), or NEVER where the step is refused.
        code: 0 where the step is scheduled, else the place of its reason in `REASONS`.
    """

    at_s: Seconds
    code: Codes

    @property
    def is_scheduled(self) -> Flags:
        """Per person, whether any step is."""
        found: Flags = (self.code == 0).any(axis=1)
        return found

    @property
    def refusal(self) -> Codes:
        """Per person the reason of the first step, 0 where any step is scheduled."""
        return np.where(self.is_scheduled, 0, self.code[:, 0]).astype(np.int8)


def plan(people: People, steps: Sequence[Step], start_s: int, rules: Rules, *, keep_first_delay: bool = True) -> Plan:
    """Place every step for every person.

    A step comes its delay after the step before (a refused one counts at the moment it was meant for), and later where
    quiet hours or a cap want it. A step refused by one channel's no, or for want of a number, leaves the others.

    Args:
        people: Whom, with all that is known of them.
        steps: In order.
        start_s: Seconds since 1970 (UTC).
        rules: The company's limits.
        keep_first_delay: Whether the first step waits its own delay after the start.

    Returns:
        The plan; every person has a scheduled step or a reason.
    """
    n, count = len(people), len(steps)
    made = Plan(np.full((n, count), NEVER), np.zeros((n, count), dtype=np.int8))
    delays = [step.delay_s for step in steps]
    if not keep_first_delay:
        delays[0] = 0
    reach_s = (rules.window_days + rules.longest_wait_days + 3) * DAY
    clock = people.clock(start_s - reach_s, start_s + sum(delays) + (count + 1) * reach_s)
    barred = people.barred()
    made.code[:] = barred[:, None]
    for group in _groups(people, np.flatnonzero(barred == 0), clock, rules, start_s - reach_s, spare=count):
        before = np.full(group.rows.size, start_s, dtype=np.int64)
        for k, step in enumerate(steps):
            meant = before + delays[k]
            at_s, waits_too_long = group.place(meant, step.channel)
            code = _first_of(
                *_no_way(people, step.channel, group.rows, rules),
                people.refused(step.channel, group.rows, at_s),
                waits_too_long * CODE["cap reached"],
            )
            goes = code == 0
            made.code[group.rows, k] = code
            made.at_s[group.rows, k] = np.where(goes, at_s, NEVER)
            group.add(np.where(goes, at_s, _FAR))
            before = np.where(goes, at_s, meant)
    return made


def why_not(people: People, channels: Sequence[Channel | None], at_s: int, rules: Rules) -> Codes:
    """Why each person may not be contacted by a channel at this moment; 0 where nothing speaks against it.

    Args:
        people: Whom.
        channels: One a person; None: only what speaks against any contact.
        at_s: Seconds since 1970 (UTC).
        rules: The company's limits.
    """
    code = people.barred()
    number = np.array([-1 if one is None else CHANNELS.index(one) for one in channels], dtype=np.int64)
    reach_s = (rules.window_days + 2) * DAY
    clock = people.clock(at_s - reach_s, at_s + reach_s)
    silent = np.flatnonzero((code == 0) & (number == -1))
    code[silent] = people.refused(None, silent, np.full(silent.size, at_s, dtype=np.int64))
    for k, channel in enumerate(CHANNELS):
        mine = np.flatnonzero((code == 0) & (number == k))
        for group in _groups(people, mine, clock, rules, at_s - reach_s, spare=0):
            now = np.full(group.rows.size, at_s, dtype=np.int64)
            code[group.rows] = _first_of(
                *_no_way(people, channel, group.rows, rules),
                people.refused(channel, group.rows, now),
                group.capped(now)[0] * CODE["cap reached"],
                ~clock.is_open(group.zone, now, rules.hours(channel)) * CODE["quiet hours"],
            )
    return code


def passes(code: Codes) -> Flags:
    """Whether an objection passes by itself, so that the contact may come later."""
    return np.isin(code, PASSING)


def _first_of(*codes: NDArray[np.integer]) -> Codes:
    """The first objection of each person."""
    found = np.zeros(codes[0].shape, dtype=np.int8)
    for one in codes:
        found = np.where(found == 0, one, found).astype(np.int8)
    return found


def _no_way(people: People, channel: Channel, rows: NDArray[np.intp], rules: Rules) -> tuple[Codes, Codes]:
    """Who cannot be reached; and where nobody knows what time it is there, a channel with hours is not used."""
    lacks = np.where(people.lacks(channel)[rows], _NO_WAY[channel], 0).astype(np.int8)
    lost = people.clock_unknown[rows] & (rules.hours(channel) is not None)
    return lacks, np.where(lost, CODE["time zone unknown"], 0).astype(np.int8)


@dataclass(frozen=True)
class _Group:
    """People with alike many contacts: their rows, zones, and a matrix of contacts in order, filled up with 'far'."""

    rows: NDArray[np.intp]
    zone: NDArray[np.intp]
    contacts: Seconds
    clock: Clock
    rules: Rules

    def add(self, at_s: Seconds) -> None:
        """Count a contact more, each; the last column is spare."""
        self.contacts[:, -1] = at_s
        self.contacts.sort(axis=1)

    def place(self, meant: Seconds, channel: Channel) -> tuple[Seconds, Flags]:
        """The first moment from `meant` on that hours and caps allow, and whether that is too long to wait."""
        hours = self.rules.hours(channel)
        at_s = self.clock.next_open(self.zone, meant, hours)
        last = meant + self.rules.longest_wait_days * DAY
        unsettled = np.arange(meant.size)
        while unsettled.size:
            capped, free_at = self.capped(at_s[unsettled], unsettled)
            unsettled, free_at = unsettled[capped], free_at[capped]
            at_s[unsettled] = self.clock.next_open(self.zone[unsettled], free_at, hours)
            unsettled = unsettled[at_s[unsettled] <= last[unsettled]]
        return at_s, at_s > last

    def capped(self, at_s: Seconds, some: NDArray[np.intp] | slice = slice(None)) -> tuple[Flags, Seconds]:
        """Whether one more contact at `at_s` would be one too many, and the next moment worth trying.

        Two contacts share a window where they are less than `window_days` days of 24 hours apart, or where both dates
        fall within `window_days` dates: the two differ by an hour where the clocks change.
        """
        zone, contacts, most = self.zone[some], self.contacts[some], self.rules.per_window
        known = contacts < _FAR
        wide = np.broadcast_to(zone[:, None], contacts.shape)
        date = np.where(known, self.clock.local(wide, np.where(known, contacts, 0)) // DAY, _FAR)
        today = self.clock.local(zone, at_s) // DAY
        full_day = (date == today[:, None]).sum(axis=1) >= self.rules.per_day
        midnight = np.maximum(self.clock.utc(zone, (today + 1) * DAY), at_s + 1)
        free_at = np.where(full_day, midnight, at_s)
        if contacts.shape[1] < most:
            return full_day, free_at
        # Any `per_window` contacts in a row, and this one, within one window.
        first, last = contacts[:, : contacts.shape[1] - most + 1], contacts[:, most - 1 :]
        span_s = np.maximum(last, at_s[:, None]) - np.minimum(first, at_s[:, None])
        first_date, last_date = date[:, : first.shape[1]], date[:, most - 1 :]
        span_days = np.maximum(last_date, today[:, None]) - np.minimum(first_date, today[:, None])
        window_s = self.rules.window_days * DAY
        full = (last < _FAR) & ((span_s < window_s) | (span_days < self.rules.window_days))
        # Later alone helps: until the first of the row leaves the window, or, where clocks went back, the date changes.
        leaves = np.where(span_s < window_s, first + window_s, at_s[:, None] + HOUR)
        after = np.where(full, leaves, 0).max(axis=1)
        full_window = full.any(axis=1)
        free_at = np.where(full_window, np.maximum(np.where(full_day, free_at, after), after), free_at)
        return full_day | full_window, free_at


def _groups(
    people: People, rows: NDArray[np.intp], clock: Clock, rules: Rules, since_s: int, *, spare: int
) -> Iterator[_Group]:
    """Rows in groups, since one home with a thousand contacts would make a matrix of a thousand columns for all.

    The last `spare` columns, at least one, are left far away for contacts to come.
    """
    recent = people.contact_at_s > since_s
    row, at_s = people.contact_row[recent], people.contact_at_s[recent]
    order = np.lexsort((at_s, row))
    row, at_s = row[order], at_s[order]
    begins = np.searchsorted(row, np.arange(len(people) + 1))
    many = np.diff(begins)
    size = np.where(many == 0, 0, 1 << np.ceil(np.log2(np.maximum(many, 1))).astype(np.int64))[rows]
    for width in np.unique(size):
        mine = rows[size == width]
        matrix = np.full((mine.size, int(width) + max(spare, 1)), _FAR, dtype=np.int64)
        column = np.arange(width)
        there = column < many[mine][:, None]
        matrix[:, :width][there] = at_s[(begins[mine][:, None] + column)[there]]
        yield _Group(mine, people.zone[mine], matrix, clock, rules)
