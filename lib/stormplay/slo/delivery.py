"""The outbox: what is to be told about alerts, handed to webhooks and the mail server, again where it was not taken.

A message is told at least once; its key is the same each time. Who refuses for good, or has not taken it after TRIES,
gets it no more: it is kept aside with what was answered, and the standing of the company says so.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from sqlalchemy import text

from stormplay import clock, database, post
from stormplay.errors import BadInput, HandOverFailed, StormplayError
from stormplay.slo import webhook
from stormplay.slo.objectives import SERVICES

VARIABLE = "STORMPLAY_ALERT_FROM"
TRIES = 10  # with the pauses between them about four hours
_LONGEST_MIN = 60
_TAKE = text("SELECT * FROM sec.take_slo_messages(:n)")
_END = text("SELECT sec.end_slo_message(:tenant, :message, :how, :words, make_interval(mins => :minutes))")
_HEADS = {"opened": "Alert", "urgent": "Now urgent", "closed": "Over"}


@dataclass
class Delivered:
    """What a round has done with messages."""

    sent: int = 0
    again: int = 0
    aside: int = 0


def deliver(at_most: int = 50) -> Delivered:
    """Hand over what is due.

    Args:
        at_most: Messages of this round.

    Raises:
        DatabaseUnavailable: Nothing answers.
    """
    done = Delivered()
    for _ in range(at_most):
        with database.transaction(database.broker_url()) as connection:
            row = connection.execute(_TAKE, {"n": 1}).mappings().one_or_none()
        if row is None:
            break
        _settle(row, _answer(row), done)
    return done


def wait_min(attempts: int) -> int:
    """Minutes until the next try, after so many."""
    return int(min(2 ** (attempts - 1), _LONGEST_MIN))


def _answer(row: Mapping[Any, Any]) -> HandOverFailed | None:
    """Hand one message over. What has gone wrong, whatever it was: one address must not keep the others waiting."""
    try:
        if row["channel"] == "webhook":
            webhook.tell(row["address"], payload(row), str(row["message_id"]))
        else:
            post.hand_over(mail(row), post.server(), tries=1)
    except HandOverFailed as error:
        return error
    except StormplayError as error:  # no mail server or no sender is named: the administrator can mend that
        return HandOverFailed(error.what)
    except Exception as error:
        return HandOverFailed(f"It could not be handed over ({type(error).__name__}).")
    return None


def _settle(row: Mapping[Any, Any], failed: HandOverFailed | None, done: Delivered) -> None:
    minutes = wait_min(row["attempts"])
    if failed is None:
        how, words = "sent", "taken"
        done.sent += 1
    elif failed.is_final or row["attempts"] >= TRIES:
        how, words = "kept aside", failed.what
        done.aside += 1
    else:
        how, words = "waiting", failed.what
        done.again += 1
    values = {"tenant": row["tenant_id"], "message": row["message_id"], "how": how, "words": words, "minutes": minutes}
    with database.transaction(database.broker_url()) as connection:
        connection.execute(_END, values)


def headline(row: Mapping[Any, Any]) -> str:
    """A message in one line."""
    title = SERVICES[row["service"]].title
    how = f" ({row['severity']})" if row["kind"] == "opened" else ""
    return post.one_line(f"{_HEADS[row['kind']]}{how}: {title} of {row['company']}")


def lines(row: Mapping[Any, Any]) -> list[str]:
    """What a message says below its headline."""
    since = f"{row['opened_at']:%d %b %Y, %H:%M} UTC"
    if row["kind"] == "closed":
        return [f"It began {since} and no rule holds any more.", row["cause"]]
    return [row["cause"], f"Since {since}, by the rule {row['rule']}.", f"Next: {row['next_action']}"]


def payload(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A message for a webhook: `text` as chat services read it, and the same in fields."""
    return {
        "text": "\n".join([headline(row), *lines(row)]),
        "kind": row["kind"],
        "message_id": str(row["message_id"]),
        "alert_id": str(row["alert_id"]),
        "company": row["company"],
        "service": row["service"],
        "severity": row["severity"],
        "rule": row["rule"],
        "cause": row["cause"],
        "next_action": row["next_action"],
        "opened_at": row["opened_at"].isoformat(),
        "closed_at": row["closed_at"].isoformat() if row["closed_at"] else None,
    }


def mail(row: Mapping[Any, Any]) -> EmailMessage:
    """A message as a mail.

    Raises:
        BadInput: `STORMPLAY_ALERT_FROM` names no sender.
    """
    sender = os.environ.get(VARIABLE, "")
    if not sender:
        raise BadInput(f"{VARIABLE} is not set, so mails about alerts have no sender.", "Expected an address.")
    sender = post.checked(sender)
    made = EmailMessage(policy=SMTP)
    made["From"] = Address(addr_spec=sender, display_name="Stormplay")
    made["To"] = [Address(addr_spec=row["address"])]
    made["Subject"] = headline(row)
    made["Date"] = format_datetime(clock.now())
    made["Message-ID"] = f"<{row['message_id']}@{sender.rpartition('@')[2]}>"  # the same at each try
    made["Auto-Submitted"] = "auto-generated"
    made.set_content("\n\n".join(lines(row)) + "\n")
    return made


def longest_wait() -> timedelta:
    """How long a message is tried, from the first try to the last."""
    return timedelta(minutes=sum(wait_min(n) for n in range(1, TRIES)))
