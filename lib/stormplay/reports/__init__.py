"""Notebooks as reports that a scheduler can trust: whole files or none, and the last good one stays.

Table of contents, in the order in which a report comes to be:

    contracts   what can be made: notebooks and the typed parameters they take, as a table or a JSON schema
    orders      which reports are wanted: notebooks x companies x storms, each checked before anything runs
    terms       how they are made: time-out, tries, freshness, moment, PDF
    making      one report from its login to its files: lock, history, tries
    workers     warm processes, forked for one report each and ended with it
    cluster     the same on other machines, by Dask
    child       what such a process does: run the notebook, draw the page, say how it went
    engine      papermill's cells in this process, with no kernel beside it
    html, stable, pdf   the page, the same bytes for the same data, and the page on paper
    publishing  files under their names, all of them or none
    destinations    where: a folder, or a bucket that fsspec has an address for
    history     who has run what, and how it ended; one run of a report at a time
    copying     a report's files in another place
    fan_out     many reports, some at once
    mail, figures   what came of a company's reports, in words, as one mail to its own recipients
    desk, shelf what a page shows of a storm's reports: history, freshness, files; and a wish for one more
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormplay import lazy
from stormplay.reports.cluster import Dask
from stormplay.reports.copying import Place
from stormplay.reports.fan_out import Outcome, Summary, get_ready, make_all, tidy
from stormplay.reports.making import make, planned, run
from stormplay.reports.orders import Order
from stormplay.reports.publishing import Report
from stormplay.reports.terms import Terms, moment

if TYPE_CHECKING:
    from stormplay.reports.desk import ReportDesk

__all__ = [
    "Dask",
    "Order",
    "Outcome",
    "Place",
    "Report",
    "ReportDesk",
    "Summary",
    "Terms",
    "get_ready",
    "make",
    "make_all",
    "moment",
    "planned",
    "run",
    "tidy",
]

# Pages ask for the desk, which needs pandas; who makes reports leaves that to the processes that make them.
__getattr__ = lazy.names(__name__, {"desk": "ReportDesk"})
