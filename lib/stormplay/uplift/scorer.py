"""`UpliftScorer`: train on what a company knows, measure it, compare versions, and score a storm."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import registry, tenancy
from stormplay.errors import BadInput, Cancelled, UnknownModel
from stormplay.uplift import comparing, features, judging, reasons, writing
from stormplay.uplift.actions import ACTIONS, action_codes
from stormplay.uplift.chosen import Chosen, choose
from stormplay.uplift.comparing import Comparison
from stormplay.uplift.crossfit import CrossFitted, cross_fit
from stormplay.uplift.fitting import fit
from stormplay.uplift.judging import Evaluation, as_plain
from stormplay.uplift.model import UpliftModel
from stormplay.uplift.reasons import Surrogate

MODEL = "uplift"
Progress = Callable[[float, str], bool]
"""Called with a fraction from 0 to 1 and what is being done; returns False once the work should stop."""
PURPOSE = "What a visit adds to the chance that an owner signs, home by home"


@dataclass(frozen=True)
class Scored:
    """What a scoring did.

    Attributes:
        model_version: The text that leads to the model.
        homes: Homes in the storm's swath.
        written: Of these, with a new belief; the others have one about a later storm.
        mean_uplift: Mean expected uplift over all of them.
        actions: Next best action to number of homes.
        reasons_r2: Share of these predictions that their reasons repeat.
        seconds: Step ('read', 'predict', 'reasons', 'write') to seconds.
    """

    model_version: str
    homes: int
    written: int
    mean_uplift: float
    actions: Mapping[str, int]
    reasons_r2: float
    seconds: Mapping[str, float]

    def __str__(self) -> str:
        return (
            f"{self.written:,} of {self.homes:,} homes scored by {self.model_version} in "
            f"{sum(self.seconds.values()):.1f} s; a visit adds {self.mean_uplift * 100:.1f} "
            "signatures in a hundred homes on average."
        )


class UpliftScorer:
    """The uplift of one storm's homes.

    Args:
        tenant: The tenant's slug or id; a selection, never an authority.
        storm: The storm's slug or id.

    Raises:
        UnknownTenant: No such tenant is open to this person.
        UnknownStorm: The tenant has no such storm.
        DatabaseUnavailable: Nothing answers.
    """

    def __init__(self, tenant: str | UUID, storm: str | UUID) -> None:
        self.tenant, self.storm = tenant, storm
        with tenancy.session(tenant) as connection:
            self.storm_id = tenancy.storm_id(connection, storm)
        self.models = registry.ModelRegistry(tenant, MODEL)

    def train(
        self, learner: str = "x", storms: Sequence[str | UUID] | None = None, *, base: str = "boosting", seed: int = 0,
        apart: str | None = None, note: str = "", progress: Progress | None = None,
    ) -> registry.Version:  # fmt: skip
        """Fit a model on homes whose outcome is known, measure it, and register it as challenger. For analysts.

        Args:
            learner: 's', 't', 'x', 'dr' or 'response'.
            storms: Slugs or ids; None: this storm and all before it, as far as their outcomes are known.
            base: 'boosting' or 'linear'.
            seed: The same data and seed give the same model.
            apart: What is kept apart to measure it, 'storm' or 'home'; None: by storm where there are five or more.
            note: Words to keep with it.
            progress: Told how far it is; may stop it.

        Returns:
            The version; its `metrics["sentences"]` say how well it does.

        Raises:
            TooLittleData: An arm or an outcome has too few homes, or no storm can be learnt from.
            Leakage: A column tells who was treated or who signed.
            UnknownStorm: The tenant has no such storm.
            NotAllowed: This person is no analyst of the company.
            Cancelled: `progress` said to stop; nothing was registered.
        """
        _tell(progress, 0.02, "Reading homes with a known outcome")
        with tenancy.session(self.tenant) as connection:
            chosen, rows = self._past(connection, storms)
        _tell(progress, 0.1, f"Fitting on {len(rows.treated):,} homes")
        params = {"learner": learner, "base": base, "seed": seed, "apart": apart}
        model = fit(rows.features, rows.treated, rows.signed, learner, seed, base=base, groups=rows.storm,
                    homes=rows.property_id, propensity=chosen.propensity(rows.storm))  # fmt: skip
        surrogate = reasons.learn(model.encoding, rows.features, model.predict(rows.features), seed)
        _tell(progress, 0.35, "Measuring it on homes that it has not seen")
        found = self._judged(rows, chosen, params, surrogate.r2)
        metrics = {**found.metrics(), "strongest": surrogate.strongest(rows.features)}
        _tell(progress, 0.95, "Keeping the version")
        payload = {**model.to_payload(), "reasons": surrogate.to_plain()}
        with tenancy.session(self.tenant) as connection:
            return registry.register(
                connection, MODEL, payload, purpose=PURPOSE, params=as_plain(params), metrics=metrics,
                data_fingerprint=rows.fingerprint(), feature_names=model.feature_names, note=note,
                trained_on=as_plain(chosen.trained_on(rows)),
                code_version=registry.code_version("stormplay.uplift", "scikit-learn"),
            )  # fmt: skip

    def evaluate(self, model_version: str | int | None = None) -> Evaluation:
        """Measure a version's way of fitting on what is known now of the storms that it was trained on.

        Every home is asked of a model that has not seen it, fitted as the version was; so this says how well models
        made like it do, with today's outcomes. Writes nothing.

        Args:
            model_version: The text or the number of a version; None: the champion, else the challenger.

        Raises:
            UnknownModel: There is no such version, or it was not trained.
            TooLittleData, Leakage: As `train`.
        """
        with tenancy.session(self.tenant) as connection:
            version = self._version(connection, model_version)
            _trained(version)
            chosen, rows = self._past(connection, version.trained_on["storms"])
        is_same = rows.fingerprint() == version.data_fingerprint
        notes = [] if is_same else [f"Outcomes have become known or changed since {version.model_version} was trained."]
        r2 = version.metrics.get("reasons_r2")
        return self._judged(rows, chosen, version.params, float("nan") if r2 is None else r2, notes)

    def compare(self, version: str | int | None = None, against: str | int | None = None, *,
                progress: Progress | None = None) -> Comparison:  # fmt: skip
        """Compare two versions' ways of fitting on the same homes, those of all storms that either was trained on.

        Every home is asked of models that have not seen it. Writes nothing.

        Args:
            version: The text or the number of a version; None: the challenger.
            against: Likewise; None: the champion.
            progress: Told how far it is; may stop it.

        Raises:
            UnknownModel: There is no such version, or it was not trained.
            BadInput: It is one version twice.
            TooLittleData, Leakage: As `train`.
            Cancelled: `progress` said to stop.
        """
        with tenancy.session(self.tenant) as connection:
            one = registry.challenger(connection, MODEL) if version is None else self._version(connection, version)
            other = self._version(connection, against, champion_only=True)
            for each in (one, other):
                _trained(each)
            if one.model_version == other.model_version:
                raise BadInput(f"{one.model_version} cannot be compared with itself.", "Expected two versions.")
            storms = dict.fromkeys([*one.trained_on["storms"], *other.trained_on["storms"]])
            chosen, rows = self._past(connection, list(storms))
        _tell(progress, 0.1, f"Asking {one.model_version} of homes that it has not seen")
        mine = self._crossed(rows, chosen, one.params, ["response"])
        _tell(progress, 0.5, f"Asking {other.model_version} of the same homes")
        theirs = self._crossed(rows, chosen, other.params)
        _tell(progress, 0.85, "Measuring the difference")
        predicted = {each.model_version: fitted.predicted[str(each.params["learner"])].to_numpy(dtype=np.float64)
                     for each, fitted in ((one, mine), (other, theirs))}  # fmt: skip
        same = (
            ["Both are fitted in the same way, so on the same homes they are one."]
            if one.params == other.params
            else []
        )
        response = mine.predicted["response"].to_numpy(dtype=np.float64)
        return comparing.compare(predicted, response, mine.treated, mine.outcome, [*same, *chosen.notes])

    def score(self, model_version: str | int | None = None) -> Scored:
        """Score every home in the storm's swath and write it to lead_uplift, whole or not at all. For analysts.

        Args:
            model_version: The text or the number of a version; None: the champion.

        Raises:
            UnknownModel: There is no such version, it was not trained, or there is no champion yet.
            ArtifactRefused: The model's file is not what was registered.
            WrongColumns: The version was fitted on other columns than this program reads.
            NotAllowed: This person is no analyst of the company.
        """
        took, began = {}, perf_counter()
        with tenancy.session(self.tenant) as connection:
            version = self._version(connection, model_version, champion_only=True)
            _, payload = registry.load(connection, version)
            homes = features.present(connection, self.storm_id, datetime.now(UTC))
        model = UpliftModel.from_payload(payload)
        surrogate = Surrogate.from_plain(model.encoding, payload["reasons"])
        took["read"], began = perf_counter() - began, perf_counter()
        uplift = model.predict(homes.features)
        action = action_codes(uplift, homes.has_phone, homes.has_email, homes.refused)
        took["predict"], began = perf_counter() - began, perf_counter()
        why, r2 = surrogate.explain(homes.features, uplift)
        took["reasons"], began = perf_counter() - began, perf_counter()
        with tenancy.session(self.tenant) as connection:
            written = writing.write(connection, self.storm_id, version.model_version, homes.property_id, uplift, action,
                                    why)  # fmt: skip
        took["write"] = perf_counter() - began
        counts = np.bincount(action, minlength=len(ACTIONS))
        named = {name: int(count) for name, count in zip(ACTIONS, counts, strict=True) if count}
        mean = float(uplift.mean()) if len(uplift) else float("nan")
        return Scored(version.model_version, len(homes), written, mean, named, r2, took)

    def _past(self, connection: Connection, storms: Sequence[str | UUID] | None) -> tuple[Chosen, features.Past]:
        arms = features.arms(connection)
        wanted = None if storms is None else [tenancy.storm_id(connection, storm) for storm in storms]
        day = connection.execute(text("SELECT event_date FROM storms WHERE storm_id = :id"), {"id": self.storm_id})
        chosen = choose(arms, wanted, day.scalar_one())
        return chosen, features.past(connection, chosen.storms, datetime.now(UTC))

    def _judged(
        self, rows: features.Past, chosen: Chosen, params: Mapping[str, Any], r2: float, notes: Sequence[str] = ()
    ) -> Evaluation:
        fitted = self._crossed(rows, chosen, params, ["response"])
        return judging.judge(
            fitted, str(params["learner"]), reasons_r2=r2, notes=[*chosen.notes, *notes], seed=int(params["seed"])
        )

    def _crossed(
        self, rows: features.Past, chosen: Chosen, params: Mapping[str, Any], beside: Sequence[str] = ()
    ) -> CrossFitted:
        """Every home asked of models fitted in a version's way that have not seen it."""
        learners = list(dict.fromkeys([str(params["learner"]), *beside]))
        return cross_fit(rows.features, rows.treated, rows.signed, learners, int(params["seed"]),
                         base=str(params["base"]), groups=rows.storm, homes=rows.property_id,
                         propensity=chosen.propensity(rows.storm), apart=params["apart"])  # fmt: skip

    def _version(
        self, connection: Connection, wanted: str | int | None, *, champion_only: bool = False
    ) -> registry.Version:
        if isinstance(wanted, int):
            return registry.find(connection, f"{MODEL}@{wanted}")
        if wanted is not None:
            return registry.find(connection, wanted)
        try:
            return registry.champion(connection, MODEL)
        except UnknownModel:
            if champion_only:
                raise
            return registry.challenger(connection, MODEL)


def _trained(version: registry.Version) -> None:
    if version.source != "trained":
        raise UnknownModel(f"'{version.model_version}' was not trained.", "Expected a trained version.")


def _tell(progress: Progress | None, fraction: float, doing: str) -> None:
    if progress is not None and not progress(fraction, doing):
        raise Cancelled("Stopped.", remedy="Nothing was changed.")
