"""Brings the schema up to date, and refuses to run on an outdated one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DatabaseError

from core.errors import PerfuscopeError
from db.tables import PHI

_MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaOutdated(PerfuscopeError):  # noqa: N818 - reads as the state it reports
    """The database's schema is not the one this release needs."""


class DatabaseAway(PerfuscopeError):  # noqa: N818 - see above
    """The database cannot be reached or opened."""


def upgrade(engine: Engine) -> None:
    """Run every migration that the database has not seen; safe to call again.

    Raises ``SchemaOutdated`` where the database was made by a newer release, ``DatabaseAway`` without a database.
    """
    with _reached(engine), engine.begin() as connection:
        known = {script.revision for script in _scripts().walk_revisions()}
        found = MigrationContext.configure(connection).get_current_revision()
        if found is not None and found not in known:
            raise SchemaOutdated(_newer(found))
        if connection.dialect.name != "sqlite":
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {PHI}"))
        command.upgrade(_config(connection), "head")


def check(engine: Engine) -> None:
    """Raise ``SchemaOutdated``, with what to do, unless the schema is this release's; ``DatabaseAway`` without one."""
    with _reached(engine), engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    wanted = _scripts().get_current_head()
    if found == wanted:
        return
    if found is not None and found not in {script.revision for script in _scripts().walk_revisions()}:
        raise SchemaOutdated(_newer(found))
    msg = (
        f"the database's schema is {found or 'empty'}, this release needs {wanted}; "
        "stop everything that uses it, then run: perfuscope db upgrade"
    )
    raise SchemaOutdated(msg)


def _newer(found: str) -> str:
    return f"the database's schema is {found}, made by a newer release of Perfuscope; run that release"


@contextmanager
def _reached(engine: Engine) -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        where = engine.url.render_as_string(hide_password=True)
        why = str(error.orig).strip().partition("\n")[0]
        msg = f"the database {where} cannot be used: {why}"
        raise DatabaseAway(msg) from None


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_MIGRATIONS))


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
