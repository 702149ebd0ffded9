"""Servers of production, started by tests on free ports: PostgreSQL and Redis, made to be stopped and killed."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
import redis
from bound import bound
from harness import free_port, until
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from db import schema
from db.session import Sessions, make_engine
from db.tables import Base

OWNER = "owner"
"""The superuser of a test's server."""

TEMPLATE = "template_perfuscope"
BIN = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


def _serve(command: list[str], log: Path, **options: object) -> subprocess.Popen[bytes]:
    """Start a server."""
    with log.open("ab") as output:
        return subprocess.Popen(bound(*command, signal="QUIT"), stdout=output, stderr=output, cwd="/", **options)


def _unprivileged() -> dict[str, object]:
    """PostgreSQL refuses root."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


def _run(program: str, *arguments: str) -> None:
    if BIN is None:
        pytest.fail("no PostgreSQL server is installed; tests/system-packages installs it")
    command = [str(BIN / program), *arguments]
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60, cwd="/", **_unprivileged()
    )


@dataclass
class PostgreSQL:
    """A server with a cluster of its own, which anybody on this machine may use under any name."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def make(cls, *, durable: bool = False) -> "PostgreSQL":
        """A new cluster, started. A durable one keeps what was committed when it is killed."""
        folder = Path(tempfile.mkdtemp(prefix="perfuscope-pg-", dir="/tmp"))  # a socket's path must be short
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        server = cls(folder)
        _run("initdb", "-D", str(folder / "data"), "-A", "trust", "-U", OWNER, "-N", "--locale=C", "-E", "UTF8")
        settings = ["listen_addresses = '127.0.0.1'", f"port = {server.port}", f"unix_socket_directories = '{folder}'"]
        settings += [f"fsync = {'on' if durable else 'off'}", "max_connections = 200", "shared_buffers = 32MB"]
        with (folder / "data" / "postgresql.auto.conf").open("a") as file:
            file.write("\n".join([*settings, "max_wal_size = 256MB", "autovacuum = off"]) + "\n")
        server.start()
        return server

    def start(self) -> None:
        """Start it and wait until it answers. It ends with the test's process, however that ends."""
        command = [str(BIN / "postgres"), "-D", str(self.folder / "data")]
        self.process = _serve(command, self.folder / "log", **_unprivileged())
        until(self._answers, 50, "PostgreSQL answers")

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError), self.connected():
            return True
        return False

    def stop(self, number: int = signal.SIGQUIT) -> None:
        """At once and without a goodbye (an immediate shutdown), unless another signal is given."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(50)
            self.process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def url(self, database: str = "postgres", user: str = OWNER) -> str:
        return f"postgresql+psycopg://{user}@127.0.0.1:{self.port}/{database}"

    def execute(self, *statements: str, database: str = "postgres", user: str = OWNER) -> None:
        """Each in a transaction of its own."""
        with self.connected(database, user) as connection:
            for statement in statements:
                connection.execute(statement)

    @contextmanager
    def connected(self, database: str = "postgres", user: str = OWNER) -> Iterator[psycopg.Connection]:
        where = f"host=127.0.0.1 port={self.port} dbname={database} user={user}"
        with closing(psycopg.connect(where, autocommit=True)) as connection:
            yield connection

    def new_database(self, *, template: str = "template0") -> str:
        name = f"test_{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name


@dataclass
class Databases:
    """Migrated databases on one server; one that is given back is emptied and given out again."""

    server: PostgreSQL
    free: list[Engine] = field(default_factory=list)
    """Each knows what it once compiled, which takes longer than to run it."""

    def __post_init__(self) -> None:
        self.server.execute(f"CREATE DATABASE {TEMPLATE}")
        engine = make_engine(self.server.url(TEMPLATE))
        schema.upgrade(engine)
        engine.dispose()

    def take(self) -> Engine:
        return (
            self.free.pop() if self.free else make_engine(self.server.url(self.server.new_database(template=TEMPLATE)))
        )

    def give_back(self, engine: Engine) -> None:
        """Empty it, quicker than making a new one; triggers and foreign keys are told to look away.

        One whose tables a test has changed is dropped. The others keep their connections: a server's process that
        has just started spends more on learning the tables than on what a test asks of it.
        """
        tables = [str(table) for table in Base.metadata.tables.values()]
        emptied = "; ".join(f"DELETE FROM {table}" for table in tables)
        try:
            with engine.begin() as connection:
                connection.exec_driver_sql(
                    f"SET LOCAL session_replication_role = replica; SET LOCAL lock_timeout = '10s'; {emptied}",
                    execution_options={"no_parameters": True},  # or psycopg takes no more than one statement
                )
        except SQLAlchemyError:
            engine.dispose()
            self.server.execute(f"DROP DATABASE {engine.url.database} WITH (FORCE)")
        else:
            self.free.append(engine)

    def close(self) -> None:
        """Let go of every connection."""
        for engine in self.free:
            engine.dispose()

    @contextmanager
    def sessions(self, **options: object) -> Iterator[Sessions]:
        engine = self.take()
        try:
            yield Sessions(engine, **options)
        finally:
            self.give_back(engine)


@dataclass
class Redis:
    """A Redis server whose appended file keeps what was written, as deploy/redis.conf has it."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def make(cls) -> "Redis":
        server = cls(Path(tempfile.mkdtemp(prefix="perfuscope-redis-", dir="/tmp")))
        server.start()
        return server

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        settings = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", ""]
        settings += ["--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction"]
        self.process = _serve(["redis-server", *settings], self.folder / "log")
        until(self._answers, 20, "Redis answers")

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"
        return False

    def flush(self) -> None:
        with self.client() as client:
            client.flushall()

    @contextmanager
    def client(self) -> Iterator[redis.Redis]:
        with closing(redis.Redis(port=self.port)) as client:
            yield client

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(20)
            self.process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)
