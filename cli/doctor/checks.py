"""The checks that need no running service: settings, disk, database, model, layouts, broker, work that waits."""

import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from core.errors import PerfuscopeError, Unavailable
from core.finding import Finding, fail, ok, warn
from core.jobs import JobState
from core.settings import Settings
from db.session import Sessions

_DRIFT_S = 2.0
_SLOW_MS = 100.0
_OVERDUE = timedelta(minutes=2)


def home(settings: Settings) -> Finding:
    """The home folder is the owner's alone."""
    mode = settings.home.stat().st_mode & 0o777
    if mode & 0o077:
        return fail("home", f"others may look into it (mode {mode:04o})", f"Run: chmod 700 {settings.home}")
    if not os.access(settings.home, os.W_OK):
        return fail("home", "it cannot be written", "Run doctor as the user that Perfuscope runs as.")
    return ok("home", f"{settings.home}, the owner's alone")


def disk(settings: Settings) -> Finding:
    """There is room for more objects."""
    free_mb = shutil.disk_usage(settings.home).free // 2**20
    said = f"{free_mb / 1024:.1f} GB free, objects are refused below {settings.min_free_disk_mb / 1024:.1f} GB"
    todo = "Free disk space: perfuscope purge --dry-run says what retention would delete."
    if free_mb < settings.min_free_disk_mb:
        return fail("disk", said, todo)
    return warn("disk", said, todo) if free_mb < 5 * settings.min_free_disk_mb else ok("disk", said)


def database(sessions: Sessions) -> Iterator[Finding]:
    """The database takes a write in good time, and its clock is ours."""
    kind = sessions.engine.dialect.name
    started = time.perf_counter()
    try:
        with sessions.write() as session:
            now = sessions.now(session)
    except SQLAlchemyError as error:
        yield fail("database", f"cannot be written ({type(error).__name__})", "See whether another process holds it.")
        return
    taken_ms = (time.perf_counter() - started) * 1000
    said = f"{kind}, schema up to date, a write takes {taken_ms:.0f} ms"
    slow = "Look at the database's disk and load."
    yield warn("database", said, slow) if taken_ms > _SLOW_MS else ok("database", said)
    drift_s = (datetime.now(UTC) - now).total_seconds()
    said = f"{abs(drift_s):.1f} s apart from the database's"
    todo = "Have both machines keep their time by NTP."
    yield warn("clock", said, todo) if abs(drift_s) > _DRIFT_S else ok("clock", said)


def model(settings: Settings, sessions: Sessions) -> Finding:
    """The active model can be loaded, and every file has the SHA-256 that its card names."""
    from db import model_versions
    from worker.runtime import classifiers

    with sessions.read() as session:
        active = model_versions.active(session)
    if active is None:
        return fail("model", "none is active", "Run: perfuscope db upgrade")
    try:
        classifiers(sessions, settings.cache)(active.id)
    except (PerfuscopeError, Unavailable, OSError) as error:
        return fail("model", f"{active.name} {active.version} cannot be loaded: {error}", "Activate it again.")
    return ok("model", f"{active.name} {active.version}, SHA-256 {active.sha256[:12]} as its card says")


def screens(settings: Settings) -> Finding:
    """Layouts and view rules can be read."""
    from dicom_node import layouts
    from worker import edge_settings

    try:
        edge_settings.check(settings)
        known = layouts.load_all(settings.layout_files)
    except PerfuscopeError as error:
        return fail("screens", str(error), "Mend that file or rule and restart the edge workers.")
    rules = f"{len(settings.view_rules)} view rules of this site" if settings.view_rules else "the shipped view rules"
    return ok("screens", f"{', '.join(layout.name for layout in known)}; {rules}")


def broker(settings: Settings) -> Finding:
    """Bells can be rung: the folder can be written, or Redis answers and keeps what it is given."""
    url = settings.broker_url or ""
    if not url.startswith(("redis:", "rediss:")):
        folder = settings.home / "broker"
        folder.mkdir(exist_ok=True, mode=0o700)
        waiting = sum(1 for entry in folder.iterdir() if entry.suffix == ".msg")
        return ok("broker", f"files in the home folder, {waiting} messages wait")
    return _redis(url)


def _redis(url: str) -> Finding:
    import redis

    try:
        with redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
            client.ping()
            try:
                said = {name: client.config_get(name).get(name) for name in ("maxmemory-policy", "appendonly")}
            except redis.ResponseError:  # a managed server may not tell
                return ok("broker", "Redis answers; its settings are not told")
    except (redis.RedisError, ValueError) as error:
        todo = "Start Redis, or see broker_url. Work waits in the database and is taken up again."
        return fail("broker", f"Redis does not answer ({type(error).__name__})", todo)
    if said["maxmemory-policy"] != "noeviction":
        return warn("broker", "Redis may drop messages when it is full", "Set maxmemory-policy noeviction.")
    if said["appendonly"] != "yes":
        return warn("broker", "Redis forgets messages when it restarts", "Set appendonly yes. No work is lost.")
    return ok("broker", "Redis answers, keeps everything, and survives a restart")


def work(sessions: Sessions) -> Iterator[Finding]:
    """Nothing was given up, nothing is overdue, nothing waits for a person."""
    from db import jobs, quarantine

    with sessions.read() as session:
        counts = jobs.counts(session)
        overdue = jobs.overdue(session, before=sessions.now(session) - _OVERDUE)
        kept_back = quarantine.count(session)
    dead = sum(n for (_, state), n in counts.items() if state is JobState.DEAD)
    open_jobs = sum(n for (_, state), n in counts.items() if state in {JobState.WAITING, JobState.RUNNING})
    said = f"{open_jobs} jobs open, {overdue} overdue, {dead} given up"
    if overdue:
        yield fail("work", said, "Start more workers, or see whether they run: perfuscope jobs list")
    elif dead:
        yield warn("work", said, "See perfuscope jobs list, mend the cause, then: perfuscope jobs retry --all")
    else:
        yield ok("work", said)
    said = f"{kept_back} wait for a decision"
    todo = "See: perfuscope quarantine list"
    yield warn("quarantine", said, todo) if kept_back else ok("quarantine", said)
