"""What an attack is, who may stand where, and how it is judged.

A side is a database as somebody with a login sees it: the naive one or ours, with the same rows in tables of the
same names. An attack is a function of a side that says whether it succeeded; a database's refusal counts as failure.
Each is played on the naive side, where it must succeed, and then on ours, where the refusal that it names must come
(or NOTHING: it ran and brought nothing), where nothing may have changed, and where the login must still do its work.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

import psycopg2

NOTHING = ""  # the attack ran, and brought and changed nothing
MARK = "RIVAL"  # in every text of the other company, and in none of our own

_ROWS = """
    SELECT md5(string_agg(x::text, ',' ORDER BY x::text)) FROM (
        SELECT 1 AS n, t::text AS row, tenant_id FROM properties t UNION ALL SELECT 2, t::text, tenant_id FROM storms t
        UNION ALL SELECT 3, t::text, tenant_id FROM jobs t UNION ALL SELECT 4, t::text, tenant_id FROM routes t
        UNION ALL SELECT 5, t::text, tenant_id FROM lead_uplift t UNION ALL SELECT 6, t::text, tenant_id FROM tenants t
        UNION ALL SELECT 7, t::text, tenant_id FROM nurture_sequences t
    ) x WHERE tenant_id = ANY (%s::uuid[])"""

# Whatever a statement may leave in the catalogue or in schema sec; logins of others come and go, so not their names.
_CATALOGUE = """
    SELECT md5(concat(
        (SELECT string_agg(concat(oid, relname, relacl, relowner, relkind, relrowsecurity, relforcerowsecurity,
            reloptions), ',' ORDER BY oid) FROM pg_class
            WHERE relnamespace IN ('public'::regnamespace, 'sec'::regnamespace)),
        (SELECT string_agg(concat(attrelid, attname, attacl, attstattarget), ',' ORDER BY attrelid, attnum)
            FROM pg_attribute WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)),
        (SELECT string_agg(p::text, ',' ORDER BY oid) FROM pg_policy p),
        (SELECT string_agg(concat(tgname, tgrelid, tgenabled), ',' ORDER BY oid) FROM pg_trigger),
        (SELECT string_agg(concat(proname, proacl, proowner), ',' ORDER BY oid) FROM pg_proc
            WHERE pronamespace IN ('public'::regnamespace, 'sec'::regnamespace)),
        (SELECT string_agg(concat(nspname, nspacl), ',' ORDER BY oid) FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'),
        (SELECT string_agg(concat(rolname, rolsuper, rolbypassrls, rolcreaterole, rolconnlimit, rolcanlogin), ','
            ORDER BY oid) FROM pg_roles WHERE rolname !~ '^k_'),
        (SELECT count(*) FROM pg_largeobject_metadata), (SELECT count(*) FROM pg_extension),
        (SELECT string_agg(d::text, ',' ORDER BY d::text) FROM pg_default_acl d),
        (SELECT count(*) FROM pg_description), (SELECT count(*) FROM pg_seclabels),
        (SELECT string_agg(concat(setdatabase, setrole, setconfig), ',' ORDER BY setdatabase, setrole)
            FROM pg_db_role_setting),
        (SELECT string_agg(m::text, ',' ORDER BY m::text) FROM sec.membership m),
        (SELECT string_agg(p::text, ',' ORDER BY p::text) FROM sec.person p),
        (SELECT string_agg(t::text, ',' ORDER BY t::text) FROM sec.tenant_entry t),
        (SELECT string_agg(l::text, ',' ORDER BY l::text) FROM sec.login l JOIN sec.person p USING (person_id)
            WHERE p.username = ANY (%s)),
        (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM sec.audit_entry a
            WHERE tenant_id = ANY (%s::uuid[]) AND username <> %s)
    ))"""


# Facts that stand in statements as names, not as values.
_NAMES = ("owner_role", "superuser", "victim_login", "own_login")


@dataclass
class Side:
    """One database, seen by people with logins.

    Attributes:
        name: 'naive' or 'ours'.
        open: Opens a connection for one of: attacker (holds every right in the own company and none in the other),
            victim (the same in the other company), viewer, operator, analyst (roles in the own company), both (viewer
            in the own, admin in the other), owner and pool (the naive variants of those names; the attacker with us),
            admin (the superuser).
        facts: Ids and words for statements: own, foreign (tenants), home, other_home, own_storm, other_storm,
            other_job, own_route, guess (an id that is nowhere), victim_login, owner_role, superuser.
        urls: Who -> address.
    """

    name: str
    facts: dict[str, str]
    urls: dict[str, str]
    enter: Callable[[object, str], None]
    opened: list[object] = field(default_factory=list)
    keeper: object = None
    whole: object = None

    @property
    def is_naive(self) -> bool:
        return self.name == "naive"

    def connect(self, who: str = "attacker", tenant: str | None = "own", options: str = ""):
        """A connection that has chosen a tenant for its whole life (None: none), in no transaction yet."""
        limits = "-c lock_timeout=250ms -c statement_timeout=20s -c client_min_messages=warning"
        connection = psycopg2.connect(self.urls[who], options=f"{limits} {options}")
        self.opened.append(connection)
        self.enter(connection, who)
        if tenant:
            with connection, connection.cursor() as cursor:
                cursor.execute("SELECT set_config('app.tenant_id', %s, false)", (self.facts[tenant],))
        return connection

    def run(self, connection, *statements: str):
        """The rows of the last of some statements; the facts are its parameters."""
        with connection.cursor() as cursor:
            for statement in statements:
                for key in _NAMES:
                    statement = statement.replace(f"{{{key}}}", self.facts[key])  # noqa: PLW2901
                cursor.execute(statement, self.facts)
            return cursor.fetchall() if cursor.description else []

    def asked(self, statement: str, *parameters: object):
        """What the superuser reads, over a connection that is kept."""
        if self.keeper is None:
            self.keeper = psycopg2.connect(self.urls["admin"])
            self.keeper.autocommit = True
        with self.keeper.cursor() as cursor:
            cursor.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def rows(self, *tenants: str):
        return self.asked(_ROWS, [self.facts[tenant] for tenant in tenants or ("own", "foreign")])

    def catalogue(self):
        both, people = [self.facts["own"], self.facts["foreign"]], [self.facts["me"], self.facts["rival"]]
        return self.asked(_CATALOGUE, people, both, self.facts["rival"])

    def settle(self, connection) -> None:
        """Keep what an attack did with us, to be found; undo it in the naive world, where it worked."""
        if self.is_naive:
            connection.rollback()
        else:
            connection.commit()

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()


@dataclass(frozen=True)
class Attack:
    """One attack: its name; what it covers of the list that we keep; how; what refuses it with us (a pattern of
    SQLSTATE and message, or NOTHING); and as whom it is played in the naive world, where that differs."""

    name: str
    covers: str
    act: Callable[[Side], bool]
    refused: str


ATTACKS: dict[str, Attack] = {}


def attack(name: str, refused: str, covers: str | None = None):
    """Register a function as an attack."""

    def register(act: Callable[[Side], bool]) -> Callable[[Side], bool]:
        assert name not in ATTACKS, name
        ATTACKS[name] = Attack(name, covers or name, act, refused)
        return act

    return register


def sees(name: str, refused: str, *statements: str, covers: str | None = None, who: str = "attacker",
         tenant: str | None = "own", control: str | None = None) -> None:  # fmt: skip
    """An attack that succeeds where the last statement shows the other company's words or ids."""

    def act(side: Side) -> bool:
        connection = side.connect(control if control and side.is_naive else who, tenant)
        found = repr(side.run(connection, *statements))
        side.settle(connection)
        return MARK in found or any(side.facts[key] in found for key in ("other_home", "other_storm", "foreign"))

    attack(name, refused, covers)(act)


