"""SQLite engines that know what was compiled for another database before: that takes longer than running it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Engine, event

from db.session import Sessions, make_engine


@lru_cache(maxsize=1)
def _first() -> Engine:
    engine = make_engine("sqlite://")
    with engine.connect():
        return engine


def engine_on(file: Path) -> Engine:
    """``make_engine`` for a file, with the dialect of the first engine: what it compiled is kept under that.

    It does not wait for the disk at each commit: a test's database need not outlive a power cut.
    """
    engine = make_engine(f"sqlite:///{file}")
    engine.dialect, engine._compiled_cache = _first().dialect, _first()._compiled_cache
    event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=OFF").close())
    return engine


class Anew:
    """One engine on a file that each story finds empty."""

    def __init__(self, empty: Path, engine: Engine) -> None:
        self._empty = empty
        self._engine = engine

    def sessions(self, **options: object) -> Sessions:
        """On the empty database; those given out before end here."""
        self._engine.dispose()
        file = Path(self._engine.url.database)
        for old in file.parent.iterdir():  # the file and its journal
            old.unlink()
        shutil.copyfile(self._empty, file)
        return Sessions(self._engine, **options)


@contextmanager
def anew(empty: Path) -> Iterator[Anew]:
    """Copies of ``empty``, where databases need no disk: so many commits would wait for it."""
    disk = Path("/dev/shm") if Path("/dev/shm").is_dir() else empty.parent
    with tempfile.TemporaryDirectory(dir=disk) as folder:
        engine = engine_on(Path(folder) / "story.db")
        yield Anew(empty, engine)
        engine.dispose()
