"""Who is treated, who is held out, who is skipped, and why: uplift, consent, capacity, budget, and a control group.

decide              pure: homes in, one decision with its reason each out
margin              pure: what the next crew-day would be worth
uplift_curve        pure: expected signatures by homes visited, and where the limits cut
Rules               the parameters of a company
TreatmentPolicy     all of it on a storm: dry run, apply, ledger, history
"""

from __future__ import annotations

from stormplay.policy.changes import DryRun
from stormplay.policy.deciding import decide
from stormplay.policy.margins import Margin, margin, uplift_curve
from stormplay.policy.rules import Rules
from stormplay.policy.treatment import Applied, TreatmentPolicy

__all__ = ["Applied", "DryRun", "Margin", "Rules", "TreatmentPolicy", "decide", "margin", "uplift_curve"]
