"""The tokens of the look: enough contrast by day and by night, and no colour written anywhere else."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from stormplay import charts, look
from stormplay.charts.palette import SERIES

SHARE = Path(look.__file__).parent / "share"
STATIC = SHARE / "jupyter/voila/templates/stormplay/static"
WORDS = [
    *((word, ground) for word in ("ink", "soft", "accent", "accent-dark", "good", "warn", "bad", "muted")
      for ground in ("paper", "ground")),
    *((word, f"{word}-pale") for word in ("good", "warn", "bad", "muted", "accent")),
    ("accent-dark", "accent-pale"), ("soft", "accent-pale"), ("ink", "accent-pale"), ("ink", "hair"),
    ("on-ink", "ink"), ("on-accent", "accent"), ("on-accent", "accent-dark"), ("on-accent", "bad"),
    ("on-accent", "bad-dark"),
]  # fmt: skip
MARKS = [(mark, ground) for mark in ("edge", "focus", "good-mark", "warn-mark", "bad-mark", "muted-mark", "accent")
         for ground in ("paper", "ground")]  # fmt: skip


def channels(colour):
    return np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])


def luminance(rgb):
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def turned(colour):
    """What `--sp-turned` makes of a colour: invert(1), then hue-rotate(180deg) as Filter Effects 1 writes it."""
    matrix = np.array([[-0.574, 1.430, 0.144], [0.426, 0.430, 0.144], [0.426, 1.430, -0.856]])
    return np.clip(matrix @ (1 - channels(colour)), 0, 1)


@pytest.mark.parametrize("night", [0, 1], ids=["day", "night"])
def test_words_and_marks_stand_out(night):
    """WCAG 2.2: words 4.5:1 (1.4.3), edges and marks 3:1 (1.4.11)."""
    colours = {name: channels(both[night]) for name, both in look.colours().items()}
    assert [(*pair, kept) for pair in WORDS if (kept := contrast(*(colours[name] for name in pair))) < 4.5] == []
    assert [(*pair, kept) for pair in MARKS if (kept := contrast(*(colours[name] for name in pair))) < 3] == []


def test_charts_stand_out_by_night_too():
    paper = channels(look.colours()["paper"][1])
    assert min(contrast(turned(charts.COLOURS[name]), paper) for name in ("ink", "soft")) >= 4.5
    assert min(contrast(turned(colour), paper) for colour in (*charts.COLOURS.values(), *SERIES)) >= 3


def test_a_label_on_a_chart_has_the_ground_that_the_chart_has():
    colours = look.colours()
    assert np.abs(turned(colours["turned-paper"][1]) - channels(colours["paper"][1])).max() <= 1 / 255
    assert colours["turned-paper"][0] == colours["paper"][0]


def test_no_colour_is_written_beside_the_tokens():
    css = re.sub(r"/\*.*?\*/", "", (STATIC / "stormplay.css").read_text(), flags=re.DOTALL)
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(", css) == []
    for path in (SHARE / "widgets").glob("*.css"):  # which also stand where no page of ours does, with a day's value
        text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        alone = re.findall(r"(?<![,\w-] )#[0-9a-fA-F]{3,8}\b", text)
        assert alone == [], (path.name, alone)


def test_each_token_that_is_used_exists():
    known = set(re.findall(r"(--sp-[\w-]+):", look.tokens()))
    sheets = [STATIC / "stormplay.css", SHARE / "leaflet/stormplay_map.css", *(SHARE / "widgets").glob("*.css")]
    own = {"--sp-tone"}  # of a piece, for what is in it
    assert {name for sheet in sheets for name in re.findall(r"var\((--sp-[\w-]+)", sheet.read_text())} - known <= own


def test_paper_is_printed_in_the_colours_of_day():
    assert look.light("ink") == "#17212e"
    with pytest.raises(KeyError):
        look.light("mauve")
