"""Where the page of the treatment reads from: callables and what they give. The page itself knows no database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import pandas as pd

from stormplay.controls.plan import row_of
from stormplay.controls.treatment_state import Believed, Names, Treatment, Trial, Wanted
from stormplay.errors import ArmFixed, BadInput, UnknownModel


class Policy(Protocol):
    """What the page needs of a `stormplay.TreatmentPolicy`."""

    @property
    def rules(self) -> Any: ...  # noqa: D102
    def try_out(self, rules: Any = None) -> tuple[Any, pd.DataFrame]: ...  # noqa: D102
    def apply(self, rules: Any = None) -> Any: ...  # noqa: D102
    @property
    def kept_rules(self) -> Any: ...  # noqa: D102
    def exchange_rules(self, rules: Any, instead_of: Any) -> str: ...  # noqa: D102
    def ledger(self) -> pd.DataFrame: ...  # noqa: D102
    def history(self) -> pd.DataFrame: ...  # noqa: D102
    def decisions(self) -> pd.DataFrame: ...  # noqa: D102


class Trying(Protocol):
    """What the page needs of a `stormplay.experiments.Experiment`."""

    def read_out(self) -> Any: ...  # noqa: D102
    def pooled(self) -> Any: ...  # noqa: D102


class Models(Protocol):
    """What the page needs of a `stormplay.registry.ModelRegistry`."""

    def versions(self) -> pd.DataFrame: ...  # noqa: D102
    def champion(self) -> Any: ...  # noqa: D102
    def challenger(self) -> Any: ...  # noqa: D102
    def history(self, alias: str | None = None) -> pd.DataFrame: ...  # noqa: D102
    def trace(self, model_version: str) -> Any: ...  # noqa: D102
    def last_move(self, alias: str = "champion") -> int: ...  # noqa: D102
    def promote(self, version: int, reason: str, *, seen: int | None = None) -> int: ...  # noqa: D102
    def roll_back(self, reason: str, *, seen: int | None = None) -> int: ...  # noqa: D102


class Scorer(Protocol):
    """What the page needs of a `stormplay.uplift.UpliftScorer`."""

    def train(self, learner: str = "x", *, progress: Any = None) -> Any: ...  # noqa: D102
    def compare(self, version: Any = None, against: Any = None, *, progress: Any = None) -> Any: ...  # noqa: D102
    def score(self) -> Any: ...  # noqa: D102


@dataclass(frozen=True)
class Opened:
    """The four objects behind one storm's page."""

    policy: Policy
    experiment: Trying
    models: Models
    scorer: Scorer

    def read(self, wanted: Wanted, names: Names) -> Treatment:
        """Read all of it."""
        rules = self.policy.rules
        trial = self.tried(rules, wanted)
        return Treatment(
            *names,
            read_out=self.experiment.read_out(),
            pooled=self.experiment.pooled(),
            ledger=self.policy.ledger(),
            runs=self.policy.history(),
            rules=rules,
            trial=trial,
            models=self.believed(trial),
        )

    def tried(self, rules: Any, wanted: Wanted) -> Trial:
        """What the wanted rules would do; what cannot be used is said instead."""
        try:
            over = wanted.over(rules)
            return Trial(over, *self.policy.try_out(over))
        except (ArmFixed, BadInput) as error:
            return Trial(rules, None, pd.DataFrame(), str(error))

    def believed(self, trial: Trial) -> Believed:
        """Which models there are now."""
        text = "not scored" if trial.would is None else str(trial.would.model_version)
        named = () if text == "not scored" else tuple(text.split(", "))
        return Believed(
            named=named,
            cards=tuple(_found(lambda name=name: self.models.trace(name)) for name in named),  # type: ignore[misc]
            champion=_found(self.models.champion),
            challenger=_found(self.models.challenger),
            versions=self.models.versions(),
            moves=self.models.history(),
        )


@dataclass(frozen=True)
class Sources:
    """Where the page's frames come from; the page itself knows no database.

    Attributes:
        policy, experiment, scorer: Make the objects of a tenant's storm.
        models: Makes the registry of a tenant.
        tenants: Gives the tenants open to this person: `tenant_id`, `slug`, `org_name`, `role`, `is_synthetic`.
        storms: Gives a tenant's storms: `storm_id`, `slug`, `name`, `status`, `event_date`.
    """

    policy: Callable[[str, str], Policy]
    experiment: Callable[[str, str], Trying]
    models: Callable[[str], Models]
    scorer: Callable[[str, str], Scorer]
    tenants: Callable[[], pd.DataFrame]
    storms: Callable[[str], pd.DataFrame]

    def open(self, tenant: str, storm: str, wanted: Wanted) -> tuple[Opened, Treatment]:
        """Open a storm and read all of it.

        Raises:
            UnknownTenant: If no such tenant is open to this person.
            UnknownStorm: If the tenant has no such storm.
        """
        opened = Opened(self.policy(tenant, storm), self.experiment(tenant, storm), self.models(tenant),
                        self.scorer(tenant, storm))  # fmt: skip
        company = row_of(self.tenants(), "tenant_id", tenant)
        found = row_of(self.storms(tenant), "storm_id", storm)
        names = (tenant, storm, str(company["org_name"]), str(found["name"]), str(found["status"]),
                 str(company.get("role", "")), bool(company.get("is_synthetic")))  # fmt: skip
        return opened, opened.read(wanted, names)


def names_of(one: Treatment) -> Names:
    """What `Opened.read` asks for."""
    return (one.tenant, one.storm, one.company, one.storm_name, one.storm_status, one.role, one.is_synthetic)


def _found(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except UnknownModel:
        return None
