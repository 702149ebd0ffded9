"""Perfuscope as a hospital runs it: PostgreSQL, Redis, and each process under a database role of its own."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import commands
from bound import bound
from harness import Installation, Pacs, until
from production import PostgreSQL, Redis

ROLE_OF = {"node": "node", "edge": "node", "inference": "inference", "viewer": "viewer"}
COMMANDS = {
    "node": ("node",),
    "edge": ("worker", "--queues", "edge", "--processes", "1"),
    "inference": ("worker", "--queues", "inference", "--processes", "1"),
    "viewer": ("viewer",),
}


@dataclass
class Site(Installation):
    """The processes of one installation, restarted when they die, as a service manager would.

    ``inference`` has a home of its own with nothing in it; ``run`` speaks under the role of the node.
    """

    postgresql: PostgreSQL = field(kw_only=True)
    redis: Redis = field(kw_only=True)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    restarts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._ending, self._lock = threading.Event(), threading.Lock()
        self.database = self.postgresql.new_database()
        self.run_as("owner", "db", "upgrade")
        shutil.rmtree(self.inference_home)
        for name, role in ROLE_OF.items():
            self.postgresql.execute(f"CREATE ROLE {self._login(name)} LOGIN IN ROLE perfuscope_{role}")
        self._watch = threading.Thread(target=self._keep_running, daemon=True)

    @property
    def inference_home(self) -> Path:
        return self.home.parent / f"{self.home.name}_inference"

    def _login(self, name: str) -> str:
        """A user of its own for each process of each site: roles are the server's."""
        return name if name == "owner" else f"{self.database}_{name}"

    @property
    def env(self) -> dict[str, str]:
        return self.env_of("node")

    def env_of(self, name: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PERFUSCOPE_")}
        away = name in {"inference", "owner"}
        return kept | {
            "PERFUSCOPE_HOME": str(self.inference_home if away else self.home),
            "PERFUSCOPE_DATABASE_URL": self.postgresql.url(self.database, self._login(name)),
            "PERFUSCOPE_BROKER_URL": self.redis.url,
            **({f"PERFUSCOPE_{k.upper()}": str(v) for k, v in self.settings.items()} if away else {}),
        }

    def run_as(self, name: str, *arguments: str) -> str:
        done = commands.run(*arguments, env=self.env_of(name))
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def owners_database(self) -> str:
        return self.postgresql.url(self.database)

    def log_of(self, name: str) -> str:
        return self._log_file(name).read_text(errors="replace")

    def _log_file(self, name: str) -> Path:
        return self.home.parent / f"{self.home.name}.{name}.log"

    def start_all(self) -> None:
        for name in COMMANDS:
            self._start(name)
        until(self.answers, 60, "the node answers")
        self._watch.start()

    def _start(self, name: str) -> None:
        with self._log_file(name).open("ab") as log:
            command = bound(sys.executable, "-m", "cli", *COMMANDS[name])
            self.running[name] = subprocess.Popen(command, env=self.env_of(name), stdout=log, stderr=log)

    def _keep_running(self) -> None:
        while not self._ending.wait(0.1):
            with self._lock:
                for name, process in list(self.running.items()):
                    if process.poll() is not None and not self._ending.is_set():
                        self.restarts.append(name)
                        self._start(name)

    def kill(self, name: str) -> None:
        """SIGKILL to the process; its children die with it."""
        with self._lock:
            self.running[name].kill()
            self.running[name].wait()

    def end_at_once(self) -> None:
        self._stop_watching()
        self.processes = list(self.running.values())
        super().end_at_once()

    def stop_all(self) -> None:
        self._stop_watching()
        with self._lock:
            for process in self.running.values():
                process.send_signal(signal.SIGTERM)
            for process in self.running.values():
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _stop_watching(self) -> None:
        self._ending.set()
        if self._watch.ident is not None:
            self._watch.join(60)


@contextmanager
def site(folder: Path, **settings: object) -> Iterator[Site]:
    """A running site with a PACS and servers of its own; everything ends with it."""
    with ExitStack() as stack:
        postgresql = PostgreSQL.make(durable=True)
        stack.callback(postgresql.remove)
        redis = Redis.make()
        stack.callback(redis.remove)
        pacs = Pacs().start()
        stack.callback(pacs.stop)
        made = Site(folder / "site", pacs, settings, postgresql=postgresql, redis=redis)
        stack.callback(made.end_at_once)
        made.start_all()
        yield made
