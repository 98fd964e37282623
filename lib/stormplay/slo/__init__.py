"""Objectives of a company's services: what was promised, what was measured, how much may still go wrong, and alerts.

standing    how a company's services stand, and its alerts
set_objective, acknowledge, add_contact, remove_contact    what a person may change

Pure:

SERVICES    what is measured, its unit, its default objective, what to do where it goes wrong
RULES       the pairs of windows over which burn rates are judged
judge       counts in, the most severe rule that holds out
to_openslo  objectives as OpenSLO v1

For who measures and who watches:

recording   counts, handed to the database in batches that count once
watching    one turn: look, judge, open and close alerts
delivery    the outbox, by webhook and mail
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormplay import lazy
from stormplay.slo.objectives import SERVICES, Objective, Service

if TYPE_CHECKING:
    from stormplay.slo.burn import RULES, Judgement, Rule, judge
    from stormplay.slo.openslo import to_openslo
    from stormplay.slo.reading import Standing, standing
    from stormplay.slo.settling import acknowledge, add_contact, remove_contact, set_objective

__all__ = [
    "RULES",
    "SERVICES",
    "Judgement",
    "Objective",
    "Rule",
    "Service",
    "Standing",
    "acknowledge",
    "add_contact",
    "judge",
    "remove_contact",
    "set_objective",
    "standing",
    "to_openslo",
]

# Who only measures loads neither frames nor rules.
_ROOMS = {
    "burn": "RULES, Judgement, Rule, judge",
    "openslo": "to_openslo",
    "reading": "Standing, standing",
    "settling": "acknowledge, add_contact, remove_contact, set_objective",
}
__getattr__ = lazy.names(__name__, _ROOMS)
