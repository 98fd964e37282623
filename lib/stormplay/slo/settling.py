"""What a person may change: objectives, who is told, and that an alert is seen to. The database asks for their role."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from stormplay import tenancy
from stormplay.errors import BadInput
from stormplay.slo.objectives import Objective, checked
from stormplay.slo.reading import objectives

_OBJECTIVE = """
INSERT INTO slo_objectives (service, target, threshold, is_on) VALUES (:service, :target, :threshold, :is_on)
ON CONFLICT (tenant_id, service) DO UPDATE
   SET target = excluded.target, threshold = excluded.threshold, is_on = excluded.is_on
"""


def set_objective(
    tenant: str | UUID, service: str, target: float | None = None, threshold: float | None = None, *, is_on: bool = True
) -> Objective:
    """Promise something else than before, from now on: what is counted already was judged by the old threshold.

    Args:
        tenant: Slug or id.
        service: One of `SERVICES`.
        target: Share of good events over 28 days; None: as it is.
        threshold: In the service's unit; None: as it is.
        is_on: False: neither measured nor alerted on.

    Raises:
        BadInput: There is no such service, target or threshold.
        NotAllowed: This person is no admin of the company.
    """
    wanted = checked(service, target, threshold)
    with tenancy.session(tenant) as connection:
        was = objectives(connection)[service]
        made = Objective(
            wanted.service,
            was.target if target is None else wanted.target,
            was.threshold if threshold is None else wanted.threshold,
            is_on,
        )
        values = {"service": service, "target": made.target, "threshold": made.threshold, "is_on": is_on}
        connection.execute(text(_OBJECTIVE), values)
    return made


def acknowledge(tenant: str | UUID, alert_id: str | UUID) -> None:
    """Say that somebody sees to an alert; who is known from the login.

    Raises:
        BadInput: There is no open alert of that id.
        NotAllowed: This person may only read, or somebody has said so already.
    """
    wanted = tenancy.as_uuid(alert_id)
    query = """UPDATE slo_alerts SET acknowledged_at = now()
                WHERE alert_id = CAST(:alert AS uuid) AND closed_at IS NULL"""
    with tenancy.session(tenant) as connection:
        if wanted is None or connection.execute(text(query), {"alert": wanted}).rowcount == 0:
            raise BadInput(f"There is no open alert '{str(alert_id)[:40]}'.", "'stormplay slo status' lists them.")


def add_contact(tenant: str | UUID, address: str) -> None:
    """Have alerts told to an address from now on. No page shows it again but for its domain.

    Args:
        tenant: Slug or id.
        address: An e-mail address, or an https address that takes a JSON message.

    Raises:
        BadInput: It is neither, or would lead into the server's own network.
        NotAllowed: This person is no admin of the company.
    """
    given = address.strip()
    if "://" in given:
        from stormplay.slo import webhook  # noqa: PLC0415 - a page that only shows alerts need not know how

        webhook.check(given)
        channel = "webhook"
    else:
        from stormplay import post  # noqa: PLC0415

        given, channel = post.checked(given), "mail"
    with tenancy.session(tenant) as connection:
        connection.execute(
            text("INSERT INTO slo_contacts (channel, address) VALUES (:channel, :address)"),
            {"channel": channel, "address": given},
        )


def remove_contact(tenant: str | UUID, contact_id: str | UUID) -> None:
    """Tell an address nothing any more.

    Raises:
        BadInput: There is no such contact.
        NotAllowed: This person is no admin of the company.
    """
    wanted = tenancy.as_uuid(contact_id)
    query = "UPDATE slo_contacts SET removed_at = now() WHERE contact_id = CAST(:one AS uuid) AND removed_at IS NULL"
    with tenancy.session(tenant) as connection:
        if wanted is None or connection.execute(text(query), {"one": wanted}).rowcount == 0:
            raise BadInput(f"There is no contact '{str(contact_id)[:40]}'.", "'stormplay slo status' lists them.")
