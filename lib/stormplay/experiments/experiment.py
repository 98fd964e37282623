"""`Experiment`: the read-out of a storm from the database."""

from __future__ import annotations

from uuid import UUID

from stormplay import tenancy
from stormplay.errors import BadInput
from stormplay.experiments import reading
from stormplay.experiments.pooling import Pooled
from stormplay.experiments.read_out import ReadOut, pool_storms, put_together
from stormplay.experiments.verdicts import MARGIN, Looks


class Experiment:
    """Did treating work, at one storm and at all of a company's storms?

    Args:
        tenant: The tenant's slug or id; a selection, never an authority.
        storm: The storm's slug or id.
        treat_share: The share of homes that the draw treated; the SRM light compares with it. None: what the policy
            drew at each storm, 0.8 where it kept no draw.

    Raises:
        UnknownTenant: No such tenant is open to this person.
        UnknownStorm: The tenant has no such storm.
        BadInput: The share is not between 0 and 1.
        DatabaseUnavailable: Nothing answers.
    """

    def __init__(self, tenant: str | UUID, storm: str | UUID, *, treat_share: float | None = None) -> None:
        if treat_share is not None and not 0 < treat_share < 1:
            raise BadInput(f"The treated share is {treat_share!r}.", "Expected a share between 0 and 1, such as 0.8.")
        self.tenant, self.treat_share = tenant, treat_share
        with tenancy.session(tenant) as connection:
            self.storm_id = tenancy.storm_id(connection, storm)

    def read_out(self, confidence: float = 0.95, *, margin: float = MARGIN, looks: Looks = "many") -> ReadOut:
        """What the storm's experiment says. The same rows give the same answer, whenever it is asked.

        Args:
            confidence: Of all intervals.
            margin: The smallest effect worth having, as a difference of rates.
            looks: 'many' where the answer is looked at again and again; 'once' for one look at a time set before.

        Raises:
            BadInput: One of them cannot be used.
        """
        with tenancy.session(self.tenant) as connection:
            found = reading.record(connection, self.storm_id)
        return put_together(found, treat_share=self.treat_share, confidence=confidence, margin=margin, looks=looks)

    def pooled(self, confidence: float = 0.95, *, margin: float = MARGIN, looks: Looks = "many") -> Pooled:
        """All storms of the company together, this one among them.

        A home that was decided on in several storms counts in each, as if it were several homes. A storm whose arms
        are not as drawn (a red SRM light) forbids a verdict and is named.

        Args:
            confidence: Of all intervals.
            margin: The smallest effect worth having, as a difference of rates.
            looks: See `read_out`.

        Raises:
            BadInput: One of them cannot be used.
        """
        with tenancy.session(self.tenant) as connection:
            found = reading.every_storm(connection)
        return pool_storms(found, treat_share=self.treat_share, confidence=confidence, margin=margin, looks=looks)
