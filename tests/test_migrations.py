"""Each file once, in order, all or nothing; an edited one stops everything."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from stormplay import database, embedded, migrations
from stormplay.errors import BadInput, DatabaseUnavailable, MigrationChanged


@pytest.fixture
def empty(home):
    """The address of an empty database of its own."""
    admin = database.make_url(embedded.ensure_running())
    engine = database.engine(admin.set(database="postgres")).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS scratch WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE scratch"))
    address = admin.set(database="scratch")
    yield address
    database.engine(address).dispose()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE one (a int); INSERT INTO one VALUES (1);")
    (tmp_path / "0002_second.sql").write_text("ALTER TABLE one ADD b text DEFAULT '100 % :of it';")
    return tmp_path


def value(address, query):
    with database.transaction(address) as connection:
        return connection.execute(text(query)).scalar_one()


def test_applied_in_order_and_once(empty, folder):
    assert migrations.migrate(empty, folder) == ["0001_first.sql", "0002_second.sql"]
    assert migrations.migrate(empty, folder) == []
    assert value(empty, "SELECT count(*) FROM one") == 1
    assert value(empty, "SELECT b FROM one") == "100 % :of it"


def test_an_edited_file_is_a_clear_error_and_changes_nothing(empty, folder):
    migrations.migrate(empty, folder)
    (folder / "0001_first.sql").write_text("CREATE TABLE one (a int);")
    (folder / "0003_third.sql").write_text("CREATE TABLE three (a int);")
    with pytest.raises(MigrationChanged, match=r"0001_first\.sql .* changed since"):
        migrations.migrate(empty, folder)
    assert value(empty, "SELECT to_regclass('three')") is None


def test_a_missing_file_is_a_clear_error(empty, folder):
    migrations.migrate(empty, folder)
    (folder / "0001_first.sql").unlink()
    with pytest.raises(MigrationChanged, match="0001_first"):
        migrations.migrate(empty, folder)


def test_a_late_number_is_refused(empty, folder):
    (folder / "0004_fourth.sql").write_text("SELECT 1;")
    migrations.migrate(empty, folder)
    (folder / "0003_late.sql").write_text("SELECT 1;")
    with pytest.raises(MigrationChanged, match="0003_late"):
        migrations.migrate(empty, folder)


def test_a_failing_file_leaves_nothing_of_itself(empty, folder):
    (folder / "0003_breaks.sql").write_text("CREATE TABLE three (a int); SELECT 1 / 0;")
    with pytest.raises(Exception, match="division by zero"):
        migrations.migrate(empty, folder)
    assert value(empty, "SELECT to_regclass('three')") is None
    assert value(empty, "SELECT max(number) FROM schema_migrations") == 2


def test_a_constraint_that_waits_for_the_commit_keeps_no_file_from_its_end(empty, folder):
    """As in 0033: rows that were there are counted into a new table, which is then locked. Without rows all is well."""
    (folder / "0003_counts.sql").write_text(
        "CREATE TABLE counted (a int PRIMARY KEY); INSERT INTO counted SELECT a FROM one;"
        "CREATE TABLE counts (a int REFERENCES counted DEFERRABLE INITIALLY DEFERRED);"
        "INSERT INTO counts SELECT a FROM one; ALTER TABLE counts ENABLE ROW LEVEL SECURITY;"
    )
    assert migrations.migrate(empty, folder)[-1] == "0003_counts.sql"
    assert value(empty, "SELECT count(*) FROM counts") == 1


def test_many_at_once_apply_each_file_once(empty, folder):
    applied: list[str] = []
    threads = [threading.Thread(target=lambda: applied.extend(migrations.migrate(empty, folder))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied) == ["0001_first.sql", "0002_second.sql"]
    assert value(empty, "SELECT count(*) FROM one") == 1


def test_names_are_checked(folder):
    (folder / "3_short.sql").touch()
    with pytest.raises(BadInput, match="3_short"):
        migrations.files(folder)


def test_two_files_of_one_number_are_refused(folder):
    (folder / "0002_again.sql").touch()
    with pytest.raises(BadInput, match="share a number"):
        migrations.files(folder)


def test_no_database_is_one_sentence_without_the_password(folder):
    nowhere = database.make_url("postgresql://somebody:geheim@127.0.0.1:1/stormplay")
    with pytest.raises(DatabaseUnavailable) as caught:
        migrations.migrate(nowhere, folder)
    assert "does not answer" in str(caught.value)
    assert "geheim" not in str(caught.value)
