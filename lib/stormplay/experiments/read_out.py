"""What one storm's experiment says, put together from counts. Pure; `experiment` reads the counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from stormplay.experiments.assignment import TREAT_SHARE
from stormplay.experiments.balance import Check, Covariate, known_check, size_check
from stormplay.experiments.estimate import Counts, Estimate, rate
from stormplay.experiments.pooling import Pooled, pool
from stormplay.experiments.reach import Exposure, Reach, exposure
from stormplay.experiments.sequential import always_valid_interval
from stormplay.experiments.strata import Stratified, Stratum, stratify
from stormplay.experiments.verdicts import Looks, Verdict, verdict

LAG_DAYS = 42
"""Signing lags by three to six weeks: a home decided later than this before the newest outcome may still sign."""

YOUNG_SHARE = 0.1
"""A storm is young while more than this share of its homes may still sign."""

SYNTHETIC = "Synthetic data: the homes, owners and outcomes of this company are made up."


@dataclass(frozen=True)
class Record:
    """One storm as it stands.

    Attributes:
        about: slug, name, org_name, is_synthetic, decided_at, observed_at (the newest of each; None: none); may have
            treat_share (what the policy drew; missing: no draw is kept).
        counts: One row an arm and band: is_treated, band (name), place (its order; NaN last), homes, known,
            converted, pending, reached, reached_known, reached_converted, immature.
        covariates: How alike the arms are.
    """

    about: pd.Series
    counts: pd.DataFrame
    covariates: tuple[Covariate, ...]


@dataclass(frozen=True)
class Arm:
    """One arm, as decided.

    Attributes:
        homes: All homes decided so.
        known, converted: Of these, those whose outcome is known, and who of them signed.
        pending: Those whose outcome is on the way.
        reached: Those at whose door we knocked or who were touched by a channel that can be ours.
    """

    homes: int
    known: int
    converted: int
    pending: int
    reached: int

    @property
    def unrecorded(self) -> int:
        """Homes of which nothing is written down yet."""
        return self.homes - self.known - self.pending

    @property
    def rate(self) -> float | None:
        """converted / known; None: not measurable yet."""
        return self.converted / self.known if self.known else None

    def __str__(self) -> str:
        """The rate with its numerator and denominator."""
        return rate(self.converted, self.known)


@dataclass(frozen=True)
class ReadOut:
    """The answer of one storm. All rates are of homes whose outcome is known, and as decided.

    Attributes:
        storm, org_name: Whose storm.
        is_synthetic: Whether the company's rows are made up.
        as_of: The newest outcome, or without one the newest decision; None: nothing was decided.
        confidence: Of all intervals.
        treated, held: The arms.
        difference: Treated rate less control rate, Newcombe's interval, good for one look.
        relative_lift: Treated rate / control rate - 1, MOVER interval.
        always_valid: The difference, with the interval that may be looked at daily.
        so_far: Signatures so far of all decided homes, those not known counted as unsigned: no home is left out, and
            it reads low until all outcomes are in.
        srm: The sizes of the arms against their shares, as a light.
        known: Whether outcomes are known equally often in both arms, as a light.
        covariates: How alike the arms are in what was known before.
        exposure: Who was reached.
        strata: The comparison within bands of modelled hail.
        immature: Homes decided less than six weeks before the newest outcome: they may still sign.
        is_young: Whether these are more than a tenth.
        verdict: The word, its sentence, its interval.
        notes: What to keep in mind, as sentences.
    """

    storm: str
    org_name: str
    is_synthetic: bool
    as_of: datetime | None
    confidence: float
    treated: Arm
    held: Arm
    difference: Estimate
    relative_lift: Estimate
    always_valid: Estimate
    so_far: Estimate
    srm: Check
    known: Check
    covariates: tuple[Covariate, ...]
    exposure: Exposure
    strata: Stratified
    immature: int
    is_young: bool
    verdict: Verdict
    notes: tuple[str, ...]

    @property
    def counts(self) -> Counts:
        """Who signed, of those whose outcome is known."""
        return known_counts(self.treated, self.held)


def known_counts(treated: Arm, held: Arm) -> Counts:
    """Who signed, of the homes of two arms whose outcome is known."""
    return Counts(treated.converted, treated.known, held.converted, held.known)


def put_together(
    found: Record, *, treat_share: float | None, confidence: float, margin: float, looks: Looks
) -> ReadOut:
    """The read-out of a record; see `Experiment.read_out`."""
    treated, held = (_arm(found.counts, is_treated) for is_treated in (True, False))
    counts = known_counts(treated, held)
    difference = counts.difference(confidence)
    srm = size_check(treated.homes, held.homes, _drawn(treat_share, found.about.get("treat_share")))
    known = known_check(treated.homes, treated.known, held.homes, held.known)
    immature = int(found.counts["immature"].sum())
    is_young = immature > YOUNG_SHARE * (treated.homes + held.homes)
    objections = [check.sentence for check in (srm, known) if check.light == "red"]
    return ReadOut(
        storm=str(found.about["slug"]),
        org_name=str(found.about["org_name"]),
        is_synthetic=bool(found.about["is_synthetic"]),
        as_of=_as_of(found.about),
        confidence=confidence,
        treated=treated,
        held=held,
        difference=difference,
        relative_lift=counts.relative_lift(confidence),
        always_valid=Estimate(difference.value, *always_valid_interval(*counts.as_tuple, confidence), confidence),
        so_far=Counts(treated.converted, treated.homes, held.converted, held.homes).difference(confidence),
        srm=srm,
        known=known,
        covariates=found.covariates,
        exposure=exposure(_reach(found.counts, True), _reach(found.counts, False), confidence),
        strata=stratify(_bands(found.counts), confidence),
        immature=immature,
        is_young=is_young,
        verdict=verdict(counts, margin=margin, confidence=confidence, looks=looks, is_young=is_young,
                        objections=objections),
        notes=_notes(bool(found.about["is_synthetic"]), treated, held, immature, [srm, known]),
    )  # fmt: skip


def pool_storms(
    found: pd.DataFrame, *, treat_share: float | None, confidence: float, margin: float, looks: Looks
) -> Pooled:
    """All storms of a company, from a frame of their counts; see `Experiment.pooled`."""
    storms, objections = {}, []
    for row in found.to_dict("records"):
        columns = ("converted", "n", "control_converted", "control_n")
        storms[str(row["slug"])] = Counts(*(int(row[name]) for name in columns))
        share = _drawn(treat_share, row.get("treat_share"))
        sizes = size_check(int(row["homes"]), int(row["control_homes"]), share)
        if sizes.light == "red":
            objections.append(f"Storm {row['slug']}: {sizes.sentence}")
    homes = int(found["homes"].sum() + found["control_homes"].sum())
    is_young = int(found["immature"].sum()) > YOUNG_SHARE * homes
    return pool(storms, margin=margin, confidence=confidence, looks=looks, is_young=is_young, objections=objections)


def _drawn(given: float | None, drawn: Any) -> float:
    """The share to compare with: as given, else as the policy drew it, else as it is shipped."""
    return given or (TREAT_SHARE if drawn is None or pd.isna(drawn) else float(drawn))


def _arm(counts: pd.DataFrame, is_treated: bool) -> Arm:
    return Arm(*_sums(counts, is_treated, "homes", "known", "converted", "pending", "reached"))


def _reach(counts: pd.DataFrame, is_treated: bool) -> Reach:
    return Reach(*_sums(counts, is_treated, "known", "converted", "reached_known", "reached_converted"))


def _sums(counts: pd.DataFrame, is_treated: bool, *columns: str) -> list[int]:
    return [int(counts.loc[counts["is_treated"] == is_treated, name].sum()) for name in columns]


def _bands(counts: pd.DataFrame) -> list[Stratum]:
    """The bands in the order of their sizes; one without homes where nothing was decided."""
    made = []
    for name in dict.fromkeys(counts.sort_values("place")["band"]):
        rows = counts[counts["band"] == name]
        treated, held = _arm(rows, True), _arm(rows, False)
        made.append(Stratum(str(name), treated.homes + held.homes, known_counts(treated, held)))
    return made or [Stratum("all", 0, Counts(0, 0, 0, 0))]


def _as_of(about: pd.Series) -> datetime | None:
    for name in ("observed_at", "decided_at"):
        if pd.notna(about[name]):
            moment: datetime = pd.Timestamp(about[name]).to_pydatetime()
            return moment
    return None


def _notes(is_synthetic: bool, treated: Arm, held: Arm, immature: int, checks: Sequence[Check]) -> tuple[str, ...]:
    homes, open_ones = treated.homes + held.homes, treated.pending + held.pending
    notes = [SYNTHETIC] if is_synthetic else []
    if not homes:
        return (*notes, "No home of this storm has been treated or held out yet.")
    known, unrecorded = rate(treated.known + held.known, homes), treated.unrecorded + held.unrecorded
    notes.append(f"Outcomes are known of {known} decided homes; {open_ones:,} are pending, "
                 f"of {unrecorded:,} nothing is written down.")  # fmt: skip
    if immature:
        notes.append(f"{immature:,} homes were decided less than {LAG_DAYS // 7} weeks before the newest outcome. "
                     "Signing lags by three to six weeks, so both arms still read low.")  # fmt: skip
    return (*notes, *(check.sentence for check in checks if check.light != "green"))
