"""The migrations make exactly the tables of ``db.tables``; an outdated database is refused with what to do."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, MetaData, event, inspect, text

from core.errors import SettingsError
from db import access_tables, day_tables, order_tables, schema  # noqa: F401 - the first three's tables belong to the metadata
from db.schema import DatabaseAway, SchemaOutdated
from db.session import make_engine
from db.tables import PHI, Base


@pytest.fixture
def engine(tmp_path):
    made = make_engine(f"sqlite:///{tmp_path / 'a database.db'}")
    yield made
    made.dispose()


def tables(engine: Engine, schemas: list[str | None]) -> dict[str, object]:
    """All that the database says of its tables, in a form that compares."""
    inspector, found = inspect(engine), {}
    for name in schemas:
        for table in set(inspector.get_table_names(schema=name)) - {"alembic_version"}:
            columns = {
                c["name"]: (str(c["type"]), c["nullable"], c["default"])
                for c in inspector.get_columns(table, schema=name)
            }
            found[f"{name}.{table}"] = {
                "columns": columns,
                "primary key": inspector.get_pk_constraint(table, schema=name),
                "foreign keys": sorted(map(repr, inspector.get_foreign_keys(table, schema=name))),
                "unique": sorted(map(repr, inspector.get_unique_constraints(table, schema=name))),
                "indexes": sorted(map(told, inspector.get_indexes(table, schema=name))),
            }
    return found


def told(index: dict[str, object]) -> str:
    """An index with its condition as text."""
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return repr({**index, "dialect_options": options})


def compare(migrated: Engine, created: Engine, schemas: list[str | None]) -> None:
    """Table by table and column by column, so that a failure names the difference."""
    schema.upgrade(migrated)
    with created.begin() as connection:
        Base.metadata.create_all(connection)
    ours, theirs = tables(migrated, schemas), tables(created, schemas)
    assert ours.keys() == theirs.keys()
    assert len(ours) == len(Base.metadata.tables)
    for table, said in theirs.items():
        for kind, value in said.items():
            assert ours[table][kind] == value, f"{table}: {kind}"


def test_the_migrations_make_exactly_the_tables(engine, tmp_path):
    created = make_engine(f"sqlite:///{tmp_path / 'created.db'}")
    compare(engine, created, [None])
    created.dispose()


def test_upgrading_again_changes_nothing(engine):
    schema.upgrade(engine)
    before = tables(engine, [None])
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO model_versions VALUES (:i, 'a', '1', 'b', '{}', x'', 0, '2026-01-01', NULL)"), {"i": "c"}
        )
    schema.upgrade(engine)
    schema.check(engine)
    assert tables(engine, [None]) == before
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM model_versions")) == 1


def test_two_upgrades_at_once_are_fine(engine, tmp_path):
    engines = [make_engine(str(engine.url)) for _ in range(2)]
    errors = []

    def upgrade(one: Engine) -> None:
        try:
            schema.upgrade(one)
        except Exception as error:  # noqa: BLE001 - handed to the assertion
            errors.append(error)

    threads = [threading.Thread(target=upgrade, args=[one]) for one in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for one in engines:
        one.dispose()
    assert errors == []
    schema.check(engine)


def test_many_who_open_a_new_database_at_once_all_get_it(tmp_path):
    def write(engine: Engine, together: threading.Barrier) -> int:
        together.wait(10)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS opened (name TEXT)"))
        with engine.begin() as connection:
            return connection.execute(text("INSERT INTO opened VALUES ('once')")).rowcount

    with ThreadPoolExecutor(4) as pool:
        for number in range(25):
            engines = [make_engine(f"sqlite:///{tmp_path / f'{number}.db'}") for _ in range(4)]
            together = threading.Barrier(len(engines))
            assert list(pool.map(write, engines, [together] * len(engines))) == [1] * len(engines)
            for one in engines:
                one.dispose()


def test_a_database_that_is_up_to_date_is_not_held_up_by_who_writes_for_long(engine):
    schema.upgrade(engine)
    writer = make_engine(str(engine.url))
    with writer.begin() as connection:
        connection.execute(text("CREATE TABLE takes_long (name TEXT)"))
        schema.check(engine)
        schema.upgrade(engine)
    writer.dispose()


def test_an_upgrade_waits_for_another_one_and_only_then(engine):
    other = make_engine(str(engine.url))
    with other.connect() as connection, pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "_TURN_S", 0.2)
        with connection.begin(), pytest.raises(DatabaseAway, match="locked"):
            schema.upgrade(engine)
    other.dispose()
    schema.upgrade(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 10_000


def test_an_empty_database_is_refused_with_the_command_to_run(engine):
    with pytest.raises(SchemaOutdated, match=r"is empty, this release needs .*run: perfuscope db upgrade"):
        schema.check(engine)


def test_a_database_of_a_newer_release_is_refused_and_left_alone(engine):
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for refuses in (schema.check, schema.upgrade):
        with pytest.raises(SchemaOutdated, match="9999, made by a newer release"):
            refuses(engine)


@pytest.mark.parametrize("call", [schema.check, schema.upgrade])
def test_a_database_that_cannot_be_opened_is_told_in_one_sentence(call, tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path}/nowhere/perfuscope.db")
    with pytest.raises(DatabaseAway, match="cannot be used: unable to open database file") as caught:
        call(engine)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_database_is_told_in_one_sentence(tmp_path):
    (tmp_path / "notes.db").write_text("no database at all " * 100)
    engine = make_engine(f"sqlite:///{tmp_path / 'notes.db'}")
    with pytest.raises(DatabaseAway, match="not a database"):
        schema.check(engine)
    engine.dispose()


@pytest.mark.parametrize("url", ["nonsense", "postgresql+nodriver://u:secret@h/x", "nodatabase://u:secret@h/x"])
def test_a_url_without_a_driver_is_told_without_its_password(url):
    with pytest.raises(SettingsError, match="database_url") as caught:
        make_engine(url)
    assert "secret" not in str(caught.value)


def test_sqlite_syncs_fully_enforces_keys_and_waits_for_a_writer(engine):
    with engine.connect() as connection:
        pragmas = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
        assert pragmas == ["wal", 2]
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 10_000


def test_a_reader_is_not_held_up_by_a_writer(engine):
    from db.session import Sessions

    schema.upgrade(engine)
    sessions = Sessions(engine)
    with sessions.write() as writing:
        writing.execute(text("UPDATE jobs SET rings = 1"))
        with sessions.read() as reading:
            assert reading.scalar(text("SELECT count(*) FROM jobs")) == 0


# PostgreSQL


def test_the_migrations_make_exactly_the_tables_on_postgresql(postgresql):
    migrated, created = (make_engine(postgresql.url(postgresql.new_database())) for _ in range(2))
    event.listen(
        Base.metadata,
        "before_create",
        lambda _m, c, **_: c.execute(text(f"CREATE SCHEMA IF NOT EXISTS {PHI}")),
        once=True,
    )
    compare(migrated, created, [None, PHI])
    schema.upgrade(migrated)
    schema.check(migrated)
    metadata = MetaData()
    metadata.reflect(migrated, schema=PHI)
    assert f"{PHI}.studies" in metadata.tables
    for one in (migrated, created):
        one.dispose()


def test_the_names_of_the_migrations_are_alembics_own_revisions_in_their_order():
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(schema._MIGRATIONS))
    assert schema.revisions() == [script.revision for script in scripts.walk_revisions()][::-1]
