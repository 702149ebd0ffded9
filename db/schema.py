"""Brings the schema up to date, and refuses to run on an outdated one."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from core.errors import PerfuscopeError
from db.tables import PHI

_MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaOutdated(PerfuscopeError):  # noqa: N818 - reads as the state it reports
    """The database's schema is not the one this release needs."""


def upgrade(engine: Engine) -> None:
    """Run every migration that the database has not seen; safe to call again."""
    with engine.begin() as connection:
        if connection.dialect.name != "sqlite":
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {PHI}"))
        command.upgrade(_config(connection), "head")


def check(engine: Engine) -> None:
    """Raise ``SchemaOutdated``, with the command to run, unless the schema is this release's."""
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    wanted = ScriptDirectory(str(_MIGRATIONS)).get_current_head()
    if found != wanted:
        msg = (
            f"the database's schema is {found or 'empty'}, this release needs {wanted}; "
            "stop everything that uses it, then run: perfuscope db upgrade"
        )
        raise SchemaOutdated(msg)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
