"""Phase 5: whom to contact again, when, by which channel, and who is left alone and why."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import pandas as pd

from stormplay import tenancy
from stormplay.errors import BadInput
from stormplay.nurture import agenda, export, listing, outbox, plans, standing, upcoming
from stormplay.nurture.messages import Finding, lint_message
from stormplay.nurture.rules import Rules
from stormplay.nurture.schedule import THRESHOLD, Schedule, known_ids
from stormplay.nurture.sequences import Sequence
from stormplay.ordering import Order


class NurtureLoop(Schedule):
    """The nurture of one storm: the list, the schedule (see `Schedule`), the outbox, the export.

    Args:
        tenant: The tenant's slug or id; a selection, never an authority.
        storm: The storm's slug or id.

    Raises:
        UnknownTenant: No such tenant is open to this person.
        UnknownStorm: The tenant has no such storm.
        DatabaseUnavailable: Nothing answers.
    """

    def candidates(self, threshold: float = THRESHOLD, page: int = 1, page_size: int = 100, search: str | None = None,
                   now: datetime | None = None, order: Order = None) -> pd.DataFrame:  # fmt: skip
        """One page of the homes that are treated, not converted and above the threshold, best uplift first.

        The rows are the seed's for this storm (`nurture.listing` has the exact statement), ties by property_id.

        Args:
            threshold: Uplift above which a home is listed, a probability difference.
            page: From 1.
            page_size: Rows, 1 to 1,000.
            search: Part of an address, a ZIP or a property_id; None: all.
            now: The moment `why_not` is about; None: the present.
            order: By 'address', 'zip', 'uplift', 'advice' or 'job', and whether that ascends; None: best uplift first.

        Returns:
            property_id, address, zip_code, expected_uplift, next_best_action, job_status (None: no job); then
            next_channel and next_at (UTC) of the next contact: the next pending step, or without one the channel
            that next_best_action names (next_at NaT); why_not: what speaks against that contact now, None for nothing.

        Raises:
            BadInput: A number is none, or out of its range.
        """
        with tenancy.session(self.tenant) as connection:
            scope = self.scope(connection, now)
            shown = upcoming.with_next(scope, listing.page(scope, threshold, page, page_size, search, order))
            return shown.drop(columns=["time_zone", "is_barred"])

    def count(self, threshold: float = THRESHOLD, search: str | None = None) -> int:
        """How many homes all pages of `candidates` list together."""
        with tenancy.session(self.tenant) as connection:
            return listing.count(self.scope(connection), threshold, search)

    def standing(
        self, threshold: float = THRESHOLD, sequence_type: str = "follow_up", now: datetime | None = None,
        *, before: standing.Standing | None = None, changed: Collection[str] = (),
    ) -> standing.Standing:  # fmt: skip
        """Where the storm's nurture stands; every candidate is in one line of its ledger.

        Args:
            threshold: Uplift above which a home is a candidate.
            sequence_type: The sequence that 'ready' is about.
            now: None: the present.
            before: What was read a moment ago, of which only what follows is read again.
            changed: Ids of the homes whose steps were changed since; without any all is read.

        Raises:
            BadInput: There is no such sequence, or the threshold is no number.
        """
        with tenancy.session(self.tenant) as connection:
            sequence = plans.sequence(connection, sequence_type)
            return standing.read(self.scope(connection, now), threshold, sequence, before, changed)

    def week(self, days: float = 7, now: datetime | None = None, *, before: pd.DataFrame | None = None,
             changed: Collection[str] = ()) -> pd.DataFrame:  # fmt: skip
        """The steps that still wait and have their time in the next days, the overdue with them, by time.

        Args:
            days: Of 24 hours, more than 0 and at most 366.
            now: None: the present.
            before: What was read a moment ago, of which only what follows is read again.
            changed: Ids of the homes whose steps were changed since; without any all is read.

        Returns:
            One row a step: property_id, address, zip_code, sequence_type, step_number, channel, message, scheduled_at
            (UTC), local_time (on the recipient's clock, without a zone), status, reason.
        """
        if not 0 < days <= 366:
            raise BadInput(f"days is {days!r}.", "Expected a number up to 366.")
        with tenancy.session(self.tenant) as connection:
            scope = self.scope(connection, now)
            if before is None or not changed:
                return agenda.to_come(scope, days)
            return agenda.with_changed(before, agenda.to_come(scope, days, known_ids(changed)), changed)

    def history(self, property_id: str | UUID) -> pd.DataFrame:
        """All steps of one home for this storm, past and to come, with the columns of `week`."""
        with tenancy.session(self.tenant) as connection:
            return agenda.of_home(self.scope(connection), known_ids(property_id)[0])

    def sequences(self) -> dict[str, Sequence]:
        """The company's sequences by name: the shipped ones, and its own, which win."""
        with tenancy.session(self.tenant) as connection:
            return plans.sequences(connection)

    def save_sequence(self, sequence: Sequence) -> None:
        """Keep a sequence of the company's own. What is scheduled already stays as it is. For analysts.

        Raises:
            BadInput: The linter has found something in one of its messages.
        """
        with tenancy.session(self.tenant) as connection:
            plans.save(connection, sequence)

    def rules(self) -> Rules:
        """The company's limits."""
        with tenancy.session(self.tenant) as connection:
            return plans.rules(connection)

    def save_rules(self, rules: Rules) -> None:
        """Keep the company's limits. For its admins."""
        with tenancy.session(self.tenant) as connection:
            plans.save_rules(connection, rules)

    def lint(self, message: str, channel: str, when: datetime | None = None) -> list[Finding]:
        """`lint_message` with this company's name."""
        return lint_message(message, channel, when, None if "{" in message else self.company)

    def due(self, now: datetime | None = None) -> pd.DataFrame:
        """Put into the outbox what is due, each rule asked anew; what only has to wait is moved.

        Returns:
            One row a step looked at: property_id, channel, outcome ('in outbox', 'moved', 'refused'), reason. Empty
            while the storm is paused or stopped.
        """
        with tenancy.session(self.tenant) as connection:
            return outbox.fill(self.scope(connection, now))

    def hand_over(self, limit: int = 100, lease_s: float = 300, now: datetime | None = None) -> pd.DataFrame:
        """Take contacts out of the outbox to make them; each rule is asked once more at this moment.

        Two who ask at once get different ones. What is not acknowledged before the lease runs out is handed over
        again, with the same key: do each key once.

        Args:
            limit: Contacts, at most.
            lease_s: Seconds until they are handed over again.
            now: None: the present.

        Returns:
            One row a contact: idempotency_key, property_id, channel, sequence_type, message (its text is in
            `sequences()[sequence_type].messages`), attempts, due_at, leased_until, owner_name, address, city,
            zip_code, and phone or email as the channel needs.
        """
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= 10_000:
            raise BadInput(f"limit is {limit!r}.", "Expected a whole number from 1 to 10,000.")
        if not 1 <= lease_s <= 7 * 86_400:
            raise BadInput(f"lease_s is {lease_s!r}.", "Expected seconds, from 1 to a week of them.")
        with tenancy.session(self.tenant) as connection:
            return outbox.hand_over(self.scope(connection, now), limit, lease_s)

    def acknowledge(self, key: str | UUID, now: datetime | None = None) -> bool:
        """Take note that the contact of a key was made; it is a touch in customer_journeys from then on.

        Returns:
            Whether it was news; a key acknowledged again changes nothing.

        Raises:
            BadInput: Nothing was handed over with this key.
        """
        with tenancy.session(self.tenant) as connection:
            return outbox.acknowledge(self.scope(connection, now), key)

    def export_csv(
        self, threshold: float = THRESHOLD, tag: str = "stormplay-nurture", now: datetime | None = None
    ) -> str:
        """The candidates that may be contacted, with the column names of a Mautic import, safe in a spreadsheet.

        Left out is everybody whom no channel may reach: the standing holdout, who converted, who said no to all
        contact, who told a crew never to return. A no to one channel empties that channel's column.

        Columns: firstname, lastname, email, phone (for calls), mobile (for texts), address1, city, zipcode, timezone
        (Mautic's own fields), doNotEmail (its special field: 1 where the owner said no to e-mails), tags; and, to be
        made as custom fields, stormplay_property_id, stormplay_storm, expected_uplift, next_best_action, job_status,
        next_channel, why_not. Numbers have their country code and no plus, which a spreadsheet takes for a formula.
        """
        with tenancy.session(self.tenant) as connection:
            scope = self.scope(connection, now)
            shown, refused = upcoming.with_next(scope, listing.everything(scope, threshold)), upcoming.refusals(scope)
            return export.to_mautic(scope, shown[~shown["is_barred"]], refused, self.storm, tag)
