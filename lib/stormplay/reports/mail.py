"""What came of a company's reports, as one mail to that company's recipients: key figures, freshness, the pages.

A mail holds the reports of one company. Who gets it is said for each company by its name, so that a list of recipients
never gets another company's reports.
"""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import Any

from stormplay import clock, look
from stormplay.errors import BadInput, Busy
from stormplay.post import checked, one_line
from stormplay.reports import contracts, figures
from stormplay.reports.fan_out import Outcome
from stormplay.reports.orders import Order
from stormplay.reports.publishing import Report

MOST_BYTES = 15_000_000  # of attachments; a mail is a third larger, and many servers take no more than 25 MB
_KINDS = {".pdf": ("application", "pdf"), ".html": ("text", "html")}
_SYNTHETIC = "This company is a demonstration: its homes, owners and outcomes are synthetic."
_CELL = f"padding:4px 16px 4px 0;border-bottom:1px solid {look.light('line')};text-align:left;vertical-align:top"
_PAGE = f"max-width:640px;overflow-wrap:anywhere;font:15px/1.5 system-ui,sans-serif;color:{look.light('ink')}"


@dataclass(frozen=True)
class Letters:
    """Who sends mails, and who gets one about which company.

    Attributes:
        sender: The address in From.
        to: Recipients by the company's id.
    """

    sender: str
    to: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class _Part:
    """What a mail says of one report."""

    heading: str
    lines: tuple[str, ...]
    figures: tuple[tuple[str, str], ...] = ()


def letters(sender: str, given: Sequence[str], orders: Sequence[Order]) -> Letters:
    """Who gets a mail, from what the command line says.

    Args:
        sender: The address in From.
        given: Addresses where all orders are for one company; else `company=address`.
        orders: What will be made.

    Raises:
        BadInput: An address is none, or it is not said which of several companies it is for.
    """
    ids = {name: order.tenant_id for order in orders for name in (order.tenant, order.tenant_id)}
    to: dict[str, list[str]] = {}
    for one in given:
        company, equals, address = one.partition("=")
        if equals and company in ids:
            to.setdefault(ids[company], []).append(checked(address))
        elif len(set(ids.values())) == 1 and (not equals or "@" in company):
            to.setdefault(orders[0].tenant_id, []).append(checked(one))
        else:
            names = ", ".join(sorted({order.tenant for order in orders}))
            raise BadInput(
                f"--mail-to {one!r} does not say whose reports that address gets.",
                f"Expected company=address with a company of these: {names}.",
                "A mail holds the reports of one company and goes to its own recipients only.",
            )
    return Letters(checked(sender), {one: tuple(dict.fromkeys(addresses)) for one, addresses in to.items()})


def messages(outcomes: Iterable[Outcome], to: Letters, without_pdf: str = "") -> Iterator[EmailMessage]:
    """One mail for each company that has recipients and something to tell.

    Args:
        outcomes: What came of all reports. What another run is making is left to that run.
        to: Who gets a mail.
        without_pdf: Why there is no PDF; '' where there is.
    """
    by_company: dict[str, list[Outcome]] = {}
    for one in outcomes:
        if one.report is not None or not (one.error is None or isinstance(one.error, Busy)):
            by_company.setdefault(one.order.tenant_id, []).append(one)
    for tenant_id, ours in by_company.items():
        if tenant_id in to.to:
            yield message(ours, to.sender, to.to[tenant_id], without_pdf)


