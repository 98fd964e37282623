import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import text

from stormplay import IdentityGraph, accounts, broker, embedded, tenancy
from stormplay import demo as package
from stormplay.demo import COMPANIES
from stormplay.demo.doubts import is_near
from stormplay.errors import BadInput, Conflict, NotAllowed, UnknownTenant

TABLES = tuple(
    package.build(companies=[replace(COMPANIES[1], homes=(120, 60, 20), phones=90)]).tenants["trinity"].tables
)


@pytest.fixture(scope="module", autouse=True)
def demo(fresh_demo):
    return fresh_demo


def counts(slug):
    with tenancy.session(slug) as connection:
        return {name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in TABLES}


@pytest.fixture
def company(database):
    return replace(COMPANIES[1], slug=f"small-{uuid4().hex[:8]}", homes=(120, 60, 20), phones=90)


def test_the_database_holds_what_was_built(demo):
    for slug, tenant in package.build().tenants.items():
        assert counts(slug) == {name: len(rows) for name, rows in tenant.tables.items()}


def test_rows_arrive_whole(demo):
    built = package.build().tenants["trinity"].tables
    with tenancy.session("trinity") as connection:
        storm_id = tenancy.storm_id(connection, package.MAIN_STORM)
        homes = tenancy.frame(connection, "SELECT * FROM properties ORDER BY property_id")
        impacts = tenancy.frame(
            connection, "SELECT property_id, hail_in FROM property_impacts WHERE storm_id = :s", {"s": storm_id}
        )
        jobs = tenancy.frame(connection, "SELECT * FROM jobs WHERE claim_intel <> '{}' LIMIT 5")
        pending = connection.execute(
            text("SELECT count(*) FROM policy_outcomes WHERE actual_converted IS NULL AND value_cents IS NULL")
        ).scalar_one()
    expected = built["properties"].sort_values("property_id", ignore_index=True)
    for column in ("address", "zip_code", "latitude", "home_value_cents", "is_synthetic"):
        assert homes[column].tolist() == pytest.approx(expected[column].tolist(), nan_ok=True) or (
            homes[column].fillna("").tolist() == expected[column].fillna("").tolist()
        )
    main = built["property_impacts"].query("storm == @package.MAIN_STORM").set_index("property_id")["hail_in"]
    assert impacts.set_index("property_id")["hail_in"].to_dict() == main.to_dict()
    assert {intel["damage_type"] for intel in jobs["claim_intel"]} == {"hail"}
    assert pending == built["policy_outcomes"]["actual_converted"].isna().sum() > 0


def test_a_second_load_does_nothing_and_says_so(demo):
    before = {slug: counts(slug) for slug in ("lone-star", "trinity")}
    said = []
    again = package.load(lambda what, share: said.append(what))
    assert str(again) == "The demo is there already; nothing was loaded."
    assert (again.rows, again.already, said) == ({}, ("lone-star", "trinity"), [])
    assert {slug: counts(slug) for slug in ("lone-star", "trinity")} == before


def test_people_can_sign_in_and_see_their_own_company_alone(demo, as_person):
    assert broker.check_password("ana", package.PASSWORD).display_name == "Ana Torres"
    as_person("ana")
    assert counts("lone-star")["properties"] == 6_000
    with pytest.raises(UnknownTenant):
        counts("trinity")


def test_an_account_that_exists_keeps_its_password(database, company):
    accounts.add_person("ben", "Ben Okafor", "a-secret-of-bens")
    try:
        package.load(companies=[company])
        assert broker.check_password("ben", "a-secret-of-bens") and not broker.check_password("ben", package.PASSWORD)
    finally:
        accounts.add_person("ben", "Ben Okafor", package.PASSWORD)


def test_progress_rises_to_one(company):
    shares = []
    loaded = package.load(lambda what, share: shares.append(share), companies=[company])
    assert shares[0] == 0 and shares[-1] == 1 and shares == sorted(shares) and len(shares) > 10
    assert loaded.rows[company.slug]["properties"] == 200
    assert str(loaded).startswith("Demo loaded in") and "200 homes (synthetic" in str(loaded)


def test_a_load_that_fails_leaves_nothing(company):
    accounts.add_tenant(company.slug, company.org_name, is_synthetic=True)
    home = package.build(companies=[company]).tenants[company.slug].tables["properties"].iloc[-1]
    with tenancy.session(company.slug) as connection:
        tenancy.insert(connection, "properties", home.to_frame().T[["property_id", "address"]])
    with pytest.raises(Conflict, match="Nothing of it was kept"):
        package.load(companies=[company])
    left = counts(company.slug)
    assert left.pop("properties") == 1 and set(left.values()) == {0}


def test_a_real_tenant_of_that_name_is_not_touched(company):
    accounts.add_tenant(company.slug, "A real company")
    with pytest.raises(BadInput, match="is a real one"):
        package.load(companies=[company])
    assert set(counts(company.slug).values()) == {0}


def test_two_loads_at_once_load_once(company):
    def attempt(_):
        try:
            return len(package.load(companies=[company]).rows)
        except Conflict:
            return 0

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(attempt, range(2))) == 1
    assert counts(company.slug)["properties"] == 200


def test_a_kernel_may_not_load(as_person):
    as_person("ana")
    with pytest.raises(NotAllowed, match="administrator"):
        package.load()


def test_a_database_of_ones_own_is_loaded_as_its_administrator(company, monkeypatch):
    address = embedded.url("postgres")
    monkeypatch.setenv("STORMPLAY_DATABASE_URL", address)
    assert package.load(companies=[company]).rows[company.slug]["properties"] == 200
    assert os.environ["STORMPLAY_DATABASE_URL"] == address
    monkeypatch.delenv("STORMPLAY_DATABASE_URL")
    assert counts(company.slug)["properties"] == 200


def test_questions_about_namesakes_wait_and_leave_nobody_merged(demo):
    """As the nightly model asks them: one street, one name, two households."""
    graph = IdentityGraph("lone-star")
    asked = graph.proposals()
    assert 10 <= len(asked) <= 30 and asked["strength"].between(0.5, 0.8).all()
    briefs = graph.briefs([*asked["one_identity_id"], *asked["other_identity_id"]])
    assert len(briefs) > len(asked)
    for one, other in zip(asked["one_identity_id"], asked["other_identity_id"], strict=True):
        surnames = [{owner.split()[-1] for owner in briefs[each].owners} for each in (one, other)]
        assert one != other and surnames[0] & surnames[1]
    assert asked["evidence"].map(lambda found: found["surname"]).eq("same").all()


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [("Tara", "Yara", True), ("Elena", "Lena", True), ("1112", "1121", True), ("Ana", "Ana", True),
     ("Dana", "Hanna", False), ("1212", "1301", False), ("", "a", True), ("ab", "ba", True), ("abc", "cba", False)],
)  # fmt: skip
def test_one_sign_apart(one, other, near):
    assert is_near(one, other) is is_near(other, one) is near
