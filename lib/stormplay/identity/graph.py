"""`IdentityGraph`: who is this, and what belongs to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

import pandas as pd

from stormplay import tenancy
from stormplay.errors import BadInput
from stormplay.identity import answering, deciding, figures, finding, homes, lookup, privacy, rulebook, suggesting
from stormplay.identity.deciding import Change
from stormplay.identity.figures import Figures
from stormplay.identity.finding import Brief, Found
from stormplay.identity.homes import Absorbed
from stormplay.identity.kinds import Kind, Rules, Use
from stormplay.identity.lookup import Household
from stormplay.identity.suggesting import Suggestion
from stormplay.identity.writing import hold


class IdentityGraph:
    """One company's identities: a household across its homes, calls, claims, forms and devices.

    Args:
        tenant: The tenant's slug or id; a selection, never an authority.

    Raises:
        UnknownTenant: No such tenant is open to this person.
        DatabaseUnavailable: Nothing answers.
    """

    def __init__(self, tenant: str | UUID) -> None:
        self.tenant = tenant
        with tenancy.session(tenant):
            pass

    def resolve_identity(self, identifier_type: Kind | str, value: str | UUID) -> str | None:
        """The identity that a value belongs to, however it is written: '817.555.0142' as well as '+18175550142'.

        Returns:
            The identity_id; None where the value is unknown, is no value of that type, or stands for nobody because
            it is blocked or shared by more households than its type may join (`whose` tells which).

        Raises:
            BadInput: There is no such type. Types: property_id, claim, crm_id, name_address, email, phone, device.
        """
        with tenancy.session(self.tenant) as connection:
            return lookup.resolve(connection, identifier_type, str(value))

    def whose(self, identifier_type: Kind | str, value: str | UUID) -> list[str]:
        """The identities that a value was seen with, also where it joins none: a landlord's number has many."""
        with tenancy.session(self.tenant) as connection:
            return lookup.whose(connection, identifier_type, str(value))

    def get_identifiers(self, identity_id: str | UUID) -> list[dict[str, Any]]:
        """What belongs to an identity, the most telling and strongest first.

        Args:
            identity_id: Also one of before a merge: it leads to what it became.

        Returns:
            One dict each: type, value (as this person may see it), strength (0 to 1: how surely it belongs to this
            identity, the weakest link of the best way there), uses ('show', 'mail', 'call': what it is sure enough
            for), identifier_id, property_id, address and owner (of a home), source, seen_at, verified, masked, joins
            (False: it is shared or blocked, and shown for what it is), households (that it was seen with). Empty where
            there is no such identity.
        """
        with tenancy.session(self.tenant) as connection:
            return lookup.identifiers(connection, _id(identity_id))

    def get_household(self, identity_id: str | UUID) -> Household:
        """An identity as it is opened: its id of today, its identifiers, and the links that tie them.

        Args:
            identity_id: Also one of before a merge.
        """
        with tenancy.session(self.tenant) as connection:
            return lookup.household(connection, _id(identity_id))

    def briefs(self, identity_ids: Collection[str | UUID]) -> dict[str, Brief]:
        """Households in a few words, by identity_id: homes, owners, values as this person may see them. In one query;
        ids of no identity of today are left out."""
        with tenancy.session(self.tenant) as connection:
            return finding.briefs(connection, [_id(one) for one in identity_ids])

    def figures(self) -> Figures:
        """How large the graph is, which values join nobody, and how many proposals wait: counts, no values."""
        with tenancy.session(self.tenant) as connection:
            return figures.figures(connection)

    def get_links(self, identity_id: str | UUID) -> pd.DataFrame:
        """What ties the identifiers that `get_identifiers` lists, the strongest first; links in force alone.

        Returns:
            One row a link: from_id, to_id (identifier_ids, the more telling one first), strength (0 to 1; 1 where a
            person has said so), rule ('seen together', 'model', ...), source, seen_at, verified. Empty where there is
            no such identity.
        """
        with tenancy.session(self.tenant) as connection:
            return lookup.links(connection, _id(identity_id))

    def may(self, identity_id: str | UUID, use: Use) -> list[dict[str, Any]]:
        """Those identifiers of an identity that are sure enough for a use: 'show', 'mail' or 'call'. Empty: it may not.

        Whether the household has said no is another question: suppressions are asked when a contact is made.

        Raises:
            BadInput: There is no such use.
        """
        with tenancy.session(self.tenant) as connection:
            return lookup.usable(connection, _id(identity_id), use)

    def record(self, identifiers: Mapping[str, str], source: str) -> str | None:
        """Take in what was seen together: a call, a form, a claim. For operators.

        Args:
            identifiers: Type to value, as they were written. A value that is none of its type is left out.
            source: Where it was seen: 'call', 'lead form'.

        Returns:
            The identity of the most telling identifier; None where nothing could be read, or it joins nobody.

        Raises:
            BadInput: There is no such type, or a property_id is of no home.
        """
        written = {kind: str(value) for kind, value in identifiers.items() if value is not None and str(value).strip()}
        with tenancy.session(self.tenant) as connection:
            return homes.record_one(connection, written, source)

    def absorb(self) -> Absorbed:
        """Take in the homes of the book that are new or changed. Safe to repeat; for operators."""
        return homes.absorb(self.tenant)

    def merge(self, one: str | UUID, other: str | UUID, reason: str = "") -> Change:
        """Say that two identities are one household. For operators.

        Raises:
            BadInput: There is no such identity, they are one already, or the rules keep them apart.
        """
        with tenancy.session(self.tenant) as connection:
            return deciding.merge(connection, _id(one), _id(other), reason)

    def separate(self, identifiers: Collection[str | UUID], reason: str = "") -> Change:
        """Say that these identifiers are not the rest of their identity. It is remembered. For operators.

        Args:
            identifiers: identifier_ids of one identity, not all of it.
            reason: Why, for the record.

        Raises:
            BadInput: They are not of one identity, or are all of it.
        """
        with tenancy.session(self.tenant) as connection:
            return deciding.separate(connection, [_id(one) for one in identifiers], reason)

    def undo(self, event_id: str | UUID, reason: str = "") -> Change:
        """Take a merge or a separation back: the same components as before, the same ids. For operators.

        Raises:
            BadInput: There is no such event, or it was taken back already.
        """
        with tenancy.session(self.tenant) as connection:
            return deciding.undo(connection, _id(event_id), reason)

    def preview_merge(self, one: str | UUID, other: str | UUID) -> Change:
        """What `merge` would do; nothing is kept."""
        with tenancy.session(self.tenant) as connection, connection.begin_nested() as trial:
            found = deciding.merge(connection, _id(one), _id(other), "")
            trial.rollback()
            return found

    def preview_separation(self, identifiers: Collection[str | UUID]) -> Change:
        """What `separate` would do; nothing is kept."""
        with tenancy.session(self.tenant) as connection, connection.begin_nested() as trial:
            found = deciding.separate(connection, [_id(one) for one in identifiers], "")
            trial.rollback()
            return found

    def events(self, identity_id: str | UUID | None = None, limit: int = 100) -> pd.DataFrame:
        """Merges, separations, erasures and exports, newest first: event_id, kind, rule, reason, before, after
        (identity_id to its identifier_ids), links, undoes, is_undone, made_by, made_at.

        Args:
            identity_id: Those that touched this identity; None: all.
            limit: Rows, at most.
        """
        with tenancy.session(self.tenant) as connection:
            return deciding.events(connection, None if identity_id is None else _id(identity_id), limit)

    def proposals(self, state: str = "waiting", limit: int = 100) -> pd.DataFrame:
        """Pairs that the model would not decide alone, surest first: proposal_id, one_id, other_id (identifiers),
        one_identity_id, other_identity_id, one, other (as this person may see them), strength, rule, evidence, state,
        made_at, decided_by, decided_at, reason."""
        with tenancy.session(self.tenant) as connection:
            return answering.proposals(connection, state, limit)

    def decide(self, proposal_id: str | UUID, yes: bool, reason: str = "") -> Change | None:
        """Say yes or no to a proposal; a no is remembered and holds, whatever else would bring the two together.

        Returns:
            What changed; None where nothing did.
        """
        with tenancy.session(self.tenant) as connection:
            return answering.decide(connection, _id(proposal_id), yes, reason)

    def reopen(self, proposal_id: str | UUID) -> Change | None:
        """Take an answer back: the proposal waits again, and what the yes had brought together parts. For operators.

        Returns:
            What changed; None where nothing did.

        Raises:
            BadInput: It was not answered.
        """
        with tenancy.session(self.tenant) as connection:
            return answering.reopen(connection, _id(proposal_id))

    def block(self, identifier_type: Kind | str, value: str, reason: str) -> None:
        """Say that a value stands for nobody: it joins no identities from now on. For analysts."""
        with tenancy.session(self.tenant) as connection:
            rulebook.block(connection, identifier_type, value, reason)

    def unblock(self, identifier_type: Kind | str, value: str) -> None:
        """Take `block` back."""
        with tenancy.session(self.tenant) as connection:
            rulebook.unblock(connection, identifier_type, value)

    def rules(self) -> Rules:
        """The company's limits and thresholds."""
        with tenancy.session(self.tenant) as connection:
            return rulebook.rules(connection)

    def save_rules(self, rules: Rules) -> None:
        """Keep the company's limits and thresholds, and work all identities out anew. For its admins."""
        with tenancy.session(self.tenant) as connection:
            hold(connection)
            rulebook.save_rules(connection, rules)
            homes.settle_whole(connection)

    def suggest(self, typed: str, limit: int = 8) -> list[Suggestion]:
        """Households that may be meant by what somebody begins to type: an address, a name, a number, an e-mail.

        Args:
            typed: Two signs or more; a viewer finds numbers and e-mail addresses by the whole value alone.
            limit: Suggestions, at most.
        """
        with tenancy.session(self.tenant) as connection:
            return suggesting.suggest(connection, typed, limit)

    def look_up(self, typed: str, limit: int = 8) -> Found:
        """What somebody types, as a whole value of any type or as the beginning of an address, a name, a telephone
        number or an e-mail address.

        Args:
            typed: In any spelling; also the id of a home or an identity.
            limit: Households that begin so, at most; of a shared value all are listed, up to 50.
        """
        with tenancy.session(self.tenant) as connection:
            return finding.look_up(connection, typed, limit)

    def export_person(self, identity_id: str | UUID) -> dict[str, Any]:
        """All that is known of a person, ready for JSON: identity_id, identifiers, and the rows of every table that
        hang on their homes and jobs. For admins; that it was asked for is written down.

        Raises:
            BadInput: There is no such identity.
            NotAllowed: This person is no admin.
        """
        with tenancy.session(self.tenant) as connection:
            return privacy.export(connection, _id(identity_id))

    def erase_person(self, identity_id: str | UUID, reason: str = "", *, with_address: bool = False) -> dict[str, int]:
        """Forget a person who asks for it. It cannot be taken back, and no import brings the values again.

        Names, telephone numbers, e-mail addresses, notes, claims and pictures go; counts, outcomes, journeys and the
        do-not-contact ledger stay, and calls, texts and e-mails are suppressed. For admins.

        Args:
            identity_id: Whom.
            reason: For the record; no values, it stays.
            with_address: Also the homes' addresses and places. They are of a building, and jobs under way need them.

        Returns:
            How many identifiers, homes, jobs, notes and photos were emptied.
        """
        with tenancy.session(self.tenant) as connection:
            return privacy.erase(connection, _id(identity_id), reason, with_address)


def _id(value: str | UUID) -> str:
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise BadInput(f"'{value}' is no id.", "Expected an id that this company's graph has given.") from None
