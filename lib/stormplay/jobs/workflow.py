"""The status machine of a job: which statuses there are, what may follow what, and what each counts as. Pure.

A tenant may rename statuses, add some and change what may follow what, by a plain list (`from_json`). What a
status counts as (its reach: knocked, contacted, inspected, signed) keeps every rate comparable whatever a tenant
calls things.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from stormplay.errors import BadInput, IllegalTransition

# How far a visit came, each including the ones before.
REACHES = ("none", "knocked", "contacted", "inspected", "signed")
LONGEST_NOTE = 5_000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class Status:
    """One status of a job.

    Attributes:
        name: As stored, such as `en_route`.
        label: As people read it, such as 'En route'.
        follows: Names of the statuses that may come next.
        reach: How far the visit came, one of `REACHES`; it counts in the rates.
        ends: Whether nobody goes there any more for this storm; it counts in `completion_pct`.
        stale_after_days: Days in this status after which somebody should look; None: never.
        suppresses: Whether the owner said no to us: the address goes on the suppression ledger.
        colour: Hex colour on map and badges.
    """

    name: str
    label: str
    follows: tuple[str, ...]
    reach: str = "none"
    ends: bool = False
    stale_after_days: int | None = None
    suppresses: bool = False
    colour: str = "#64748b"


class Workflow:
    """A status machine: statuses by name, in the order in which people read them.

    Args:
        statuses: In order; the first one is where a job begins.

    Raises:
        BadInput: A name is not plain or stands twice, a status follows that there is not, or no status ends.
    """

    def __init__(self, statuses: Iterable[Status]) -> None:
        given = list(statuses)
        self.statuses = {status.name: status for status in given}
        self._check(given)

    @property
    def first(self) -> str:
        """The status in which a job begins."""
        return next(iter(self.statuses))

    def legal(self, current: str) -> tuple[str, ...]:
        """The statuses that may follow; to stay is always legal, and not among them.

        A status that the workflow does not know (it was renamed or dropped) may be left for any.
        """
        status = self.statuses.get(current)
        return tuple(self.statuses) if status is None else status.follows

    def check(self, current: str, wanted: str) -> Status:
        """The status wanted, if it may follow the current one.

        Raises:
            BadInput: There is no such status; the ones that there are are named.
            IllegalTransition: It may not follow; the ones that may are named.
        """
        if wanted not in self.statuses:
            raise BadInput(f"There is no status '{wanted}'.", f"Expected one of {', '.join(self.statuses)}.")
        if wanted != current and wanted not in self.legal(current):
            may = [self.label(name) for name in self.legal(current)]
            raise IllegalTransition(
                f"A job that is '{self.label(current)}' cannot become '{self.label(wanted)}'.",
                f"Next may be: {', '.join(may)}." if may else "Nothing follows it.",
                _WHY.get((current, wanted), ""),
            )
        return self.statuses[wanted]

    def label(self, name: str) -> str:
        """A status as people read it; an unknown one with its own name, spaced."""
        status = self.statuses.get(name)
        return status.label if status else name.replace("_", " ").capitalize()

    def names(self, *, reach: str | None = None, ends: bool | None = None) -> list[str]:
        """The names of statuses that reached at least so far, and that end or do not."""
        return [
            name for name, status in self.statuses.items()
            if (reach is None or REACHES.index(status.reach) >= REACHES.index(reach))
            and (ends is None or status.ends == ends)
        ]  # fmt: skip

    def to_json(self) -> list[dict[str, Any]]:
        """The machine as plain JSON, for storing; `from_json` reads it. A list: JSON objects have no order."""
        return [asdict(status) for status in self.statuses.values()]

    @classmethod
    def from_json(cls, given: Iterable[Mapping[str, Any]]) -> Workflow:
        """A machine from a list of {name, label, follows, reach, ends, stale_after_days, suppresses, colour}.

        All but the name may be left out.

        Raises:
            BadInput: Something of it cannot be used; it says what.
        """
        statuses = []
        known = set(Status.__dataclass_fields__)
        for fields in given:
            if not isinstance(fields, Mapping) or not isinstance(name := fields.get("name"), str):
                raise BadInput(f"A status is {fields!r}.", "Expected a name, what follows it and so on.")
            if unknown := set(fields) - known:
                raise BadInput(f"The status '{name}' has '{min(unknown)}'.", f"Expected {', '.join(sorted(known))}.")
            plain = {"label": name.replace("_", " ").capitalize(), "follows": (), **fields}
            statuses.append(Status(**{**plain, "follows": tuple(plain["follows"])}))
        return cls(statuses)

    def _check(self, given: list[Status]) -> None:
        if len(self.statuses) != len(given) or not given:
            raise BadInput("A status stands twice, or there is none.", "Expected each name once.")
        for status in given:
            if not _NAME.fullmatch(status.name):
                raise BadInput(f"'{status.name}' is not a status's name.", "Expected small letters, digits and _.")
            if status.reach not in REACHES:
                raise BadInput(f"'{status.name}' reaches '{status.reach}'.", f"Expected one of {', '.join(REACHES)}.")
            if not re.fullmatch(r"#[0-9a-fA-F]{6}", status.colour):
                raise BadInput(f"The colour of '{status.name}' is '{status.colour}'.", "Expected one like #1d4ed8.")
            for after in status.follows:
                if after not in self.statuses:
                    raise BadInput(f"'{after}' follows '{status.name}', and there is no such status.")
        if not any(status.ends for status in given):
            raise BadInput("No status ends a job.", "Expected at least one that does, or no route is ever complete.")


_WHY = {
    ("signed", "completed"): "The owner may cancel for three business days (FTC cooling-off rule); record 'Past "
    "rescission' when they are over.",
}
_ANY_VISIT = ("no_answer", "contacted", "inspected", "damage_documented", "completed", "lost", "do_not_return")

# What most companies use. 'Signed' and 'past rescission' are two: a home sale may be cancelled for three business
# days (FTC, 16 CFR 429). A visit that ends without damage is completed like any other.
DEFAULT = Workflow([
    Status("scheduled", "Scheduled", ("en_route", *_ANY_VISIT), stale_after_days=7, colour="#64748b"),
    Status("en_route", "En route", ("scheduled", *_ANY_VISIT), stale_after_days=1, colour="#0ea5e9"),
    Status("no_answer", "No answer", ("scheduled", "en_route", *_ANY_VISIT[1:]), reach="knocked",
           stale_after_days=5, colour="#a16207"),
    Status("contacted", "Contacted", ("scheduled", "no_answer", *_ANY_VISIT[2:], "signed"), reach="contacted",
           stale_after_days=5, colour="#2563eb"),
    Status("inspected", "Inspected", ("damage_documented", "signed", "completed", "lost", "do_not_return"),
           reach="inspected", stale_after_days=7, colour="#7c3aed"),
    Status("damage_documented", "Damage documented", ("signed", "completed", "lost", "do_not_return"),
           reach="inspected", stale_after_days=10, colour="#c026d3"),
    Status("signed", "Signed", ("past_rescission", "lost", "do_not_return"), reach="signed", stale_after_days=5,
           colour="#059669"),
    Status("past_rescission", "Past rescission", ("completed", "lost", "do_not_return"), reach="signed",
           stale_after_days=30, colour="#047857"),
    Status("completed", "Completed", ("damage_documented", "signed", "do_not_return"), reach="contacted", ends=True,
           colour="#166534"),
    Status("lost", "Lost", ("contacted", "do_not_return"), reach="contacted", ends=True, colour="#b91c1c"),
    Status("do_not_return", "Do not return", (), reach="contacted", ends=True, suppresses=True, colour="#111827"),
])  # fmt: skip


def check_note(notes: str) -> str:
    """What is written of a job, without blanks around it.

    Raises:
        BadInput: It is longer than 5,000 signs.
    """
    said = notes.strip()
    if len(said) > LONGEST_NOTE:
        raise BadInput(f"The note has {len(said):,} signs.", f"Expected at most {LONGEST_NOTE:,}.")
    return said
