"""A pack on paper: one HTML page that needs no network, with a box to tick and a line to write on for each stop, and
a QR code for each link, so that the way gets from paper into a phone."""

from __future__ import annotations

import html

import segno

from stormplay import look
from stormplay.packs.content import Pack, Stop
from stormplay.packs.links import Link, google

_STYLE = (
    look.tokens()
    + """
:root { color-scheme: light; } /* it is paper, by night too */
@page { size: letter; margin: 14mm 12mm; }
* { box-sizing: border-box; }
body { font: 11pt/1.35 var(--sp-font); color: var(--sp-ink); background: var(--sp-paper); margin: 0 auto;
  max-width: 190mm; }
h1 { font-size: 17pt; margin: 0 0 1mm; } h2 { font-size: 12.5pt; margin: 7mm 0 2mm; }
.meta, .foot { color: var(--sp-soft); font-size: 9.5pt; margin: 0 0 4mm; }
.warn { border: 1.5pt solid var(--sp-ink); padding: 2mm 3mm; font-weight: 600; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; font-size: 9pt; color: var(--sp-soft); }
td, th { padding: 1.6mm 1.5mm; border-bottom: 0.6pt solid var(--sp-frame); vertical-align: top; }
tr { break-inside: avoid; }
.n { width: 9mm; text-align: right; font-variant-numeric: tabular-nums; }
.box { width: 9mm; font-size: 14pt; line-height: 1; } .write { width: 62mm; } .no { font-weight: 700; }
.links { display: flex; flex-wrap: wrap; gap: 5mm; }
figure { margin: 0; width: 34mm; break-inside: avoid; text-align: center; }
figcaption { font-size: 9pt; } svg { width: 30mm; height: 30mm; }
@media (max-width: 600px) { body { padding: 4mm; } .write, th.write { display: none; } }
"""
)


def to_html(pack: Pack) -> str:
    """The page, for the browser's own printing too."""
    title = html.escape(pack.title)
    rows = "\n".join(_row(stop) for stop in pack.stops)
    synthetic = (
        '<p class="warn">Homes and owners are synthetic: this is a demonstration.</p>' if pack.is_synthetic else ""
    )
    crew = html.escape(pack.crew) or "no crew yet"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{_STYLE}</style></head><body>
<h1>{title}</h1>
<p class="meta">{html.escape(pack.company)} · {crew} · {pack.day:%A, %d %B %Y} · {_count(len(pack.stops))} ·
data of {pack.as_of:%Y-%m-%d %H:%M %Z}</p>{synthetic}
<table><thead><tr><th class="n"></th><th class="box"></th><th>Address</th><th>Status</th>
<th class="write">What happened</th></tr></thead><tbody>
{rows}
</tbody></table>
<h2>The way, for a phone</h2>
{_links(google(pack))}
<p class="foot">A link takes four stops, as many as a phone's map app takes. Hail at a home is modelled from reports;
only who looks at a roof knows. Who has said no is not visited.</p>
</body></html>
"""


def _row(stop: Stop) -> str:
    where = html.escape(stop.address)
    if stop.do_not_knock:
        where += ' <span class="no">DO NOT KNOCK</span>'
    elif stop.latitude is None:
        where += " (place not known)"
    status = html.escape(stop.status.replace("_", " "))
    box = "" if stop.do_not_knock else "&#9744;"
    return (f'<tr id="s{html.escape(stop.stop_id)}"><td class="n">{stop.number}</td><td class="box">{box}</td>'
            f'<td>{where}</td><td>{status}</td><td class="write"></td></tr>')  # fmt: skip


def _links(links: list[Link]) -> str:
    if not links:
        return "<p>No stop has a place to drive to.</p>"
    return '<div class="links">' + "".join(_figure(link) for link in links) + "</div>"


def _figure(link: Link) -> str:
    code = segno.make(link.url, error="m", micro=False)
    drawn = code.svg_inline(omitsize=True, border=2, svgclass=None, lineclass=None)
    return (f'<figure><a href="{html.escape(link.url)}">{drawn}</a>'
            f"<figcaption>{link.title}</figcaption></figure>")  # fmt: skip


def _count(n: int) -> str:
    return "1 stop" if n == 1 else f"{n:,} stops"