def changes(name: str, refused: str, *statements: str, covers: str | None = None, who: str = "attacker",
            tenant: str | None = "own", of: tuple[str, ...] = ("foreign",), control: str | None = None) -> None:  # fmt: skip
    """An attack that succeeds where rows of a company have changed after it, for everybody to see."""

    def act(side: Side) -> bool:
        before = side.rows(*of)
        connection = side.connect(control if control and side.is_naive else who, tenant)
        side.run(connection, *statements)
        connection.commit()
        return side.rows(*of) != before

    attack(name, refused, covers)(act)


def runs(name: str, refused: str, *statements: str, covers: str | None = None, who: str = "attacker",
         control: str | None = None) -> None:  # fmt: skip
    """An attack that has succeeded where its statements are carried out at all."""

    def act(side: Side) -> bool:
        connection = side.connect(control if control and side.is_naive else who)
        side.run(connection, *statements)
        side.settle(connection)
        return True

    attack(name, refused, covers)(act)


def outcome(side: Side, one: Attack) -> tuple[bool, str]:
    """Whether it succeeded, and what refused it."""
    try:
        return one.act(side), NOTHING
    except psycopg2.Error as error:
        return False, f"{error.pgcode} {error}".strip()
    finally:
        side.close()


def is_expected(said: str, expected: str) -> bool:
    return said == NOTHING if expected == NOTHING else re.search(expected, said) is not None


