"""What a PostgreSQL server can do to the records, told in one sentence with what to do; nothing is half written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from cluster import having
from hypothesis import given
from hypothesis import strategies as st
from servers import Server, start_postgres

from index.errors import SettingsError, StoreError
from index.records import open_records
from index.records.dialect import for_psycopg
from index.records.postgresql import PostgreSQLRecords
from index.records.protocol import PASSWORD
from index.settings import Settings, load

KEPT = "INSERT INTO customers_erased VALUES (?, 'now')"


@pytest.fixture
def records(tmp_path: Path, postgres_address: str) -> Iterator[PostgreSQLRecords]:
    opened = open_records(Settings(home=tmp_path, records=postgres_address))
    assert isinstance(opened, PostgreSQLRecords)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of our own, to be changed and killed."""
    with having():
        started = start_postgres()
    yield started
    started.stop()


@pytest.fixture
def ask(server: Server) -> Iterator[Callable[[str], None]]:
    with psycopg.connect(server.url, autocommit=True) as admin:
        yield lambda sql: [admin.execute(line) for line in sql.split(";")] and None


def address(server: Server, user: str, database: str) -> str:
    return f"postgresql://{user}@127.0.0.1:{server.url.rsplit(':', 1)[1].partition('/')[0]}/{database}"


def refused(settings: Settings) -> str:
    with pytest.raises(StoreError) as told:
        open_records(settings)
    assert str(told.value).startswith("postgresql://")
    return str(told.value)


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    told = refused(Settings(home=tmp_path, records="postgresql://li@127.0.0.1:1/earshot"))
    assert "Check that the server runs" in told


def test_a_database_that_is_not_there(tmp_path: Path, server: Server) -> None:
    assert "createdb" in refused(Settings(home=tmp_path, records=address(server, "postgres", "nowhere")))


