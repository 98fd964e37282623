"""What the household half of the page knows: who may do what, and one household as it is opened."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pandas as pd

from stormplay.errors import BadInput

WRITERS = ("operator", "analyst", "admin")


class Graph(Protocol):
    """What the page needs of a `stormplay.IdentityGraph`."""

    def look_up(self, typed: str, limit: int = 8) -> Any: ...  # noqa: D102
    def get_household(self, identity_id: Any) -> Any: ...  # noqa: D102
    def briefs(self, identity_ids: Collection[Any]) -> dict[str, Any]: ...  # noqa: D102
    def figures(self) -> Any: ...  # noqa: D102
    def events(self, identity_id: Any = None, limit: int = 100) -> pd.DataFrame: ...  # noqa: D102
    def preview_merge(self, one: Any, other: Any) -> Any: ...  # noqa: D102
    def merge(self, one: Any, other: Any, reason: str = "") -> Any: ...  # noqa: D102
    def preview_separation(self, identifiers: Collection[Any]) -> Any: ...  # noqa: D102
    def separate(self, identifiers: Collection[Any], reason: str = "") -> Any: ...  # noqa: D102
    def undo(self, event_id: Any, reason: str = "") -> Any: ...  # noqa: D102
    def proposals(self, state: str = "waiting", limit: int = 100) -> pd.DataFrame: ...  # noqa: D102
    def decide(self, proposal_id: Any, yes: bool, reason: str = "") -> Any: ...  # noqa: D102
    def reopen(self, proposal_id: Any) -> Any: ...  # noqa: D102
    def export_person(self, identity_id: Any) -> dict[str, Any]: ...  # noqa: D102
    def erase_person(self, identity_id: Any, reason: str = "", *, with_address: bool = False) -> Any: ...  # noqa: D102


class Profiles(Protocol):
    """What the page needs of a `stormplay.BehavioralProfileService`."""

    def get_profile(self, identity_id: Any) -> Any: ...  # noqa: D102
    def of_homes(self, property_ids: Collection[Any]) -> Any: ...  # noqa: D102


Nightly = Callable[..., Any]
"""Compares all households of a tenant, such as `stormplay.identity.nightly(tenant, progress)`."""


@dataclass(frozen=True)
class Company:
    """The company whose graph is open, and what this person may do in it.

    Attributes:
        tenant: Slug or id.
        graph, profiles: Its identities and their profiles.
        role: Of this person; the database decides, this only hides buttons.
    """

    tenant: str
    graph: Graph
    profiles: Profiles
    role: str

    @property
    def may_write(self) -> bool:
        """Whether this person may merge, take apart and answer."""
        return self.role in WRITERS

    @property
    def may_tell(self) -> bool:
        """Whether this person may export and erase a person."""
        return self.role == "admin"

    def open(self, identity_id: str) -> Household:
        """Open a household, without its profile yet.

        Raises:
            BadInput: There is no such household.
        """
        found = self.graph.get_household(identity_id)
        if not found.identity_id:
            raise BadInput("There is no such household any more.", "", "Look it up again.")
        return Household(found.identity_id, found.identifiers, found.links)


@dataclass(frozen=True)
class Household:
    """One household on the page.

    Attributes:
        identity_id: Its identity.
        identifiers, links: As `IdentityGraph.get_household` gives them.
        profile: As `BehavioralProfileService.get_profile`; None: not read yet.
    """

    identity_id: str
    identifiers: list[dict[str, Any]]
    links: pd.DataFrame
    profile: Any = None

    def with_profile(self, profiles: Profiles) -> Household:
        """With what it has done with us."""
        return replace(self, profile=profiles.get_profile(self.identity_id))

    @property
    def own(self) -> list[dict[str, Any]]:
        """Identifiers that belong to it, without those that join nobody."""
        return [one for one in self.identifiers if one["joins"]]

    @property
    def homes(self) -> list[str]:
        """property_ids."""
        return [str(one["property_id"]) for one in self.own if one["property_id"]]

    @property
    def places(self) -> list[str]:
        """Addresses of its homes."""
        return list(dict.fromkeys(one["address"] for one in self.own if one["address"]))

    @property
    def owners(self) -> list[str]:
        """Names of the owners of its homes."""
        return list(dict.fromkeys(one["owner"] for one in self.own if one["owner"]))

    @property
    def label(self) -> str:
        """What it is called: its first home and owner, or else its most telling value."""
        first = [part[0] for part in (self.places, self.owners) if part]
        return " · ".join(first) or next((str(one["value"]) for one in self.own), "a household without values")

    def shown(self, one: dict[str, Any]) -> str:
        """An identifier's value; of a home its address."""
        return str(one["address"] or one["value"])

    def nodes(self) -> pd.DataFrame:
        """Its identifiers as `charts.network` takes them."""
        columns = ["identifier_id", "type", "joins", "verified", "households", "strength"]
        rows = [{**{name: one[name] for name in columns}, "label": self.shown(one)} for one in self.identifiers]
        return pd.DataFrame(rows, columns=[*columns, "label"])
