"""The database roles of PostgreSQL: each may do what its process needs, and nothing else."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
from production import PostgreSQL
from psycopg import errors
from sqlalchemy.exc import ProgrammingError

from cli.doctor import pages
from core.errors import PerfuscopeError
from core.finding import Level
from core.settings import Settings
from core.types import ModelIdentity
from db import kept_days, model_versions, schema
from db.model_versions import NewArtifact
from db.session import Sessions, make_engine
from db.tables import PHI, Base

GROUPS = ("node", "viewer", "inference", "reader")
NOTHING, READ = "", "S"
RULES: dict[str, dict[str, str]] = {
    # table: what each role may do to all of its columns: Select, Insert, Update, Delete, Truncate, References, triGger
    "phi.studies": {"node": "SIU", "viewer": READ, "inference": NOTHING, "reader": NOTHING},
    "phi.instances": {"node": "SIU", "viewer": READ, "inference": NOTHING, "reader": NOTHING},
    "phi.search_keys": {"node": "SID", "viewer": READ, "inference": NOTHING, "reader": NOTHING},
    "phi.reports": {"node": "SI", "viewer": READ, "inference": NOTHING, "reader": NOTHING},
    "phi.commitments": {"node": "SIU", "viewer": READ, "inference": NOTHING, "reader": NOTHING},
    "phi.commitment_items": {"node": "SIU", "viewer": READ, "inference": NOTHING, "reader": NOTHING},
    "phi.audit_events": {"node": "SI", "viewer": "SI", "inference": NOTHING, "reader": NOTHING},
    "phi.reviews": {"node": READ, "viewer": "SI", "inference": NOTHING, "reader": NOTHING},
    "phi.orders": {"node": READ, "viewer": "SI", "inference": NOTHING, "reader": NOTHING},
    "phi.users": {"node": NOTHING, "viewer": "SIU", "inference": NOTHING, "reader": NOTHING},
    "phi.web_sessions": {"node": NOTHING, "viewer": "SIUD", "inference": NOTHING, "reader": NOTHING},
    "phi.api_tokens": {"node": NOTHING, "viewer": "SIU", "inference": NOTHING, "reader": NOTHING},
    "phi.login_attempts": {"node": NOTHING, "viewer": "SID", "inference": NOTHING, "reader": NOTHING},
    "cases": {"node": "SIU", "viewer": READ, "inference": READ, "reader": NOTHING},
    "view_images": {"node": "SI", "viewer": READ, "inference": READ, "reader": NOTHING},
    "model_versions": {"node": READ, "viewer": READ, "inference": READ, "reader": NOTHING},
    "predictions": {"node": READ, "viewer": READ, "inference": "SI", "reader": NOTHING},
    "destination_states": {"node": "SIU", "viewer": READ, "inference": NOTHING, "reader": NOTHING},
    "counters": {"node": "SIU", "viewer": READ, "inference": NOTHING, "reader": NOTHING},
    "layout_states": {"node": "SIU", "viewer": READ, "inference": NOTHING, "reader": NOTHING},
    "jobs": {"node": "SIU", "viewer": READ, "inference": "SI", "reader": NOTHING},
    "given_up": {"node": READ, "viewer": READ, "inference": NOTHING, "reader": NOTHING},
    "kept_days": {"node": NOTHING, "viewer": "SID", "inference": NOTHING, "reader": NOTHING},
    "day_changes": {"node": NOTHING, "viewer": "SD", "inference": NOTHING, "reader": NOTHING},
    "alembic_version": {"node": READ, "viewer": READ, "inference": READ, "reader": READ},
    "v_results": {"node": NOTHING, "viewer": NOTHING, "inference": NOTHING, "reader": READ},
    "v_daily": {"node": NOTHING, "viewer": NOTHING, "inference": NOTHING, "reader": READ},
}
COLUMNS = {
    # what may be updated of a table that is not open to updates as a whole
    ("phi.reports", "node"): {"purged_at"},
    ("phi.orders", "node"): {"taken_at", "done_at", "state", "said"},
    ("model_versions", "node"): {"active", "activations"},
    ("view_images", "node"): {"maps"},
    ("cases", "inference"): {"stage", "outcome", "reason", "detail", "label", "done_at"},
    ("jobs", "inference"): {
        *("state", "attempts", "rings", "due_at", "ring_at", "lease_token", "lease_until", "error", "finished_at")
    },
}
PRIVILEGES = {
    "S": "SELECT",
    "I": "INSERT",
    "U": "UPDATE",
    "D": "DELETE",
    "T": "TRUNCATE",
    "R": "REFERENCES",
    "G": "TRIGGER",
}


@pytest.fixture(scope="module")
def migrated(postgresql: PostgreSQL) -> str:
    """A database that an administrator who is no superuser has made; a login for each role."""
    database = postgresql.new_database()
    engine = make_engine(postgresql.url(database))
    schema.upgrade(engine)
    engine.dispose()
    for name in (*GROUPS, "owner"):
        postgresql.execute(f"CREATE ROLE roles_{name} LOGIN IN ROLE perfuscope_{name}")
    return database


@pytest.fixture
def administrator(postgresql: PostgreSQL, migrated: str) -> Iterator[psycopg.Connection]:
    with postgresql.connected(migrated) as connection:
        yield connection


def relations(connection: psycopg.Connection) -> list[str]:
    found = connection.execute(
        "SELECT nspname, relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
        "WHERE relkind IN ('r', 'v', 'm', 'p', 'f', 'S') AND nspname IN ('public', %s)",
        [PHI],
    )
    return [table if name == "public" else f"{name}.{table}" for name, table in found]


def test_every_table_and_view_has_a_rule_for_every_role_and_no_role_has_more(administrator: psycopg.Connection) -> None:
    there = relations(administrator)
    assert set(there) == set(RULES), "a table without a rule, or a rule without a table"
    assert {str(table) for table in Base.metadata.tables.values()} <= set(there)
    for table, rules in RULES.items():
        assert set(rules) == set(GROUPS)
        for group, allowed in rules.items():
            asked = "SELECT has_table_privilege(%s, %s, %s)"
            given = {
                letter
                for letter, privilege in PRIVILEGES.items()
                if administrator.execute(asked, [f"roles_{group}", table, privilege]).fetchone() == (True,)
            }
            assert given == set(allowed), f"{group} on {table}"


def test_where_a_role_may_update_some_columns_they_are_these(administrator: psycopg.Connection) -> None:
    for table, rules in RULES.items():
        columns = administrator.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            [table],
        ).fetchall()
        for group, allowed in rules.items():
            if "U" in allowed:
                continue
            asked = "SELECT has_column_privilege(%s, %s, %s, 'UPDATE')"
            given = {c for (c,) in columns if administrator.execute(asked, [f"roles_{group}", table, c]).fetchone()[0]}
            assert given == COLUMNS.get((table, group), set()), f"{group} on {table}"


def test_the_inference_role_reads_no_table_of_phi(postgresql: PostgreSQL, migrated: str) -> None:
    identified = [str(t) for t in Base.metadata.tables.values() if t.schema == PHI]
    assert len(identified) >= 4
    with postgresql.connected(migrated, "roles_inference") as connection:
        for relation in [*identified, "v_results", "v_daily"]:
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM {relation}")
        usage = connection.execute(
            "SELECT has_schema_privilege('phi', 'USAGE'), has_schema_privilege('phi', 'CREATE')"
        ).fetchone()
        assert usage == (False, False)
        assert connection.execute("SELECT count(*) FROM view_images").fetchone() == (0,)


def test_the_reader_reads_the_two_views_and_nothing_else(postgresql: PostgreSQL, migrated: str) -> None:
    with postgresql.connected(migrated, "roles_reader") as connection:
        assert connection.execute("SELECT * FROM v_results").fetchall() == []
        assert connection.execute("SELECT * FROM v_daily").fetchall() == []
        for table in ("phi.studies", "cases", "jobs", "model_versions"):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM {table}")


def test_whoever_changes_an_old_study_leaves_a_note_and_the_pages_keep_its_day(
    postgresql: PostgreSQL, migrated: str
) -> None:
    model, case, at = uuid4(), uuid4(), datetime(2026, 1, 2, 8, tzinfo=UTC)
    with postgresql.connected(migrated) as connection:
        connection.execute(
            "INSERT INTO model_versions VALUES (%s, 'm', '1', 'x', '{}', '', false, now(), NULL)", [model]
        )
    with postgresql.connected(migrated, "roles_node") as connection:
        connection.execute(
            "INSERT INTO cases (id, study_id, revision, fingerprint, inputs, model_version_id, stage, detail,"
            " opened_at, received_at, sender_ae) VALUES (%s, %s, 1, '', '[]', %s, 'classifying', '', %s, %s, 'PACS')",
            [case, uuid4(), model, at, at],
        )
    with postgresql.connected(migrated, "roles_inference") as connection:
        connection.execute("UPDATE cases SET stage = 'done', outcome = 'no_result' WHERE id = %s", [case])
    viewer = make_engine(postgresql.url(migrated, "roles_viewer"))
    span = {"since": at - timedelta(days=1), "until": at + timedelta(days=1)}
    with postgresql.connected(migrated) as connection:
        assert connection.execute("SELECT count(*) FROM day_changes").fetchone() == (2,)
        kept_days.keep(Sessions(viewer), **span, zone=ZoneInfo("UTC"))
        assert connection.execute("SELECT count(*) FROM day_changes").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM kept_days").fetchone() == (1,)
    viewer.dispose()


@pytest.mark.parametrize("group", GROUPS)
def test_no_process_changes_the_schema_or_becomes_another_role(
    postgresql: PostgreSQL, migrated: str, group: str
) -> None:
    with postgresql.connected(migrated, f"roles_{group}") as connection:
        for statement in (
            "CREATE TABLE public.mine (a int)",
            "CREATE TABLE phi.mine (a int)",
            "ALTER TABLE jobs ADD COLUMN mine int",
            "DROP VIEW v_results",
            "CREATE ROLE mine",
            "SET ROLE perfuscope_owner",
        ):
            with pytest.raises(psycopg.Error) as refused:
                connection.execute(statement)
            assert isinstance(refused.value, errors.InsufficientPrivilege), statement


@pytest.mark.parametrize("user", ["roles_node", "roles_viewer", "roles_owner", "owner"])
def test_nobody_rewrites_an_audit_event_not_even_their_owner(postgresql: PostgreSQL, migrated: str, user: str) -> None:
    add = "INSERT INTO phi.audit_events VALUES (%s, %s, 'node', 'start', NULL, NULL, '')"
    with postgresql.connected(migrated, user) as connection:
        connection.execute(add, [uuid4(), datetime.now(UTC)])
        before = connection.execute("SELECT count(*) FROM phi.audit_events").fetchone()
        for statement in ("UPDATE phi.audit_events SET actor = ''", "DELETE FROM phi.audit_events"):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(statement)
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("TRUNCATE phi.audit_events")
        assert connection.execute("SELECT count(*) FROM phi.audit_events").fetchone() == before


def test_the_node_puts_a_stored_model_in_force_and_stores_none(postgresql: PostgreSQL, migrated: str) -> None:
    stored, unknown = (NewArtifact(ModelIdentity("toy", "1", key * 64), {}, b"") for key in "ab")
    for user, new in (("roles_owner", stored), ("roles_node", stored)):
        engine = make_engine(postgresql.url(migrated, user))
        with Sessions(engine).write() as session:
            model_versions.activate(session, new, now=datetime.now(UTC))
        engine.dispose()
    engine = make_engine(postgresql.url(migrated, "roles_node"))
    with pytest.raises(ProgrammingError), Sessions(engine).write() as session:
        model_versions.activate(session, unknown, now=datetime.now(UTC))
    engine.dispose()


def test_the_doctor_on_the_nodes_machine_does_not_fail_for_users_that_it_may_not_read(
    postgresql: PostgreSQL, migrated: str, tmp_path: Path
) -> None:
    for user, level in (("roles_node", Level.NOT_RUN), ("roles_viewer", Level.WARN)):
        engine = make_engine(postgresql.url(migrated, user))
        assert pages.users(Settings(home=tmp_path), Sessions(engine)).level is level
        engine.dispose()


def test_the_owner_may_upgrade_again_and_a_process_is_told_that_it_may_not(
    postgresql: PostgreSQL, migrated: str
) -> None:
    owner = make_engine(postgresql.url(migrated, "roles_owner"))
    schema.upgrade(owner)
    schema.check(owner)
    owner.dispose()
    for group in ("node", "viewer", "inference"):
        engine = make_engine(postgresql.url(migrated, f"roles_{group}"))
        schema.check(engine)
        engine.dispose()


def test_a_member_of_the_owners_role_makes_a_new_database_from_nothing(postgresql: PostgreSQL, migrated: str) -> None:
    postgresql.execute("CREATE DATABASE roles_fresh OWNER perfuscope_owner TEMPLATE template0")
    engine = make_engine(postgresql.url("roles_fresh", "roles_owner"))
    schema.upgrade(engine)
    engine.dispose()
    with postgresql.connected("roles_fresh") as connection:
        owners = connection.execute(
            "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname IN ('public', 'phi')"
        ).fetchall()
    assert owners == [("perfuscope_owner",)]


def test_a_user_who_may_not_make_roles_is_told_what_to_run() -> None:
    """On a server of its own: roles are the server's, and the others have them already."""
    server = PostgreSQL.make()
    try:
        server.execute("CREATE ROLE plain LOGIN", "CREATE DATABASE mine OWNER plain")
        engine = make_engine(server.url("mine", "plain"))
        with pytest.raises(PerfuscopeError, match=r"may not make the database roles; .*roles\.sql"):
            schema.upgrade(engine)
        with server.connected("mine") as connection:
            assert connection.execute("SELECT to_regclass('cases')").fetchone() == (None,), "nothing is left behind"
        _run_roles_sql(server)
        server.execute("GRANT perfuscope_owner TO plain")
        schema.upgrade(engine)
        schema.check(engine)
        engine.dispose()
    finally:
        server.remove()


def _run_roles_sql(server: PostgreSQL) -> None:
    sql = (Path(__file__).parents[2] / "deploy" / "postgresql" / "roles.sql").read_text()
    server.execute(sql)
    server.execute(sql)  # safe to run again
