"""The Storm Play Score of one storm, from the database."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pandas as pd

from stormplay import tenancy
from stormplay.errors import BadInput
from stormplay.score import comparing, reading
from stormplay.score.formula import WEIGHTS
from stormplay.score.raising import cheapest_raise
from stormplay.score.standing import Counts, Standing

if TYPE_CHECKING:
    from stormplay.experiments.read_out import ReadOut

MOST_CHANGES = 2_000


def calculate_storm_play_score(storm_id: str | UUID) -> float:
    """The score of a storm, 0 to 100: of coverage, completion, lift and data quality (see `score_components`).

    Args:
        storm_id: The storm's id.

    Raises:
        UnknownStorm: No storm of that id is open to this person.
    """
    return _of(storm_id).score


def get_score_breakdown(storm_id: str | UUID) -> dict[str, float]:
    """The components of a storm's score in percent, 0 to 100 each.

    Args:
        storm_id: The storm's id.

    Returns:
        policy_coverage, route_completion, conversion_lift, data_quality. One that is not measurable yet is 0; which
        ones are is told by `StormPlayScore.current`.

    Raises:
        UnknownStorm: No storm of that id is open to this person.
    """
    return {one.name: one.percent for one in _of(storm_id).components}


def _of(storm_id: str | UUID) -> Standing:
    with tenancy.session(tenancy.tenant_of_storm(storm_id)) as connection:
        return reading.current(connection, str(storm_id))


class StormPlayScore:
    """The score of one storm: now, over time, against another storm, and how to raise it.

    Args:
        tenant: The tenant's slug or id; a selection, never an authority.
        storm: The storm's slug or id.

    Raises:
        UnknownTenant: No such tenant is open to this person.
        UnknownStorm: The tenant has no such storm.
        DatabaseUnavailable: Nothing answers.
    """

    def __init__(self, tenant: str | UUID, storm: str | UUID) -> None:
        self.tenant = tenant
        with tenancy.session(tenant) as connection:
            self.storm_id = tenancy.storm_id(connection, storm)

    def current(self) -> Standing:
        """The score as it stands: kept in the transaction that last changed it, so it is never stale."""
        with tenancy.session(self.tenant) as connection:
            return reading.current(connection, self.storm_id)

    def recount(self) -> Counts:
        """What the score is made of, counted from the rows now: the proof of what `current` says."""
        with tenancy.session(self.tenant) as connection:
            return reading.counted(connection, self.storm_id)

    def history(self, at_most: int = 500) -> pd.DataFrame:
        """How the score came to be what it is, oldest first.

        Args:
            at_most: Changes; the newest so many, up to 2,000.

        Returns:
            changed_at, score, change (NaN for the first), policy_coverage, route_completion, conversion_lift,
            data_quality (0 to 1), cause (in words), source (the same by tables), changed_by.

        Raises:
            BadInput: at_most is not 1 to 2,000.
        """
        if not 1 <= at_most <= MOST_CHANGES:
            raise BadInput(f"at_most is {at_most!r}.", f"Expected 1 to {MOST_CHANGES:,}.")
        with tenancy.session(self.tenant) as connection:
            return reading.history(connection, self.storm_id, at_most)

    def compare(self, other_storm: str | UUID | None = None) -> pd.DataFrame:
        """This storm against another by days since the hail, in running totals and per hundred doors.

        A door is a home at which somebody knocked; jobs completed and signatures are counted at such homes alone.

        Args:
            other_storm: Slug or id; None: the storm before this one, or without one the next.

        Returns:
            storm_id, storm (name; this storm's rows first), day, doors, completed, conversions,
            completed_per_100_doors, conversions_per_100_doors (NaN below 20 doors). Days after the 180th are left out;
            `.attrs['later']` counts their doors by storm, `.attrs['this']` is this storm's name.

        Raises:
            UnknownStorm: The tenant has no such storm.
            BadInput: It is this storm itself.
        """
        with tenancy.session(self.tenant) as connection:
            if other_storm is None:
                other = comparing.last_storm(connection, self.storm_id)
            else:
                other = tenancy.storm_id(connection, other_storm)
            if other == self.storm_id:
                raise BadInput("A storm cannot be compared with itself.", "Expected another storm of this company.")
            storms = [self.storm_id, *([other] if other else [])]
            return comparing.running(comparing.read(connection, storms), storms)

    def cheapest_raise(self) -> pd.DataFrame:
        """The next steps, those that bring most points for one unit of work first; see `raising.cheapest_raise`."""
        now = self.current()
        return cheapest_raise(now.counts, now.since)

    def lift(self, confidence: float = 0.95) -> ReadOut:
        """Whether treating worked: difference and relative lift with their intervals, the SRM light, a verdict.

        Args:
            confidence: Of all intervals.
        """
        from stormplay.experiments import Experiment  # noqa: PLC0415 - scipy is for who asks this

        return Experiment(self.tenant, self.storm_id).read_out(confidence)

    @property
    def weights(self) -> dict[str, float]:
        """What each component brings, as a share of the score."""
        return dict(WEIGHTS)
