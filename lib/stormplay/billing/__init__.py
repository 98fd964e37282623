"""What a company used, what that costs, and the invoices that say so.

standing         how a company stands in a month: used, included, projected, warnings, the bill so far, its invoices
invoice          one invoice or credit note with its lines; `to_csv` and `to_pdf` make files of it

Pure:

months           a billing month in its time zone
meters           what is counted
plans, pricing   terms, tiers and parts of a month; a bill to the cent

For the administrator:

subscribing      plans of the catalogue, and who has which from when to when
metering         usage summed up, storage measured, warnings
closing          a month closed into an invoice, once; credit notes

Usage is counted by the database in the transaction that causes it (`sql/0068_usage.sql`); invoices are never changed
(`sql/0069_billing.sql`). Payments are somebody else's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormplay import lazy

if TYPE_CHECKING:
    from stormplay.billing.papers import to_csv, to_pdf
    from stormplay.billing.reading import Standing, invoice, money, standing

__all__ = ["Standing", "invoice", "money", "standing", "to_csv", "to_pdf"]

_ROOMS = {"reading": "Standing, invoice, money, standing", "papers": "to_csv, to_pdf"}
__getattr__ = lazy.names(__name__, _ROOMS)
