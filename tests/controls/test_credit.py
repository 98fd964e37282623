"""The half of the page about credit, over journeys in memory: what a reader sees and chooses, without a browser."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import sys
from html import unescape
from pathlib import Path

import pytest

from stormplay.controls import credit_sections as sections
from stormplay.controls.credit import CreditPart
from stormplay.controls.credit_state import read, totals
from stormplay.errors import BadInput, UnknownStorm, UnknownTenant
from stormplay.score import Counts

sys.path.insert(0, str(Path(__file__).parent))
import memory_credit as memory


@pytest.fixture
def engine():
    return memory.MemoryAttribution()


@pytest.fixture(autouse=True)
def no_server(monkeypatch):
    monkeypatch.delenv("SERVER_SOFTWARE", raising=False)


def opened(engine, **options):
    part = CreditPart(memory.maker(engine), **options)
    part.open("lone-star", "2021-04-28")
    return part


def told(*story):
    return memory.MemoryAttribution(memory.homes(story))


def text_of(html):
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))).strip()


def value(part, name):
    return text_of(part._html[name].value)


def everything(part):
    words = "".join(widget.value for widget in part._html.values())
    return words + "".join(chart.block for chart in part.charts.values())


def shown(part):
    named = (*part._html.values(), *part.charts.values())
    return [widget for widget in named if widget.layout.display != "none"]


# ---- what it says


def test_the_answer_says_what_is_shared_out_what_was_caused_and_what_is_left_out(engine):
    said = value(opened(engine), "answer")
    assert "4 of 6 touched homes with a known outcome signed (66.7 %), worth $41,500" in said
    assert "Caused by treating about 16 -16 to 48 signatures, by the experiment; it may be none" in said
    assert "Methods disagree most on" in said and "Data as of 27 Jun 2021, 23:00 UTC" in said
    assert "Synthetic data" in said and "3 touches after a signature: not counted." in said


def test_credit_is_never_shown_without_saying_that_it_is_no_cause(engine):
    part = opened(engine)
    for name in ("caution", "cause_words"):
        assert value(part, name).startswith("Credit is not cause.") and 'role="note"' in part._html[name].value
    assert part.compared.children[0] is part._html["caution"], "above the chart"
    assert "treating caused about 16 (-16 to 48; it may be none)" in value(part, "caution")
    assert "tells no channel from another" in value(part, "cause_words")
    assert "Credited</b> to channels: 4" in str(part.charts["cause"].payload)


def test_without_outcomes_of_both_arms_nothing_is_said_to_be_caused():
    part = opened(memory.MemoryAttribution(counts=Counts(decided=9, treat=6, hold_out=3)))
    assert "not known yet" in value(part, "answer") and "is not known yet" in value(part, "caution")
    assert "What treating caused cannot be said" in value(part, "cause_words")
    assert "cannot be drawn yet" in part.charts["cause"].block


def test_the_figures_of_every_method_add_up_and_the_words_are_the_engines(engine):
    part = opened(engine)
    rows = re.findall(r"<tr>(.*?)</tr>", part._html["figures"].value)
    cells = [[text_of(cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)] for row in rows]
    assert cells[0] == ["Channel", "First touch", "Last touch", "Linear", "Time decay", "Position", "Markov", "Shapley"]
    assert cells[-1] == ["All", *["4.0"] * 7]
    assert len(cells) == 2 + 5 and [row[0] for row in cells[1:-1]] == list(part.credit.table.index)
    assert value(part, "disagreement") == text_of(f"<p>{part.credit.found.disagreement()}</p>".replace(memory.EVIL, ""))
    assert "7 methods" in part.charts["dots"].block


def test_by_dollars_all_of_it_is_in_dollars(engine):
    part = opened(engine)
    part.by_box.value = "dollars"
    assert "$41,500" in value(part, "figures") and "of $41,500" in value(part, "disagreement")
    assert "by the experiment" in value(part, "answer")
    assert part.credit.amount == "value" and opened(engine, by="dollars").credit.by == "dollars"


def test_a_half_life_in_days_changes_time_decay_alone(engine):
    part = opened(engine)
    before = part.credit.table.copy()
    part.half_life_box.value = 0.25
    after = part.credit.table.loc[before.index]
    assert engine.asked[-1] == ("2021-04-28", 0.25)
    assert not after["time_decay"].round(6).equals(before["time_decay"].round(6))
    assert after.drop(columns="time_decay").equals(before.drop(columns="time_decay"))
    assert "a touch 0.25 days earlier has half the credit" in part.charts["dots"].block


def test_the_file_has_every_method_and_channel_and_runs_nothing(engine):
    engine.homes.at[0, "path"] = ["=cmd()", "call", "web"]
    link = opened(engine)._html["file"].value
    assert 'download="credit 2021-04-28.csv"' in link
    content = base64.b64decode(re.search(r"base64,([^\"]*)", link)[1]).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content)))
    assert len(rows) == 7 * 6 and {"'=cmd()", "call", "web"} < {row["channel"] for row in rows}
    for method in {row["method"] for row in rows}:
        own = [row for row in rows if row["method"] == method]
        assert sum(float(row["signatures_credited"]) for row in own) == pytest.approx(4)
        assert sum(float(row["dollars_credited"]) for row in own) == pytest.approx(41_500, abs=0.1)
        assert sum(float(row["share_of_signatures"]) for row in own) == pytest.approx(1, abs=1e-4)


def test_every_home_is_in_one_line_of_the_ledger(engine):
    said = value(opened(engine), "ledger")
    assert "Signed 4 " in said and "Pending 1 " in said and "Signed untouched 1 " in said and "All 9 " in said


# ---- a household


def test_without_a_household_it_says_how_to_choose_one(engine):
    part = opened(engine)
    assert "Look one up above" in part.charts["timeline"].block and value(part, "journeys") == ""
    part.household(["somebody untouched"])
    assert "No touch and no outcome of this household" in part.charts["timeline"].block


def test_a_households_journeys_are_told_and_drawn_over_all_storms(engine):
    part = opened(engine)
    part.household(["home 2", "home 7"])
    said = value(part, "journeys")
    assert (
        "1204 Meadow Lane after North Tarrant hail, 28 Apr 2021: 3 touches (mail → call twice); signed on 01 Jun 2021 "
        "for $20,000. 1 touch came after the signature and earns nothing."
    ) in said
    assert "no touch; signed on 03 Jun 2021. No touch came before, so nobody is credited." in said
    assert "1204 Meadow Lane after Hail of 2020: 1 touch (door); not signed, as of 27 Jun 2020." in said
    assert "Street after Hail of 2020: 1 touch (door); the outcome is not known yet." in said
    drawn = part.charts["timeline"].payload
    names = {trace.get("name") for trace in drawn["data"]}
    assert {"a touch that counts", "after the signature: does not count", "signed", "not signed"} <= names
    assert "1 touch came after the signature" in part.charts["timeline"].block


def test_a_signature_is_shared_out_by_each_method_and_a_half_life_reaches_it_too(engine):
    part = opened(engine)
    part.household(["home 2"])
    assert "First touch 100 % 0 %" in value(part, "journeys") and "Linear 33 % 67 %" in value(part, "journeys")
    by_steps = value(part, "journeys")
    part.half_life_box.value = 30.0
    assert part.credit.property_ids == ("home 2",) and value(part, "journeys") != by_steps
    assert "a touch 30 days earlier has half the credit" in value(part, "journeys")


def test_a_journey_of_one_channel_needs_no_table(engine):
    engine.touched = engine.touched[engine.touched["channel"] != "mail"]
    part = opened(engine)
    part.household(["home 2"])
    assert "Every method gives call all of it." in value(part, "journeys")


def test_a_household_stays_with_another_storm_and_goes_with_another_company(engine):
    part = opened(engine)
    part.household(["home 2"])
    part.open("lone-star", "2020-04-28")
    assert part.credit.property_ids == ("home 2",) and part.credit.storm == "2020-04-28"
    part.open("trinity", "2020-04-28")
    assert part.credit.property_ids == () and "Look one up above" in part.charts["timeline"].block
    part.household(["home 7"])
    part.household([])
    assert part.credit.journeys == ()


# ---- too little to say


@pytest.mark.parametrize(
    ("story", "words"),
    [
        ([], "Nothing to credit yet: a journey needs a touch and a known outcome."),
        ([(["door"], None, None, "treat", 0)], "Nothing to credit yet"),
        ([(["door", "call"], False, None, "treat", 0)], "No journey has ended in a signature yet"),
    ],
)
def test_where_there_is_nothing_to_credit_it_says_what_to_do(story, words):
    part = opened(told(*story))
    assert words in value(part, "answer") and words in part.charts["dots"].block
    assert value(part, "figures") == value(part, "file") == value(part, "caution") == ""
    assert totals(part.credit.found)["most_credited"] is None
    assert sections.timeline(part.credit)


def test_of_one_channel_there_is_nothing_to_compare():
    part = opened(told((["door"], True, 100, "treat", 0), (["door"], False, None, "treat", 0)))
    assert "Every touch on record is by door" in value(part, "disagreement")
    assert "Record the letters, calls and texts too" in value(part, "disagreement")


def test_without_a_value_on_record_there_are_no_dollars_to_share():
    part = opened(told((["door", "call"], True, None, "treat", 0)), by="dollars")
    assert "there are no dollars to credit" in part.charts["dots"].block and "no dollars on record" in value(
        part, "answer"
    )
    part.by_box.value = "signatures"
    assert "All 1.0" in value(part, "figures")


def test_many_channels_are_all_in_the_file_and_the_first_in_the_table():
    part = opened(told(*((["door", f"channel {k:02}"], True, 100, "treat", 0) for k in range(50))))
    assert "21 more channels" in value(part, "figures") and "31 channels with less credit" in part.charts["dots"].block


# ---- what goes wrong


@pytest.mark.parametrize(
    ("tenant", "storm", "error"), [("nobody", "x", UnknownTenant), ("lone-star", "x", UnknownStorm)]
)
def test_what_cannot_be_opened_is_raised_and_nothing_of_before_stays_in_view(engine, tenant, storm, error):
    part = opened(engine)
    with pytest.raises(error):
        part.open(tenant, storm)
    assert part.credit is None and shown(part) == []
    part.household(["home 2"])
    part.by_box.value = "dollars"
    assert part.credit is None and part.message.text == ""
    part.open("lone-star", "2021-04-28")
    assert len(shown(part)) == 11


def test_a_choice_that_fails_is_a_sentence_and_the_former_credit_stays(engine):
    part = opened(engine)
    engine.fails = BadInput("The outcomes cannot be read.")
    part.half_life_box.value = 7.0
    assert "The outcomes cannot be read." in part.message.text and part.credit.half_life_days is None


def test_a_wrong_parameter_is_refused(engine):
    for options, words in (({"by": "clicks"}, "'clicks'"), ({"half_life_days": -1}, "-1"),
                           ({"half_life_days": float("nan")}, "nan")):  # fmt: skip
        with pytest.raises(BadInput, match=words):
            CreditPart(memory.maker(engine), **options)
    with pytest.raises(BadInput, match="no property id"):
        opened(engine).household(["no id"])


def test_no_name_becomes_markup(engine):
    part = opened(engine)
    part.household(["home 2", "home 7"])
    found = everything(part)
    assert "<img" not in found and "&lt;img" in found and "Lone &lt;Star&gt;" in found
    assert "<img" not in str([chart.payload for chart in part.charts.values()])


# ---- a report


def test_a_report_says_the_same_as_the_live_page(engine):
    part = opened(engine)
    part.household(["home 2"])
    one = read(engine, "lone-star", "2021-04-28").for_household(engine, ["home 2"])
    parts = {"answer": ["answer"], "compared": ["caution", "disagreement", "figures", "file"],
             "caused": ["cause_words"], "ledger": ["ledger"], "timeline": ["journeys"]}  # fmt: skip
    for name, pieces in parts.items():
        whole = getattr(sections, name)(one)
        for piece in pieces:
            assert part._html[piece].value in whole
    assert sections.compared(one).count("sp-chart-data") == sections.timeline(one).count("sp-chart-data") == 1


def test_the_experiment_is_a_link_where_its_page_is(engine, monkeypatch, tmp_path):
    assert "href" not in opened(engine)._html["cause_words"].value
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5")
    (tmp_path / "treatment.ipynb").touch()
    monkeypatch.chdir(tmp_path)
    assert 'href="treatment.ipynb?tenant=lone-star&amp;storm=2021-04-28"' in opened(engine)._html["cause_words"].value


def test_the_recorded_numbers_are_plain_scalars(engine):
    found = totals(opened(engine).credit.found)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert {name: found[name] for name in ("credited_homes", "credited_signatures", "credited_of_treated", "channels",
                                           "credited_dollars", "homes_pending", "late_touches")} == {
        "credited_homes": 6, "credited_signatures": 4, "credited_of_treated": 3, "channels": 5,
        "credited_dollars": 41_500.0, "homes_pending": 1, "late_touches": 3,
    }  # fmt: skip
    assert found["caused_low"] < found["caused"] < found["caused_high"]
    empty = totals(opened(memory.MemoryAttribution(counts=Counts())).credit.found)
    assert empty["caused"] is None and empty["caused_low"] is None
