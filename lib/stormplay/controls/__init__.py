"""Parameters to widgets and back: selectors, progress, tables, forms, and the pages made of them.

Everything here takes plain frames and callables and knows no database. Every callback is guarded: what goes wrong
becomes a sentence on the page, never a traceback.
"""

from __future__ import annotations

from stormplay.controls.asking import below
from stormplay.controls.guard import Message, checked
from stormplay.controls.health import HealthPage, health_page
from stormplay.controls.home import HomePage, home_page
from stormplay.controls.identity_attribution import IdentityPage, identity_attribution
from stormplay.controls.live import ChartFrame, PickTable, Upload
from stormplay.controls.map_frame import MapFrame
from stormplay.controls.phase3 import Phase3, phase3
from stormplay.controls.phase4 import Phase4, phase4
from stormplay.controls.phase5 import Phase5, phase5
from stormplay.controls.query import overrides
from stormplay.controls.record import MIME, Recorded
from stormplay.controls.reports import ReportsPage, reports_page
from stormplay.controls.score import ScorePage, score
from stormplay.controls.score_chip import ScoreChip
from stormplay.controls.selectors import Selectors
from stormplay.controls.storm_live import StormPage, storm_live
from stormplay.controls.treatment import TreatmentPage, treatment
from stormplay.controls.work import Work

__all__ = [
    "MIME",
    "ChartFrame",
    "HealthPage",
    "HomePage",
    "IdentityPage",
    "MapFrame",
    "Message",
    "Phase3",
    "Phase4",
    "Phase5",
    "PickTable",
    "Recorded",
    "ReportsPage",
    "ScoreChip",
    "ScorePage",
    "Selectors",
    "StormPage",
    "TreatmentPage",
    "Upload",
    "Work",
    "below",
    "checked",
    "health_page",
    "home_page",
    "identity_attribution",
    "overrides",
    "phase3",
    "phase4",
    "phase5",
    "reports_page",
    "score",
    "storm_live",
    "treatment",
]
