"""An invoice or a credit note as files: CSV for a book-keeper, and a page to print."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pandas as pd

from stormplay import exports, look
from stormplay.billing.meters import METERS
from stormplay.billing.reading import invoice, money

FOOT = ("Amounts are exact until the total is rounded to the cent; the cents are shared out among the lines, so that "
        "these add up. An invoice is never changed: what is missing comes with the next one, and what is too much is "
        "given back by a credit note.")  # fmt: skip


def to_csv(tenant: str | UUID, number: int) -> str:
    """The lines of an invoice or credit note, with the total last, safe to open in a spreadsheet.

    Amounts are in the currency's unit with two decimals; quantities in the meter's unit.

    Raises:
        UnknownTenant: No such tenant is open to this person.
        BadInput: The company has none of that number.
    """
    head, lines = invoice(tenant, number)
    rows = [
        {"number": number, "kind": head["kind"], "refers_to": head["refers_to"], "line": each["line"],
         "line_kind": each["kind"], "for_month": each["for_month"], "from_day": each["from_day"].isoformat(),
         "to_day": (each["until_day"] - timedelta(days=1)).isoformat(), "meter": each["meter"],
         "quantity": _shown(each, "quantity"), "included": _shown(each, "included"),
         "unit": METERS[each["meter"]].unit if each["meter"] in METERS else "",
         "amount": _plain(each["amount_cents"]), "currency": head["currency"], "description": each["description"]}
        for each in lines.to_dict("records")
    ]  # fmt: skip
    total = dict.fromkeys(rows[0]) | {"number": number, "kind": head["kind"], "refers_to": head["refers_to"],
                                      "line_kind": "total", "amount": _plain(head["total_cents"]),
                                      "currency": head["currency"], "description": _title(head)}  # fmt: skip
    return exports.to_csv(pd.DataFrame([*rows, total], dtype=object))


def to_pdf(tenant: str | UUID, number: int) -> bytes:
    """An invoice or credit note on letter paper. The same one gives the same bytes.

    Raises:
        UnknownTenant: No such tenant is open to this person.
        BadInput: The company has none of that number.
    """
    from reportlab.lib.pagesizes import letter  # noqa: PLC0415 - half a second that only who prints pays
    from reportlab.lib.units import mm  # noqa: PLC0415
    from reportlab.platypus import SimpleDocTemplate  # noqa: PLC0415

    head, lines = invoice(tenant, number)
    written = io.BytesIO()
    paper = SimpleDocTemplate(
        written, pagesize=letter, leftMargin=18 * mm, rightMargin=18 * mm, topMargin=18 * mm, bottomMargin=18 * mm,
        title=_title(head), author="Stormplay", invariant=1,
    )  # fmt: skip
    paper.build(_story(head, lines), onFirstPage=_ruled, onLaterPages=_ruled)
    return written.getvalue()


def _ruled(canvas: Any, _: Any) -> None:
    from stormplay.packs.paper import ruled  # noqa: PLC0415

    ruled(canvas)


def _story(head: Mapping[str, Any], lines: pd.DataFrame) -> list[Any]:
    from reportlab.lib import colors  # noqa: PLC0415
    from reportlab.lib.units import mm  # noqa: PLC0415
    from reportlab.platypus import Spacer, Table  # noqa: PLC0415

    from stormplay.packs.paper import said  # noqa: PLC0415

    grey = colors.HexColor(look.light("soft"))
    zone = ZoneInfo(head["time_zone"])
    begins, ends = head["period_from"].astimezone(zone), head["period_to"].astimezone(zone)
    about = (f"{begins:%d %B %Y %H:%M %Z} to {ends:%d %B %Y %H:%M %Z} ({head['time_zone']}) · "
             f"closed {head['closed_at'].astimezone(zone):%d %B %Y}")  # fmt: skip
    rows = [[said("What", 8.5, colour=grey), said(f"Amount, {head['currency']}", 8.5, colour=grey, is_right=True)]]
    for each in lines.to_dict("records"):
        rows.append([said(each["description"], 9.5), said(money(each["amount_cents"], ""), 9.5, is_right=True)])
    word = "Given back" if head["kind"] == "credit note" else "Total"
    total = money(head["total_cents"], head["currency"])
    rows.append([said(word, 11, bold=True), said(total, 11, bold=True, is_right=True)])
    table = Table(rows, colWidths=[134 * mm, 44 * mm], repeatRows=1)
    table.setStyle([
        ("LINEBELOW", (0, 0), (-1, -2), 0.5, colors.HexColor(look.light("line"))),
        ("LINEABOVE", (0, -1), (-1, -1), 1.0, colors.HexColor(look.light("ink"))),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 4),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
    ])  # fmt: skip
    reason = (
        [said(f"On invoice {head['refers_to']}: {head['reason']}", 10), Spacer(1, 3 * mm)] if head["reason"] else []
    )
    return [said(_title(head), 17, bold=True), Spacer(1, 2 * mm), said(head["org_name"], 11), Spacer(1, 1 * mm),
            said(about, 9, colour=grey), Spacer(1, 6 * mm), *reason, table, Spacer(1, 6 * mm),
            said(FOOT, 8.5, colour=grey)]  # fmt: skip


def _title(head: Mapping[str, Any]) -> str:
    return f"{str(head['kind']).capitalize()} {head['number']}, {head['month']:%B %Y}"


def _plain(cents: int) -> Decimal:
    """An amount as a number, so that one below zero is not taken for a formula and a column of them stays one."""
    return Decimal(cents).scaleb(-2)


def _shown(each: Mapping[Any, Any], name: str) -> str | int:
    """A quantity in the meter's unit, exactly; '' where the line has none."""
    if pd.isna(each[name]) or each["meter"] not in METERS:
        return ""
    raw, per = int(each[name]), METERS[each["meter"]].shown
    return raw if per == 1 else f"{raw // per}.{raw % per:09d}".rstrip("0").rstrip(".")