def test_a_wrong_password_and_the_right_one_from_the_file(
    tmp_path: Path, server: Server, ask: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask("CREATE ROLE li LOGIN PASSWORD 'geheim'; CREATE DATABASE li OWNER li")
    rules = server.folder / "data/pg_hba.conf"
    trusting = rules.read_text()
    rules.write_text("host all li 127.0.0.1/32 scram-sha-256\n" + trusting)
    ask("SELECT pg_reload_conf()")
    settings = Settings(home=tmp_path, records=address(server, "li", "li"))
    for password in ("", "wrong"):
        monkeypatch.setenv(PASSWORD, password)
        told = refused(settings)
        assert PASSWORD in told
        assert "wrong'" not in told
    monkeypatch.delenv(PASSWORD)
    (tmp_path / ".env").write_text(f"{PASSWORD}=geheim\n")
    records = open_records(settings)
    assert records.health()["user"] == "li"
    assert "geheim" not in str(records.health())
    records.close()
    rules.write_text(trusting)


def test_a_user_who_may_not_make_tables_but_may_use_them(
    tmp_path: Path, server: Server, ask: Callable[[str], None]
) -> None:
    ask("CREATE ROLE wang LOGIN; CREATE DATABASE shared")
    settings = Settings(home=tmp_path, records=address(server, "wang", "shared"))
    assert "OWNER TO" in refused(settings)
    open_records(Settings(home=tmp_path, records=address(server, "postgres", "shared"))).close()
    assert "OWNER TO" in refused(settings)
    with psycopg.connect(address(server, "postgres", "shared"), autocommit=True) as admin:
        admin.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO wang")
    records = open_records(settings)
    assert records.run(KEPT, ("a",)) == 1
    records.close()


def test_a_read_only_server(tmp_path: Path, server: Server, ask: Callable[[str], None]) -> None:
    ask("CREATE DATABASE standby")
    settings = Settings(home=tmp_path, records=address(server, "postgres", "standby"))
    open_records(settings).close()
    ask("ALTER DATABASE standby SET default_transaction_read_only = on")
    records = open_records(settings)
    assert records.all("SELECT * FROM cases") == []
    with pytest.raises(StoreError, match="name the primary"):
        records.run(KEPT, ("a",))
    records.close()


@pytest.mark.parametrize(
    ("code", "remedy"),
    [("53100", "Make room"), ("53300", "max_connections"), ("XX001", "restore the newest backup")],
)
def test_what_the_server_reports_is_told_and_nothing_is_half_written(
    records: PostgreSQLRecords, code: str, remedy: str
) -> None:
    """A trigger reports what a full disk does, with the server's own code."""
    with records.write() as transaction:
        transaction.script(
            "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION 'reported' USING ERRCODE = '{code}'; END $$;"
            "CREATE TRIGGER broken BEFORE INSERT ON audit EXECUTE FUNCTION broken()"
        )

    def act() -> None:
        with records.write() as transaction:
            transaction.run(KEPT, ("a",))
            transaction.run("INSERT INTO audit VALUES (1, 'now', 'Li', 'link', 'C1', NULL)")

    with pytest.raises(StoreError, match=remedy):
        act()
    assert records.all("SELECT * FROM customers_erased") == []
    assert records.run(KEPT, ("b",)) == 1


def test_a_server_that_is_killed_and_comes_back(tmp_path: Path, server: Server, ask: Callable[[str], None]) -> None:
    ask("CREATE DATABASE killed")
    records = open_records(Settings(home=tmp_path, records=address(server, "postgres", "killed")))
    records.run(KEPT, ("before",))
    port = int(server.url.rsplit(":", 1)[1].partition("/")[0])

    def act() -> None:
        with records.write() as transaction:
            transaction.run(KEPT, ("half",))
            server.kill()
            transaction.run(KEPT, ("more",))

    with pytest.raises(StoreError, match="Check that the server runs"):
        act()
    with pytest.raises(StoreError, match="Check that the server runs"):
        records.all("SELECT 1")
    again = start_postgres(folder=server.folder, port=port)
    try:
        assert records.all("SELECT id_hash FROM customers_erased") == [("before",)]
        records.run(KEPT, ("after",))
        with psycopg.connect(again.url, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'killed'")
        assert records.run(KEPT, ("a kept connection had died",)) == 1
    finally:
        records.close()
        again.kill()


def test_a_writer_that_stands_still_loses_the_lock_and_what_it_wrote(
    tmp_path: Path, postgres_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path, records=postgres_address)
    other = open_records(settings)
    monkeypatch.setattr("index.records.postgresql.SILENCE", 4)  # a machine may be slow between two statements
    sleeper = open_records(settings)

    def act() -> None:
        with sleeper.write() as transaction:
            transaction.run(KEPT, ("sleeper",))
            assert other.run(KEPT, ("other",)) == 1  # waits until the sleeper's session was ended
            transaction.run(KEPT, ("sleeper again",))

    with pytest.raises(StoreError, match="stood still"):
        act()
    assert other.all("SELECT id_hash FROM customers_erased") == [("other",)]
    assert sleeper.run(KEPT, ("awake",)) == 1
    sleeper.close()
    other.close()


def test_one_writer_at_a_time_and_readers_beside_it(records: PostgreSQLRecords) -> None:
    second = threading.Thread(target=records.run, args=(KEPT, ("second",)))
    with records.write() as transaction:
        second.start()
        transaction.run(KEPT, ("first",))
        assert records.all("SELECT * FROM customers_erased") == []
        second.join(0.2)
        assert second.is_alive()
    second.join()
    assert records.one("SELECT count(*) FROM customers_erased") == (2,)


def test_a_password_in_the_settings_is_refused_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "earshot.toml").write_text('records = "postgresql://li:geheim@127.0.0.1/earshot"\n')
    for settings in (
        load(tmp_path),
        Settings(records="postgresql://li:geheim@[::1/x"),
        Settings(records="pg:geheim"),
    ):
        with pytest.raises(SettingsError) as told:
            open_records(settings)
        assert "geheim" not in str(told.value)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_statements_mean_the_same_after_their_forms_are_exchanged(text: str) -> None:
    quoted = text.replace("'", "''")
    sql = f"SELECT '{quoted}' WHERE a = ? AND b LIKE '%?:x' AND c IN (SELECT value FROM json_each(?)) AND d = :name"
    exchanged = for_psycopg(sql)
    assert exchanged.startswith(f"SELECT '{quoted.replace('%', '%%')}' WHERE a = %s AND b LIKE '%%?:x'")
    assert exchanged.endswith("AND c IN (SELECT value FROM unnest(%s) AS listed (value)) AND d = %(name)s")


def test_every_text_comes_back_as_it_was_but_for_nul(records: PostgreSQLRecords) -> None:
    odd = ["it's", "100 % ?", ":name ?1", "\\x", "\u202e😀", "𠮷", "", "a\0b"]
    back = [records.one("SELECT ?, ? IS NULL", (text, text)) for text in odd]
    assert back == [(text.replace("\0", "\ufffd"), False) for text in odd]
    assert records.one("SELECT count(*) FROM cases WHERE id IN (SELECT value FROM json_each(?))", ([],)) == (0,)
