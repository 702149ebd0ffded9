"""Brings the schema up to date, and refuses to run on an outdated one.

Every process asks which schema there is; Alembic is loaded only where it is changed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DatabaseError

from core.errors import PerfuscopeError
from db.session import sqlite_waiting
from db.tables import PHI

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parent / "migrations"
_UPGRADING = 7_035_770_001
"""The number of the advisory lock that an upgrade holds."""
_TURN_S = 1800
"""How long an upgrade waits for another one."""

OWNER = "perfuscope_owner"
"""The PostgreSQL role that tables belong to; its members may upgrade."""

_OWNER_MAY = """
SELECT pg_has_role(current_user, owner.oid, 'MEMBER')
       AND coalesce((SELECT nspowner = owner.oid FROM pg_namespace WHERE nspname = :phi),
                    has_database_privilege(owner.oid, current_database(), 'CREATE'))
  FROM pg_roles owner WHERE owner.rolname = :owner
"""


class SchemaOutdated(PerfuscopeError):  # noqa: N818 - reads as the state it reports
    """The database's schema is not the one this release needs."""


class DatabaseAway(PerfuscopeError):  # noqa: N818 - see above
    """The database cannot be reached or opened."""


def upgrade(engine: Engine) -> None:
    """Run every migration that the database has not seen; safe to call again.

    Raises ``SchemaOutdated`` where the database was made by a newer release, ``DatabaseAway`` without a database.
    """
    if _look(engine) == revisions()[-1]:
        return
    from alembic import command  # noqa: PLC0415 - most processes only ask

    with _reached(engine), engine.connect() as connection, _in_turn(connection):
        found = _found(connection)
        if found is not None and found not in revisions():
            raise SchemaOutdated(_newer(found))
        if connection.dialect.name != "sqlite":
            _prepare_postgresql(connection)
        command.upgrade(_config(connection), "head")


def check(engine: Engine) -> None:
    """Raise ``SchemaOutdated``, with what to do, unless the schema is this release's; ``DatabaseAway`` without one."""
    found = _look(engine)
    known = revisions()
    wanted = known[-1]
    if found == wanted:
        return
    if found is not None and found not in known:
        raise SchemaOutdated(_newer(found))
    msg = (
        f"the database's schema is {found or 'empty'}, this release needs {wanted}; "
        "stop everything that uses it, then run: perfuscope db upgrade"
    )
    raise SchemaOutdated(msg)


def _newer(found: str) -> str:
    return f"the database's schema is {found}, made by a newer release of Perfuscope; run that release"


@contextmanager
def _in_turn(connection: Connection) -> Iterator[None]:
    """One transaction, one upgrade at a time: another one's may take as long as it takes to fill a new index."""
    if connection.dialect.name == "sqlite":
        with sqlite_waiting(connection, _TURN_S), connection.begin():
            yield
        return
    with connection.begin():
        connection.execute(text(f"SET LOCAL lock_timeout = '{_TURN_S}s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADING})
        connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))
        yield


def _prepare_postgresql(connection: Connection) -> None:
    """The schema stands; what is made belongs to the owner's role, once that owns the rest."""
    if connection.scalar(text(_OWNER_MAY), {"owner": OWNER, "phi": PHI}):
        connection.execute(text(f"SET LOCAL ROLE {OWNER}"))
    if not connection.scalar(text("SELECT to_regnamespace(:phi) IS NOT NULL"), {"phi": PHI}):
        connection.execute(text(f"CREATE SCHEMA {PHI}"))


@contextmanager
def _reached(engine: Engine) -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        where = engine.url.render_as_string(hide_password=True)
        why = str(error.orig).strip().partition("\n")[0]
        msg = f"the database {where} cannot be used: {why}"
        raise DatabaseAway(msg) from None


def revisions() -> list[str]:
    """The schemas that this release knows, the newest last: its migrations are named by their number."""
    return sorted(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def _look(engine: Engine) -> str | None:
    """As ``_found``, beside whoever writes: an upgrade may take longer than anyone waits for SQLite's one writer."""
    with _reached(engine), engine.connect().execution_options(reading=True) as connection:
        return _found(connection)


def _found(connection: Connection) -> str | None:
    """The schema that there is; None for an empty database. The table is Alembic's."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _config(connection: Connection) -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
