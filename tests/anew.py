"""A database that is made anew again and again, for tests of hundreds of stories that each begin with an empty one."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from db.session import Sessions, make_engine


class Anew:
    """One SQLite engine on a file that each story finds empty: the engine knows what it compiled for the one before."""

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
        engine = make_engine(f"sqlite:///{folder}/story.db")
        yield Anew(empty, engine)
        engine.dispose()
