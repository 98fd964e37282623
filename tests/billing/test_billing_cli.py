"""`stormplay billing`, from its arguments to its exit code."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from command import in_process
from world import make_world

from stormplay.billing import metering


@pytest.fixture(scope="module")
def world(database):
    return make_world(treat=4, hold_out=1, skip=1, suppressed=0, without_place=0)


@pytest.fixture
def billing(database):
    return lambda *arguments: in_process("billing", *arguments, home=database)


def test_a_company_from_its_plan_to_its_invoice(world, billing, tmp_path):
    mine = ("--tenant", world.tenant)
    assert "Storage" in billing("plans").stdout
    terms = {"reports": {"included": 2, "tiers": [{"up_to": None, "micros": 500_000}]}}
    (tmp_path / "terms.json").write_text(json.dumps(terms))
    added = billing("add-plan", "tiny", "--base-cents", 1_000, "--terms", tmp_path / "terms.json")
    assert added.stdout == "Tiny, version 1 is in the catalogue.\n"
    assert billing("time-zone", *mine, "--zone", "America/Denver").returncode == 0
    assert billing("subscribe", *mine, "--plan", "tiny", "--from", "2024-03-01").returncode == 0
    metering.record(world.tenant, "reports", "three", 3, datetime(2024, 4, 1, 5, 59, tzinfo=UTC))  # still March there
    said = billing("usage", *mine, "--month", "2024-03")
    assert "150 % of the 2 reports included are used." in said.stdout
    assert "March 2024 comes to 10.50 USD so far" in said.stdout
    assert billing("close", *mine, "--month", "2024-03").stdout == f"{world.tenant}: invoice 1, 10.50 USD\n"
    again = billing("close", *mine, "--month", "2024-03")
    assert again.returncode == 5 and "is closed already" in again.stderr
    credit = billing("credit", *mine, "--invoice", 1, "--cents", 50, "--reason", "One was blank")
    assert credit.stdout == "Credit note 2 on invoice 1: 0.50 USD.\n"
    assert [line.split()[0] for line in billing("invoices", *mine).stdout.splitlines()] == ["number", "2", "1"]
    assert (
        '"Reports, 1 to 31 March: 3 reports, 1 beyond the 2 included"'
        in billing("invoice", *mine, "--number", 1).stdout
    )
    paper = tmp_path / "march.pdf"
    assert billing("invoice", *mine, "--number", 1, "--out", paper).returncode == 0
    assert paper.read_bytes().startswith(b"%PDF")
    assert billing("end", *mine, "--day", "2024-04-01").returncode == 0
    assert "no plan, and nothing that came late" in billing("close", *mine, "--month", "2024-04").stdout
    assert "hours of usage summed up" in billing("meter").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("subscribe", "--tenant", "nobody", "--plan", "crew", "--from", "2024-01-01"), "no tenant 'nobody'"),
        (("subscribe", "--tenant", "nobody", "--plan", "crew", "--from", "1 March"), "is no day"),
        (("close", "--tenant", "nobody", "--month", "March"), "is no month"),
        (("invoice", "--tenant", "nobody", "--number", 1, "--out", "x.doc"), "Expected a name that ends in"),
        (("usage", "--tenant", "nobody"), "no tenant 'nobody' open to you"),
        (("add-plan", "x", "--base-cents", 1, "--terms", "/none.json"), "cannot be read as JSON"),
    ],
)
def test_what_is_wrong_is_a_sentence_and_exit_code_2(billing, arguments, said):
    done = billing(*arguments)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr
