"""The demo's cast: three real storms and two synthetic companies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SEED = 23
MAIN_STORM = "2021-04-28"


@dataclass(frozen=True)
class Storm:
    """A real storm of the demo: its slug (the local date), its name and where it stands."""

    slug: str
    name: str
    status: str

    @property
    def day(self) -> date:
        """The local date."""
        return date.fromisoformat(self.slug)

    @property
    def midnight(self) -> pd.Timestamp:
        """Midnight UTC of that date."""
        import pandas as pd  # noqa: PLC0415 - a second of each start, and who signs in needs no calendar

        return pd.Timestamp(self.slug, tz="UTC")


STORMS = (
    Storm(MAIN_STORM, "North Tarrant County hail, 28 April 2021", "active"),
    Storm("2020-04-28", "Saginaw to Mansfield hail, 28 April 2020", "closed"),
    Storm("2016-03-17", "Fort Worth and Arlington hail, 17 March 2016", "closed"),
)


@dataclass(frozen=True)
class Company:
    """What a synthetic tenant is made of.

    Attributes:
        slug, org_name: The tenant's names.
        depot: Latitude and longitude in degrees where crews start; None for open routes.
        homes: Counts in the ZIP codes of the main storm, of the past storms, and beside all.
        phones: How many homes have a telephone number.
        known_share: Share of the main storm's outcomes known already.
        undecided: Slugs of storms that this tenant never decided on.
    """

    slug: str
    org_name: str
    depot: tuple[float, float] | None
    homes: tuple[int, int, int]
    phones: int
    known_share: float
    undecided: tuple[str, ...] = ()


COMPANIES = (
    Company("lone-star", "Lone Star Roofing (demo)", (32.84, -97.29), (4_350, 1_300, 350), 3_000, 0.5),
    Company("trinity", "Trinity Roof & Restoration (demo)", None, (920, 400, 180), 900, 0.2, ("2016-03-17",)),
)


@dataclass(frozen=True)
class DemoPerson:
    """Somebody who can sign in to the demo: user name, the name to show, and the tenants they work for."""

    username: str
    shown: str
    tenants: tuple[str, ...]
    role: str = "admin"


PEOPLE = (
    DemoPerson("ana", "Ana Torres", ("lone-star",)),
    DemoPerson("ben", "Ben Okafor", ("trinity",)),
    DemoPerson("vic", "Vic Larsen", ("lone-star", "trinity")),
)

PASSWORD = "hailstorm-1"  # noqa: S105 - of the demo's people, printed by 'make up'; over synthetic rows alone
