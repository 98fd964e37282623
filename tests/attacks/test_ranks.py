"""Statements that change the tenant on their way, and in the naive world fail by luck: with us by the lock."""

from __future__ import annotations

import psycopg2
import pytest
import ranks
from campaign import Side


def carried_out(side: Side, statement: str) -> bool:
    """The control: the victim, who is admin there alone, changes the setting to what it is."""
    connection = side.connect("victim", "foreign")
    there = dict.fromkeys(("to", "from", "here"), side.facts["foreign"]) | {"home": side.facts["other_home"]}
    with connection.cursor() as cursor:
        cursor.execute(ranks.OWN_ROWS)
        before = cursor.fetchall()
        cursor.execute(statement.replace("{key}", "tenant_id, property_id"), side.facts | there)
        cursor.execute(ranks.OWN_ROWS)
        after = cursor.fetchall()
    connection.rollback()
    return before != after


@pytest.mark.parametrize("order", [("foreign", "own"), ("own", "foreign"), ("own", "own")], ids="-".join)
@pytest.mark.parametrize("name", ranks.LUCK)
def test_no_order_mixes_two_roles(ours, name, order):
    statement = ranks.LUCK[name]
    try:
        assert carried_out(ours, statement), "the statement itself does nothing"
        before = ours.rows()
        try:
            assert not ranks.mixed(ours, statement, *order)
        except psycopg2.errors.InsufficientPrivilege:
            pass
        assert ours.rows() == before
    finally:
        ours.close()


def test_a_security_label_has_no_provider(naive_world, ours):
    """The one attack of the list that nobody can make here, the administrator no more than a kernel."""
    for side, who in ((naive_world, "owner"), (naive_world, "admin"), (ours, "attacker"), (ours, "admin")):
        with pytest.raises(psycopg2.errors.InvalidParameterValue, match="no security label providers"):
            side.run(side.connect(who), "SECURITY LABEL ON TABLE properties IS 'mine'")
        side.close()
