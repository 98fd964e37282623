"""How long each kind of history is kept. Whoever adds a table that only grows adds a line here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """One kind of history that goes some day.

    Attributes:
        name: One word for the command line.
        what: What it is, for people.
        days: How long it is kept unless somebody says otherwise.
        least: How long at least; the database refuses less.
        why: Why so long.
        function: The database's function that lets it go: takes an interval, returns how many rows; '' for files.
    """

    name: str
    what: str
    days: int
    least: int
    why: str
    function: str = ""


RULES = (
    Rule("stream", "ledger of the stream, settled dead letters, strays", 400, 30,
         "A record that the broker still has and the ledger has not would be applied twice.", "sec.retire_stream"),
    Rule("reports", "runs of reports, but for the last good one of each", 400, 1,
         "A year's comparison.", "sec.retire_reports"),
    Rule("requests", "requests for reports that have ended", 90, 1,
         "Who asked for what, as long as anybody asks.", "sec.retire_report_requests"),
    Rule("slo", "counts of objectives, closed alerts and their messages", 400, 29,
         "A budget looks back over 28 days, and a year is compared with the last.", "sec.retire_slo"),
    Rule("usage", "single events of usage, put together by hour and day; what they sum up to stays", 800, 400,
         "An event that comes a second time is known by its key; invoices stay for ever.", "sec.retire_usage"),
    Rule("audit", "who changed what, and accounts", 2_555, 365,
         "Seven years, as long as contracts are argued about.", "sec.retire_audit"),
    Rule("logs", "files of the product's own log", 30, 1,
         "Long enough to find what a number on an error page means."),
)  # fmt: skip

# What never goes by itself, and why.
KEPT = {
    "scores and their history": "a score whose causes are gone cannot be believed",
    "decisions, outcomes and arms": "whether the visits worked is asked years later",
    "invoices, credit notes and their lines": "what was billed stays as it was billed",
    "jobs, routes and contacts": "they are the company's own books",
    "models and their versions": "each number names the model that made it",
}
