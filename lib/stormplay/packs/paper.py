"""A pack as PDF, for a printer or a phone without a network: the same stops, boxes and QR codes as the HTML page."""

from __future__ import annotations

import io
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing, Rect
from reportlab.lib import colors
from reportlab.lib.enums import TA_LEFT, TA_RIGHT
from reportlab.lib.pagesizes import letter
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table

from stormplay import look
from stormplay.packs.content import Pack, Stop
from stormplay.packs.links import Link, google

FOOT = ("A link takes four stops, as many as a phone's map app takes. Hail at a home is modelled from reports; only "
        "who looks at a roof knows. Who has said no is not visited.")  # fmt: skip
_INK, _GREY, _LINE = (colors.HexColor(look.light(name)) for name in ("ink", "soft", "frame"))
_LINKS_A_ROW = 5


def to_pdf(pack: Pack) -> bytes:
    """The page on letter paper. The same pack gives the same bytes."""
    written = io.BytesIO()
    paper = SimpleDocTemplate(
        written, pagesize=letter, leftMargin=12 * mm, rightMargin=12 * mm, topMargin=14 * mm, bottomMargin=16 * mm,
        title=pack.title, author=pack.company, invariant=1,
    )  # fmt: skip
    paper.build(_story(pack), onFirstPage=_numbered(pack), onLaterPages=_numbered(pack))
    return written.getvalue()


def _story(pack: Pack) -> list[Flowable]:
    count = "1 stop" if len(pack.stops) == 1 else f"{len(pack.stops):,} stops"
    head = (f"{pack.company} · {pack.crew or 'no crew yet'} · {pack.day:%A, %d %B %Y} · {count} · "
            f"data of {pack.as_of:%Y-%m-%d %H:%M %Z}")  # fmt: skip
    story = [said(pack.title, 17, bold=True), Spacer(1, 2 * mm), said(head, 9, colour=_GREY), Spacer(1, 3 * mm)]
    if pack.is_synthetic:
        story += [said("Homes and owners are synthetic: this is a demonstration.", 10, bold=True), Spacer(1, 3 * mm)]
    story.append(_table(pack) if pack.stops else said("No stop is on it.", 10))
    links = google(pack)
    head_of_links = [Spacer(1, 6 * mm), said("The way, for a phone", 12.5, bold=True), Spacer(1, 2 * mm)]
    first, *others = _codes(links) if links else [said("No stop has a place to drive to.", 10)]
    story += [KeepTogether([*head_of_links, first]), *others]
    return [*story, Spacer(1, 3 * mm), said(FOOT, 8.5, colour=_GREY)]


def _table(pack: Pack) -> Table:
    rows: list[list[Any]] = [
        ["", "", *(said(word, 8.5, colour=_GREY) for word in ("Address", "Status", "What happened"))]
    ]
    rows += [_row(stop) for stop in pack.stops]
    made = Table(rows, colWidths=[9 * mm, 8 * mm, 82 * mm, 30 * mm, 62 * mm], repeatRows=1)
    made.setStyle([
        ("LINEBELOW", (0, 0), (-1, -1), 0.5, _LINE),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("ALIGN", (0, 0), (0, -1), "RIGHT"),
        ("TOPPADDING", (0, 0), (-1, -1), 4),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
    ])  # fmt: skip
    return made


def _row(stop: Stop) -> list[Any]:
    where = escape(stop.address)
    if stop.do_not_knock:
        where += " <b>DO NOT KNOCK</b>"
    elif stop.latitude is None:
        where += " (place not known)"
    box = Drawing(10, 10)
    if not stop.do_not_knock:
        box.add(Rect(0.5, 0.5, 8.5, 8.5, strokeColor=_INK, fillColor=None, strokeWidth=0.8))
    status = said(stop.status.replace("_", " "), 9.5)
    return [said(str(stop.number), 9.5), box, said(where, 9.5, is_markup=True), status, ""]


def _codes(links: list[Link]) -> list[Flowable]:
    """The QR codes in rows; a row is never cut by the end of a page."""
    cells = [[_code(link.url), said(link.title, 8.5)] for link in links]
    rows = [cells[at : at + _LINKS_A_ROW] for at in range(0, len(cells), _LINKS_A_ROW)]
    return [Table([row + [""] * (_LINKS_A_ROW - len(row))], colWidths=[38 * mm] * _LINKS_A_ROW) for row in rows]


def _code(url: str) -> Drawing:
    side = 30 * mm
    widget = QrCodeWidget(url, barLevel="M", barBorder=2, barWidth=side, barHeight=side)
    drawn = Drawing(side, side)
    drawn.add(widget)
    return drawn


def said(
    text: str,
    size: float,
    *,
    bold: bool = False,
    colour: Any = _INK,
    is_markup: bool = False,
    is_right: bool = False,
) -> Paragraph:
    """A paragraph in our font; text is taken as it is unless it is markup."""
    regular, heavy = fonts()
    style = ParagraphStyle(
        "said", fontName=heavy if bold else regular, fontSize=size, leading=size * 1.3, textColor=colour,
        alignment=TA_RIGHT if is_right else TA_LEFT,
    )  # fmt: skip
    return Paragraph(text if is_markup else escape(text), style)


@cache
def fonts() -> tuple[str, str]:
    """Bitstream Vera, which comes with the library: names have accents, and a printer may have no font of ours."""
    for name, file in (("Vera", "Vera.ttf"), ("VeraBd", "VeraBd.ttf")):
        pdfmetrics.registerFont(TTFont(name, file))
    pdfmetrics.registerFontFamily("Vera", normal="Vera", bold="VeraBd", italic="Vera", boldItalic="VeraBd")
    return "Vera", "VeraBd"


def ruled(canvas: Any) -> None:
    """The line on the head of every sheet of ours, in the colour of the pages."""
    canvas.setStrokeColor(colors.HexColor(look.light("accent")))
    canvas.setLineWidth(2)
    canvas.line(12 * mm, letter[1] - 9 * mm, letter[0] - 12 * mm, letter[1] - 9 * mm)


def _numbered(pack: Pack) -> Any:
    def draw(canvas: Any, document: Any) -> None:
        ruled(canvas)
        canvas.setFont(fonts()[0], 8)
        canvas.setFillColor(_GREY)
        canvas.drawString(12 * mm, 8 * mm, pack.title[:80])
        canvas.drawRightString(letter[0] - 12 * mm, 8 * mm, f"Page {document.page}")

    return draw
