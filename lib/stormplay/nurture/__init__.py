"""The nurture loop: whom to contact again, and whom never.

NurtureLoop     the list, the schedule, the outbox, the export, of one storm
Standing        where it all stands: the ledger, what may go now, the outbox
Sequence, Step  which contact follows which; DEFAULTS are shipped
Rules, Hours    quiet hours, caps, the standing holdout
lint_message    what a message may not say, with the rule's source
planner         pure: people, steps and rules in, a schedule out
"""

from __future__ import annotations

from stormplay.nurture.frames import ledger
from stormplay.nurture.loop import NurtureLoop
from stormplay.nurture.messages import Finding, lint_message
from stormplay.nurture.rules import CHANNELS, PHONE_HOURS, REASONS, TEXAS_PHONE_HOURS, Hours, Rules
from stormplay.nurture.sequences import DEFAULTS, Sequence, Step
from stormplay.nurture.standing import Standing

__all__ = [
    "CHANNELS",
    "DEFAULTS",
    "PHONE_HOURS",
    "REASONS",
    "TEXAS_PHONE_HOURS",
    "Finding",
    "Hours",
    "NurtureLoop",
    "Rules",
    "Sequence",
    "Standing",
    "Step",
    "ledger",
    "lint_message",
]