def explained(side: Side, connection, statement: str, *parameters: object) -> str:
    """EXPLAIN's text."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}", parameters)
        return "\n".join(line for (line,) in cursor.fetchall())


def fill(cursor, own: str, foreign: str) -> dict[str, str]:
    """The same rows on both sides: 6 homes of our own, 30 of the rival, each with a job. Returns their ids.

    Own homes lie at latitude 29, rival ones from 45 on; own phones are digits, rival ones are not.
    """
    facts = {"guess": str(uuid4())}
    for key, tenant, word, homes in (("own", own, "Own", 6), ("other", foreign, MARK, 30)):
        row = {"tenant": tenant, "word": word, "n": homes, "slug": f"{key}-{tenant[-8:]}", "storm": str(uuid4()),
               "route": str(uuid4()), "home": str(uuid4()), "job": str(uuid4())}  # fmt: skip
        cursor.execute(_FILL, row)
        facts |= {f"{key}_{what}": row[what] for what in ("storm", "route", "job", "slug")}
        facts |= {"home" if key == "own" else "other_home": row["home"]}
    return facts


_FILL = """
INSERT INTO storms (tenant_id, storm_id, slug, name, event_date) VALUES (%(tenant)s, %(storm)s, %(slug)s,
    %(word)s || ' storm', now());
INSERT INTO routes (tenant_id, route_id, storm_id, route_name, property_count)
    VALUES (%(tenant)s, %(route)s, %(storm)s, %(word)s || ' route', 1);
INSERT INTO properties (tenant_id, property_id, address, city, zip_code, latitude, longitude, owner_name, phone, email)
    SELECT %(tenant)s, CASE n WHEN 0 THEN %(home)s::uuid ELSE uuidv7() END, n || ' ' || %(word)s || ' Street',
           %(word)s || ' City', CASE WHEN own THEN '76137' ELSE '99501' END, CASE WHEN own THEN 29 ELSE 45 + n * 0.03 END,
           -97, %(word)s || ' Owner', CASE WHEN own THEN '817555' ELSE %(word)s || ' ' END || n,
           lower(%(word)s) || '-' || n || '@homes.test'
      FROM generate_series(0, %(n)s - 1) n, (SELECT %(word)s = 'Own' AS own) o;
INSERT INTO lead_uplift (tenant_id, property_id, expected_uplift, next_best_action, model_version)
    SELECT tenant_id, property_id, 0.5, %(word)s || ' visit', 'test' FROM properties WHERE tenant_id = %(tenant)s;
INSERT INTO jobs (tenant_id, job_id, storm_id, property_id, notes)
    SELECT tenant_id, CASE property_id WHEN %(home)s THEN %(job)s::uuid ELSE uuidv7() END, %(storm)s, property_id,
           %(word)s || ' note' FROM properties WHERE tenant_id = %(tenant)s;
INSERT INTO nurture_sequences (tenant_id, property_id, sequence_type, scheduled_at)
    SELECT tenant_id, property_id, %(word)s || ' letter', now() FROM properties WHERE tenant_id = %(tenant)s;
"""
