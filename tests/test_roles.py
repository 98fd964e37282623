"""What each role may write, table by table; and what is kept of what was written."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from world import make_world

from stormplay import RouteBuilder, accounts, tenancy
from stormplay.accounts import ROLES
from stormplay.errors import NotAllowed

WRITES = {
    "routes": ("operator", "UPDATE routes SET status = status"),
    "jobs": ("operator", "UPDATE jobs SET notes = 'seen'"),
    "suppressions": (
        "operator",
        "INSERT INTO suppressions (property_id, channel, reason) SELECT property_id, 'call', 'said no' FROM properties",
    ),
    "storms, its status": ("operator", "UPDATE storms SET status = 'closed'"),
    "storms, a new one": ("analyst", "INSERT INTO storms (slug, name, event_date) VALUES ('two', 'Two', '2021-05-01')"),
    "properties": ("analyst", "UPDATE properties SET roof_age_years = 3"),
    "properties, a new one": ("analyst", "INSERT INTO properties (address) VALUES ('1 New Street')"),
    "lead_uplift": ("analyst", "UPDATE lead_uplift SET expected_uplift = 0"),
    "policy_decisions_log": (
        "analyst",
        """INSERT INTO policy_decisions_log (storm_id, property_id, decision, reason, model_version)
           SELECT storm_id, property_id, 'skip', 'x', 'x' FROM storms, properties p
            WHERE NOT EXISTS (SELECT FROM policy_decisions_log d WHERE d.property_id = p.property_id)""",
    ),
    "tenants": ("admin", "UPDATE tenants SET org_name = 'Renamed'"),
}


@pytest.fixture(scope="module")
def world(database):
    made = make_world(treat=60)
    for role in ROLES:
        accounts.add_person(f"{role}-one", role.title(), "hailstorm-1")
        accounts.add_member(f"{role}-one", made.tenant, role)
    RouteBuilder(made.tenant, made.storm).generate_routes(max_per_route=6, time_limit_s=0.5)
    with tenancy.session(made.tenant) as connection:
        connection.execute(text("INSERT INTO properties (address) VALUES ('1 Undecided Street')"))
    return made


class Undone(Exception):
    """Ends a session without keeping what it did."""


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("what", WRITES)
def test_a_role_writes_what_is_its_own(world, as_person, role, what):
    needed, statement = WRITES[what]
    as_person(f"{role}-one")
    allowed = ROLES.index(role) >= ROLES.index(needed)
    if allowed:
        with pytest.raises(Undone), tenancy.session(world.tenant) as connection:
            assert connection.execute(text(statement)).rowcount > 0
            raise Undone
    else:
        sentence = f"your role in this company is {role}, and this needs {needed}"
        with pytest.raises(NotAllowed, match=sentence), tenancy.session(world.tenant) as connection:
            connection.execute(text(statement))
    with tenancy.session(world.tenant) as connection:
        assert connection.execute(text("SELECT count(*) FROM properties")).scalar_one() > len(world.properties)


def test_a_viewer_generates_no_routes_and_changes_nothing(world, as_person):
    as_person("viewer-one")
    builder = RouteBuilder(world.tenant, world.storm)
    before = builder.get_routes()
    with pytest.raises(NotAllowed, match="your role in this company is viewer"):
        builder.generate_routes(max_per_route=4, time_limit_s=0.5)
    with pytest.raises(NotAllowed, match="needs operator"):
        builder.assign_crew(before["route_id"].iloc[0], "Crew Nobody")
    assert builder.get_routes().equals(before)


def test_an_operator_generates_and_assigns(world, as_person):
    as_person("operator-one")
    builder = RouteBuilder(world.tenant, world.storm)
    made = builder.generate_routes(max_per_route=5, time_limit_s=0.5)
    builder.assign_crew(made[0].route_id, "Crew Alvarez")
    assert "Crew Alvarez" in set(builder.get_routes()["crew_name"])


def test_a_role_in_one_company_is_none_in_another(world, as_person):
    other = make_world(treat=7)
    accounts.add_member("admin-one", other.tenant, "viewer")
    as_person("admin-one")
    with pytest.raises(NotAllowed, match="is viewer"), tenancy.session(other.tenant) as connection:
        connection.execute(text("UPDATE tenants SET org_name = 'Mine'"))


# ---- the audit log


@pytest.fixture
def trail(world, as_person):
    """Read the log as the company's admin, from now on."""
    begin = datetime.now(UTC) - timedelta(milliseconds=1)

    def read():
        as_person("admin-one")
        with tenancy.session(world.tenant) as connection:
            return tenancy.audit_trail(connection, begin)

    return read