def message(outcomes: Sequence[Outcome], sender: str, recipients: Sequence[str], without_pdf: str = "") -> EmailMessage:
    """One mail about reports of one company.

    Raises:
        BadInput: They are of several companies.
    """
    orders = [one.order for one in outcomes]
    if len({order.tenant_id for order in orders}) != 1:
        raise BadInput("A mail holds the reports of one company.", "Expected outcomes of one.")
    files: list[tuple[str, bytes]] = []
    parts = [_part(one, files, without_pdf) for one in outcomes]
    made = sum(one.report is not None for one in outcomes)
    as_of = (
        figures.moment(_told(next(one.report for one in outcomes if one.report), orders[0])["as_of"]) if made else ""
    )
    storms = list(dict.fromkeys(order.storm_name or order.storm for order in orders))
    about = storms[0] if len(storms) == 1 else f"{len(storms)} storms"
    missing = f" ({len(outcomes) - made} of {len(outcomes)} not made)" if made < len(outcomes) else ""
    company = one_line(orders[0].company or orders[0].tenant)
    intro = [f"{_reports(made)} of {len(outcomes)} made{f', as of {as_of}' if as_of else ''}."]
    if orders[0].is_synthetic:
        intro.append(_SYNTHETIC)

    found = EmailMessage(policy=SMTP)
    found["From"] = Address(addr_spec=sender, display_name="Stormplay")
    found["To"] = [Address(addr_spec=one) for one in recipients]
    found["Subject"] = one_line(f"{company}: {about}{f', {as_of}' if as_of else ''}{missing}")
    found["Date"] = format_datetime(clock.now())
    found["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    found["Auto-Submitted"] = "auto-generated"
    found.set_content(_plain(company, intro, parts))
    found.add_alternative(_html(company, intro, parts), subtype="html")
    for name, data in files:
        kind, sub = _KINDS[f".{name.rpartition('.')[2]}"]
        found.add_attachment(data, maintype=kind, subtype=sub, filename=name)
    return found


def _part(outcome: Outcome, files: list[tuple[str, bytes]], without_pdf: str) -> _Part:
    order, report = outcome.order, outcome.report
    heading = one_line(f"{_title(order)} – {order.storm_name or order.storm}")
    if report is None:
        why = outcome.error
        said = " ".join(part for part in (why.what, why.expected) if part) if why else "It was not begun."
        return _Part(heading, (f"Not made. {said}",))
    told = _told(report, order)
    aged = figures.moment(told["data_as_of"])
    lines = [f"Data as of {aged}." if aged else "It does not say how old its data are."]
    return _Part(
        heading, (*lines, _attached(report, told, files, without_pdf)), tuple(figures.in_words(told["recorded"]))
    )


def _told(report: Report, order: Order) -> dict[str, Any]:
    """A report's result.

    Raises:
        BadInput: It is of another company than the order.
    """
    told: dict[str, Any] = json.loads(report.result.read_bytes())
    if told["tenant"]["tenant_id"] != order.tenant_id:
        raise BadInput(f"{report.result} is not about {order.tenant}; nothing was sent.")
    return told


def _attached(report: Report, told: Mapping[str, Any], files: list[tuple[str, bytes]], without_pdf: str) -> str:
    """Attach the page, and say so; or say why not and where it is."""
    file = report.pdf or report.html
    data = file.read_bytes()
    if hashlib.sha256(data).hexdigest() != told["files"][file.name]["sha256"]:
        return f"Not attached: it has been made anew since. It is at {file}."
    if sum(len(each) for _, each in files) + len(data) > MOST_BYTES:
        return f"Not attached: the mail would be too large. It is at {file}."
    files.append((file.name, data))
    if report.pdf is None:
        return f"Attached as a page to open in a browser, {file.name}. {without_pdf}".strip()
    return f"Attached: {file.name}."


def _title(order: Order) -> str:
    cells = json.loads(order.notebook.read_text(encoding="utf-8"))["cells"]
    return one_line(contracts.title("".join(cells[0]["source"]) if cells else "", order.notebook.stem))


def _reports(number: int) -> str:
    return f"{number} {'report' if number == 1 else 'reports'}"


def _plain(company: str, intro: Sequence[str], parts: Sequence[_Part]) -> str:
    lines = [company, *intro]
    for part in parts:
        lines += ["", part.heading, "-" * min(70, len(part.heading)), *part.lines]
        lines += [f"  {label}: {value}" for label, value in part.figures]
    return "\n".join(lines) + "\n"


def _html(company: str, intro: Sequence[str], parts: Sequence[_Part]) -> str:
    body = [f'<h1 style="font-size:22px;margin:0 0 8px">{html.escape(company)}</h1>', *map(_paragraph, intro)]
    for part in parts:
        body.append(f'<h2 style="font-size:17px;margin:24px 0 4px">{html.escape(part.heading)}</h2>')
        body += map(_paragraph, part.lines)
        if part.figures:
            rows = "".join(
                f'<tr><th scope="row" style="{_CELL};font-weight:normal">{html.escape(label)}</th>'
                f'<td style="{_CELL};font-weight:600">{html.escape(value)}</td></tr>\n'
                for label, value in part.figures
            )
            body.append(f'<table style="border-collapse:collapse;font-size:14px">{rows}</table>')
    page = "\n".join(body)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(company)}</title></head>\n'
        f'<body><div style="{_PAGE}">\n{page}\n</div></body></html>\n'
    )


def _paragraph(said: str) -> str:
    return f'<p style="margin:0 0 6px">{html.escape(said)}</p>'
