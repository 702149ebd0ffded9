"""Engines and sessions: SQLite for one machine, PostgreSQL a URL away, the same code above."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select, text
from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from core.errors import SettingsError
from db import refusals
from db.tables import PHI, Base

Clock = Callable[[Session], datetime]
_BUSY_TIMEOUT_S = 10
_LOOK_AGAIN_S = 0.01
_POSTGRESQL: dict[str, Any] = {
    "application_name": "perfuscope",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "options": "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s",
}
"""libpq's: a server that went silent is noticed within seconds, and a frozen process of ours holds no lock for ever."""


def insert_into(session: Session, table: type[Base]) -> SqliteInsert | PostgresqlInsert:
    """An INSERT that may say what becomes of a row that is there already, in the words of the session's database."""
    return (SqliteInsert if session.get_bind().dialect.name == "sqlite" else PostgresqlInsert)(table)


def make_engine(url: str) -> Engine:
    """An engine whose errors never show a value. Make it after a fork, never before.

    SQLite gets WAL, ``synchronous=FULL`` and a busy timeout of 10 s; its schema names are dropped. On PostgreSQL nobody
    waits longer than 10 s for a lock, and a pooled connection is tried before it is used. Raises
    ``SettingsError`` for a URL without a driver; the URL is not repeated, it may hold a password.
    """
    try:
        return _engine(make_url(url))
    except ArgumentError:
        raise SettingsError(
            "database_url is no database URL; write sqlite:///FILE or postgresql+psycopg://..."
        ) from None
    except ImportError as error:
        msg = f"database_url needs the driver {error.name}, which is not installed: pip install 'perfuscope[postgres]'"
        raise SettingsError(msg) from None


def _engine(url: URL) -> Engine:
    sqlite = url.get_backend_name() == "sqlite"
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")  # the driver that comes with us
    engine = create_engine(
        url,
        hide_parameters=True,
        connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False} if sqlite else _POSTGRESQL,
        execution_options={"schema_translate_map": {PHI: None}} if sqlite else {},
        pool_pre_ping=not sqlite,
    )
    event.listen(engine, "handle_error", refusals.withhold)
    if sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver starts no transaction of its own; _begin_sqlite does
    cursor = connection.cursor()
    cursor.execute(_waits(_BUSY_TIMEOUT_S))
    _write_ahead(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _waits(seconds: float) -> str:
    return f"PRAGMA busy_timeout={round(seconds * 1000)}"


@contextmanager
def sqlite_waiting(connection: Connection, seconds: float) -> Iterator[None]:
    """Waits longer than others for whoever writes; the connection is SQLite's and in no transaction."""
    connection.connection.cursor().execute(_waits(seconds)).close()
    try:
        yield
    finally:
        connection.connection.cursor().execute(_waits(_BUSY_TIMEOUT_S)).close()


def _write_ahead(cursor: sqlite3.Cursor) -> None:
    """WAL, also where others open the same new file: the busy timeout does not cover the change to it."""
    until = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(_LOOK_AGAIN_S)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def database_clock(session: Session) -> datetime:
    """The database's own clock: one clock for all processes. SQLite gives milliseconds."""
    if session.get_bind().dialect.name == "sqlite":
        stamp = session.scalar(text("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')"))
        return datetime.fromisoformat(str(stamp)).replace(tzinfo=UTC)
    now = session.scalar(select(func.clock_timestamp()))
    if not isinstance(now, datetime):
        raise TypeError("the database gave no time")
    return now.astimezone(UTC)


class Sessions:
    """Opens transactions: one for writing, which commits when its block ends, or one for reading."""

    def __init__(self, engine: Engine, *, clock: Clock = database_clock) -> None:
        self.engine = engine
        self.now = clock
        self._turn = threading.Lock()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that may write; committed at the end, rolled back on an error."""
        with self._in_turn(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """On SQLite one thread at a time: its own way to wait for a lock is to sleep, and not in order."""
        waited = self.engine.dialect.name == "sqlite" and self._turn.acquire(timeout=_BUSY_TIMEOUT_S)
        try:
            yield
        finally:
            if waited:
                self._turn.release()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads; on SQLite it takes no write lock."""
        engine = self.engine.execution_options(reading=True)
        with Session(engine, expire_on_commit=False) as session, session.begin():
            yield session