def test_each_change_tells_who_what_and_from_what_to_what(world, as_person, trail):
    as_person("analyst-one")
    mine = str(uuid.uuid4())
    with tenancy.session(world.tenant) as connection:
        connection.execute(text("INSERT INTO properties (property_id, address, phone) VALUES (:id, '1 X', '555')"),
                           {"id": mine})  # fmt: skip
        connection.execute(text("UPDATE properties SET phone = '556', roof_age_years = 12 WHERE property_id = :id"),
                           {"id": mine})  # fmt: skip
        connection.execute(text("UPDATE properties SET phone = '556' WHERE property_id = :id"), {"id": mine})
    found = trail().to_dict("records")[::-1]
    assert [(row["username"], row["purpose"], row["table_name"], row["action"], row["row_count"]) for row in found] == [
        ("analyst-one", "test", "properties", action, 1) for action in ("insert", "update", "update")
    ]
    assert [row["changes"] for row in found] == [
        [{"key": {"property_id": mine}}],
        [{"key": {"property_id": mine}, "set": {"phone": "changed", "roof_age_years": [None, 12]}}],
        None,
    ], "a personal column is named, its value is not repeated; what did not change is not told"


def test_many_rows_are_counted_in_one_entry(world, as_person, trail):
    as_person("analyst-one")
    with tenancy.session(world.tenant) as connection:
        query = "UPDATE properties SET roof_age_years = 1 + coalesce(roof_age_years, 0)"
        changed = connection.execute(text(query)).rowcount
    (entry,) = trail().to_dict("records")
    assert (entry["row_count"], entry["changes"]) == (changed, None)


def test_what_is_rolled_back_is_not_told(world, as_person, trail):
    as_person("operator-one")
    with pytest.raises(Undone), tenancy.session(world.tenant) as connection:
        connection.execute(text("UPDATE jobs SET notes = 'x'"))
        raise Undone
    assert trail().empty


def test_generating_routes_tells_what_was_taken_back(world, as_person, trail):
    as_person("operator-one")
    RouteBuilder(world.tenant, world.storm).generate_routes(max_per_route=4, time_limit_s=0.5)
    found = trail()
    assert {"delete", "insert"} == set(found[found["table_name"] == "routes"]["action"])
    assert set(found["username"]) == {"operator-one"}


@pytest.mark.parametrize("role", ["viewer", "operator", "analyst"])
def test_the_log_is_read_by_admins_alone(world, as_person, role):
    as_person(f"{role}-one")
    with (
        pytest.raises(NotAllowed, match=f"is {role}, and this needs admin"),
        tenancy.session(world.tenant) as connection,
    ):
        tenancy.audit_trail(connection)


def test_the_log_of_another_company_is_not_there(world, as_person, trail):
    other = make_world(treat=7)
    as_person("analyst-one")
    with tenancy.session(world.tenant) as connection:
        connection.execute(text("UPDATE lead_uplift SET expected_uplift = 0.1"))
    found = trail()
    assert set(found["table_name"]) == {"lead_uplift", "storm_scores", "score_history"}
    assert set(found["username"]) == {"analyst-one"}, "and nothing of the other company's loading"
    as_person("local")
    with tenancy.session(other.tenant) as connection:
        theirs = tenancy.audit_trail(connection)
    assert len(theirs) >= 6
    assert set(theirs["username"]) == {"local", "postgres"}, "people, and the administrator who made the company"
