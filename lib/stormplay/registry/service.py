"""The registry of one tenant, each call a transaction of its own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pandas as pd

from stormplay import tenancy
from stormplay.registry import keeping, moves, tracing
from stormplay.registry.versions import Version
from stormplay.registry.versions import versions as all_versions


class ModelRegistry:
    """Finds, promotes, rolls back and traces a tenant's models.

    Args:
        tenant: The tenant's slug or id; a selection, never an authority.
        model_name: Which model the calls without a name are about.

    Raises:
        UnknownTenant: (at the first call) No such tenant is open to this person.
    """

    def __init__(self, tenant: str | UUID, model_name: str = "uplift") -> None:
        self.tenant, self.model_name = tenant, model_name

    def versions(self) -> pd.DataFrame:
        """All versions, newest first: the columns of `registry.Version`."""
        with tenancy.session(self.tenant) as connection:
            return all_versions(connection, self.model_name)

    def champion(self) -> Version:
        """The version whose numbers are in force; UnknownModel where there is none."""
        with tenancy.session(self.tenant) as connection:
            return moves.champion(connection, self.model_name)

    def challenger(self) -> Version:
        """The version that waits to be promoted; UnknownModel where there is none."""
        with tenancy.session(self.tenant) as connection:
            return moves.challenger(connection, self.model_name)

    def promote(self, version: int, reason: str, *, alias: str = "champion", seen: int | None = None) -> int:
        """Give a version the place of champion; see `registry.promote`."""
        with tenancy.session(self.tenant) as connection:
            return moves.promote(connection, self.model_name, version, reason, alias=alias, seen=seen)

    def roll_back(self, reason: str, *, alias: str = "champion", seen: int | None = None) -> int:
        """Give the place back to whoever held it before; see `registry.roll_back`."""
        with tenancy.session(self.tenant) as connection:
            return moves.roll_back(connection, self.model_name, reason, alias=alias, seen=seen)

    def last_move(self, alias: str = "champion") -> int:
        """The number of the newest move, to be given as `seen`; 0 where there was none."""
        with tenancy.session(self.tenant) as connection:
            return moves.last_move(connection, self.model_name, alias)

    def history(self, alias: str | None = None) -> pd.DataFrame:
        """Every move, oldest first; see `registry.history`."""
        with tenancy.session(self.tenant) as connection:
            return moves.history(connection, self.model_name, alias)

    def load(self, model_version: str) -> tuple[Version, dict[str, Any]]:
        """A version and what its model is made of; see `registry.load`."""
        with tenancy.session(self.tenant) as connection:
            return keeping.load(connection, model_version)

    def trace(self, model_version: str) -> tracing.Card:
        """The card of the model that a number names; see `registry.trace`."""
        with tenancy.session(self.tenant) as connection:
            return tracing.trace(connection, model_version)
