"""A company's health over a real database: each dimension, who may know what, and nothing of another company."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import pandas as pd
import psycopg2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from stormplay import TenantHealth, accounts, health, tenancy
from stormplay import database as db
from stormplay.errors import BadInput, NotAllowed, UnknownStorm, UnknownTenant

sys.path.insert(0, str(Path(__file__).parent))
from unwell import member, unwell
from world import make_world


@pytest.fixture(scope="module")
def ill(database):
    return unwell()


@pytest.fixture(scope="module")
def other(database):
    return make_world(treat=5, hold_out=1, skip=1, suppressed=0, without_place=0)


@pytest.fixture(scope="module")
def people(ill, other):
    member(ill.tenant, "hl-admin", "admin")
    member(ill.tenant, "hl-viewer", "viewer")
    member(other.tenant, "hl-both", "admin")
    member(ill.tenant, "hl-both", "admin")
    member(other.tenant, "hl-mixed", "viewer")
    member(ill.tenant, "hl-mixed", "admin")
    member(other.tenant, "hl-other", "admin")


def test_each_dimension_says_its_number_of_what_and_the_next_action(ill):
    found = TenantHealth(ill.tenant).read()
    told = {one.name: (one.state, one.figure, one.page or one.command) for one in found.dimensions}
    assert told["quality"] == ("act", "20 issues in 200 checks of 1 open storm (10.0 %)", "tenant_health")
    assert told["stream"] == ("act", "10 of 100 events wait; 1 dead letter", "stormplay stream")
    assert told["jobs"] == ("act", "4 of 4 open jobs stuck", "phase4_jobs")
    assert told["reports"] == ("act", "0 of 1 report fresh (at most 7 days old)", "reports")
    assert told["services"][:2] == ("act", "0 of 1 objective with enough events kept")
    assert told["usage"][:2] == ("watch", "100 % of the 10 reports included used (10)")
    assert told["freshness"][:2] == ("well", "1 of 1 open storm changed within 7 days")
    assert all(one.action for one in found.dimensions if one.state in ("act", "watch"))
    assert found.dimension("quality").said.startswith("10.0 % of the checks of Hail")
    assert "Home without coordinates (15 of 100)" in found.dimension("quality").action
    assert found.verdict.state == "act" and "5 of 8 dimensions that can be judged need action" in found.verdict.sentence
    assert found.verdict.first.name == "quality"
    states = list(found.frame()["state"])
    assert states == sorted(states, key=["act", "watch", "too early to say", "well"].index)


def test_a_closed_storm_is_not_judged(database):
    world = unwell()
    with tenancy.session(world.tenant) as connection:
        connection.execute(text("UPDATE storms SET status = 'closed'"))
    found = {one.name: one.state for one in TenantHealth(world.tenant).read().dimensions}
    early = {name for name, state in found.items() if state == "too early to say"}
    assert {"quality", "stream", "jobs", "reports", "freshness"} <= early


def test_a_company_of_which_nothing_is_known_is_too_early_to_say(database):
    slug = f"new-{make_world(treat=1, hold_out=0, skip=0, suppressed=0, without_place=0).tenant}"
    accounts.add_tenant(slug, "New & Co", is_synthetic=True)
    found = TenantHealth(slug).read()
    assert {one.state for one in found.dimensions if one.name != "people"} == {"too early to say"}
    assert found.storms.empty and found.people is not None


def test_checks_can_be_run_and_the_table_taken_along(other):
    source = TenantHealth(other.tenant)
    assert source.get_checks("newest").empty
    found = source.run_checks(other.storm)
    assert len(source.get_checks("newest")) == len(found) and source.read().dimension("quality").as_of is not None
    rows = list(csv.DictReader(io.StringIO(source.export_csv())))
    assert len(rows) == 8 and {row["state"] for row in rows} <= {"act", "watch", "too early to say", "well"}


def test_past_invoices_come_as_files(ill):
    source = TenantHealth(ill.tenant)
    number = int(source.read().usage.invoices["number"].iloc[0])
    name, content, mime = source.get_invoice(number, "csv")
    assert name == f"invoice-{ill.tenant}-{number}.csv" and mime == "text/csv" and "amount" in content.splitlines()[0]
    assert source.get_invoice(number, "pdf")[1].startswith(b"%PDF")
    with pytest.raises(BadInput, match="csv or pdf"):
        source.get_invoice(number, "xls")
    with pytest.raises(BadInput):
        source.get_invoice(number + 1, "csv")


def test_a_page_that_is_opened_is_a_visit_of_that_company_alone(ill, other, people, as_person):
    as_person("hl-both")
    with tenancy.session(ill.tenant) as connection:
        connection.execute(text("SELECT sec.live_channel()"))
    mine = TenantHealth(ill.tenant).read().people.set_index("username")
    theirs = TenantHealth(other.tenant).read().people.set_index("username")
    assert mine.loc["hl-both", "state"] == "active" and pd.notna(mine.loc["hl-both", "last_at"])
    assert theirs.loc["hl-both", "state"] == "not noticed yet" and pd.isna(theirs.loc["hl-both", "last_at"])
    assert "stormplay-stream" not in mine.index, "a service is nobody"


def test_an_account_that_nobody_uses_is_stale(ill, people, monkeypatch, as_person):
    with db.transaction(db.admin_url()) as connection:
        connection.execute(text("""INSERT INTO sec.visit SELECT m.person_id, m.tenant_id, now() - interval '91 days'
            FROM sec.membership m JOIN sec.person p USING (person_id) JOIN sec.tenant_entry t USING (tenant_id)
           WHERE p.username = 'hl-viewer' AND t.slug = :slug ON CONFLICT DO NOTHING"""),
                           {"slug": ill.tenant})  # fmt: skip
    as_person("hl-admin")
    found = TenantHealth(ill.tenant).read()
    one = found.dimension("people")
    assert one.state == "watch" and one.said == "Not seen for 90 days: hl-viewer."
    assert one.command == "stormplay user remove hl-viewer"


# ---- nothing of another company


def test_another_companys_health_is_refused_like_one_that_there_is_not(ill, other, people, as_person):
    as_person("hl-other")
    for named in (ill.tenant, "no-such-company"):
        with pytest.raises(UnknownTenant, match=f"There is no tenant '{named}' open to you"):
            TenantHealth(named)
    source = TenantHealth(other.tenant)
    with pytest.raises(UnknownStorm):
        source.get_checks(ill.storm_id)
    with pytest.raises(UnknownStorm):
        source.run_checks(ill.storm_id)
    with pytest.raises(BadInput):
        source.get_invoice(1, "pdf")
    assert ill.tenant not in str(source.read())


def test_people_are_told_to_admins_and_only_of_their_company(ill, other, people, as_person):
    as_person("hl-viewer")
    found = TenantHealth(ill.tenant).read()
    assert found.people is None and found.dimension("people") is None and found.role == "viewer"
    with pytest.raises(NotAllowed, match="viewer"), tenancy.session(ill.tenant) as connection:
        connection.execute(text("SELECT * FROM sec.tenant_people()"))
    with pytest.raises(NotAllowed):
        TenantHealth(ill.tenant).run_checks("newest")
    as_person("hl-other")
    with tenancy.session(other.tenant) as connection:
        (foreign,) = connection.execute(
            text("SELECT tenant_id FROM sec.tenant_of_storm(:storm) tenant_id"), {"storm": ill.storm_id}
        ).scalars()
        assert foreign is None, "its id is not even told"
        names = set(connection.execute(text("SELECT username FROM sec.tenant_people()")).scalars())
    assert names == {"hl-both", "hl-mixed", "hl-other", "local"}
    for statement in ("SELECT * FROM sec.visit", "INSERT INTO sec.visit SELECT * FROM sec.visit",
                      "UPDATE sec.visit SET seen_at = now()"):  # fmt: skip
        with pytest.raises((NotAllowed, DBAPIError)) as refused, tenancy.session(other.tenant) as connection:
            connection.execute(text(statement))
        assert "permission denied" in str(refused.value)


def test_a_forged_choice_of_the_company_tells_nothing(ill, other, people, as_person):
    with db.transaction(db.admin_url()) as connection:
        foreign = connection.execute(
            text("SELECT tenant_id::text FROM sec.tenant_entry WHERE slug = :slug"), {"slug": ill.tenant}
        ).scalar_one()
    login = as_person("hl-other")
    link = psycopg2.connect(login.url)
    for statement in ("SELECT * FROM sec.tenant_people()", "SELECT sec.live_channel()"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege), link, link.cursor() as cursor:
            cursor.execute("SELECT set_config('app.tenant_id', %s, true)", (foreign,))
            cursor.execute(statement)
    link.close()


def test_the_overview_has_the_companies_in_which_one_is_admin(ill, other, people, as_person):
    as_person("hl-both")
    found = health.companies_of_mine()
    assert list(found["tenant"]) == [ill.tenant, other.tenant], "the worst first"
    assert found["state"].iloc[0] == "act" and found["act"].iloc[0] == 5 and found["action"].iloc[0]
    as_person("hl-mixed")
    assert list(health.companies_of_mine()["tenant"]) == [ill.tenant]
    as_person("hl-viewer")
    assert health.companies_of_mine().empty
