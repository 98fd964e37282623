"""The words of the Phase 5 page: channels, reasons and file columns, as a manager says them."""

from __future__ import annotations

from datetime import date, datetime

CHANNELS = {"door": "Visit", "call": "Call", "text": "Text", "email": "E-mail", "mail": "Letter"}

OUTCOMES = {
    "scheduled": "Scheduled: a contact is to come",
    "paused": "Scheduled, but paused by a person",
    "done": "All contacts made, none to come",
    "ready": "Nothing scheduled yet: could be given this sequence",
}

# What each reason means, and whether it passes by itself.
REASONS = {
    "standing holdout": "Never contacted by nurture, drawn by hash or held out by the policy: without them "
    "nobody could say what nurture is worth.",
    "converted": "They signed, for this storm or a later one.",
    "do not return": "They told a crew never to come back.",
    "not treated for this storm": "The policy did not decide to treat them.",
    "already in this sequence": "Their steps are scheduled already.",
    "stopped by a person": "Somebody pressed 'Stop' for them. For this storm that is for good.",
    "no phone": "There is no telephone number on file.",
    "no e-mail address": "There is no e-mail address on file.",
    "no address": "There is no postal address on file.",
    "time zone unknown": "Nobody knows what time it is there, so no channel with hours is used.",
    "said no to all contact": "The suppression list has a no to every channel.",
    "said no to visits": "The suppression list has a no to visits; other channels may be open.",
    "said no to calls": "The suppression list has a no to calls; other channels may be open.",
    "said no to texts": "The suppression list has a no to texts; other channels may be open.",
    "said no to e-mails": "The suppression list has a no to e-mails; other channels may be open.",
    "said no to letters": "The suppression list has a no to letters; other channels may be open.",
    "cap reached": "They had as many contacts as the caps of day and week allow. It passes by itself.",
    "quiet hours": "It is outside the hours of that channel on their clock. It passes by itself.",
    "paused": "Held by a person.",
    "storm paused": "The nurture of the whole storm is paused.",
    "storm stopped": "The nurture of the whole storm is stopped.",
    "the policy says wait": "The policy's next best action is to wait.",
}

OUTBOX = {
    "due": "Their time has come; they wait for the button below, or for the program that runs it every few minutes.",
    "in outbox": "Every rule was asked once more and said yes; no sender has taken them yet.",
    "handed over": "A sender took them and has not said yet that it is done. Counted as a contact all the same.",
    "acknowledged": "The sender said that the contact was made. It stands in the customer's journey.",
    "refused": "A rule said no while they waited, or somebody stopped them.",
}

# Columns of the export, in the order of the file.
COLUMNS = {
    "firstname": "First word of the owner's name.",
    "lastname": "The rest of the owner's name.",
    "email": "E-mail address; empty where the owner said no to e-mails.",
    "phone": "Number for calls, with country code; empty where the owner said no to calls.",
    "mobile": "Number for texts, with country code; empty where the owner said no to texts.",
    "address1": "Street address of the home.",
    "city": "City.",
    "zipcode": "ZIP code.",
    "timezone": "Time zone of the home, by which quiet hours are told.",
    "doNotEmail": "1 where the owner said no to e-mails, Mautic's own field for it.",
    "tags": "stormplay-nurture, to find the import again.",
    "stormplay_property_id": "Our id of the home. A custom field, as are all that follow.",
    "stormplay_storm": "The storm.",
    "expected_uplift": "What a contact is expected to change in the chance to win the home, 0 to 1.",
    "next_best_action": "What the policy advises.",
    "job_status": "Where the job of this home stands; empty: no job.",
    "next_channel": "Channel of the next contact.",
    "why_not": "What spoke against that contact when the file was made; empty: nothing.",
}


def channel(name: object) -> str:
    """A channel as people say it; a dash for none."""
    return CHANNELS.get(str(name), str(name)) if isinstance(name, str) and name else "–"


def words(name: object) -> str | None:
    """A name with underscores as words; None for what is missing."""
    return name.replace("_", " ") if isinstance(name, str) else None


def day(moment: date | datetime) -> str:
    """A day: 'Wed 25 Nov'."""
    return f"{moment:%a} {date_of(moment)}"


def date_of(moment: date | datetime) -> str:
    """A day without its weekday: '25 Nov'."""
    return f"{moment.day} {moment:%b}"


def clock(moment: datetime) -> str:
    """A moment on somebody's clock: 'Wed 25 Nov, 09:00'."""
    return f"{day(moment)}, {moment:%H:%M}"


def percent(share: float) -> str:
    """A share as a reader writes it: '15 %', '12.5 %'."""
    return f"{share * 100:.1f}".rstrip("0").rstrip(".") + " %"
