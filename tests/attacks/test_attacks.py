"""Each attack on the database: first where it works, then on ours, where it is refused and nothing has changed."""

from __future__ import annotations

import identity
import oracles
import pytest
import ranks
import reading
import surroundings
import writing
from campaign import ATTACKS, is_expected, outcome

assert {reading, oracles, writing, surroundings, identity, ranks}


def test_the_naive_database_holds_against_who_does_not_attack(naive_world):
    """Else its falling would prove nothing."""
    for who, tenant, homes in (("attacker", "own", 6), ("victim", "foreign", 30)):
        connection = naive_world.connect(who, tenant)
        for table in ("properties", "my_properties", "jobs", "nurture_sequences"):
            found = naive_world.run(connection, f"SELECT DISTINCT tenant_id::text, count(*) OVER () FROM {table}")
            extra = 1 if (table, who) == ("jobs", "victim") else 0
            assert found == [(naive_world.facts[tenant], homes + extra)]
    naive_world.close()


@pytest.mark.parametrize("name", ATTACKS)
def test_attack(name, naive_world, ours):
    attack = ATTACKS[name]
    won, said = outcome(naive_world, attack)
    assert won, f"it does not even work on a naive database: {said}"
    before = ours.rows(), ours.catalogue()
    won, said = outcome(ours, attack)
    assert not won
    assert is_expected(said, attack.refused), said
    assert (ours.rows(), ours.catalogue()) == before
    assert_at_work(ours)


def assert_at_work(side):
    """The attacker's login still does what it may, so that no refusal was an accident."""
    connection = side.connect()
    try:
        assert side.run(connection, "SELECT count(*), min(address) FROM properties") == [(6, "0 Own Street")]
        changed = side.run(connection, "UPDATE jobs SET notes = 'Own work' RETURNING notes")
        assert changed == [("Own work",)] * 6
        connection.rollback()
    finally:
        side.close()
