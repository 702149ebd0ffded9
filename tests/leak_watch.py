"""Looks at a running Perfuscope from outside: temporary files, command lines, and the addresses of its pages."""

import ctypes
import os
import re
import stat
import struct
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from harness import descendants

_CREATE, _CLOSE_WRITE, _MOVED_TO, _IS_DIR = 0x100, 0x8, 0x80, 0x40000000
_EVENT = struct.Struct("iIII")
_MOST_BYTES = 8 * 2**20
_POLL_S = 0.05
_SHARED = (Path("/tmp"), Path("/dev/shm"))
"""Where others have files, too: what lies in a folder there is not ours."""
_PAST = re.compile(r"/perfuscope\.(db|toml)|\.log$|/store/|/incoming/|/dev/shm/PostgreSQL|/perfuscope-(pg|redis)-")
"""Databases and the store are identified, the tables are searched for themselves, and so are logs and messages."""


@dataclass
class Seen:
    """What was seen of files and processes; every value is searched as it is."""

    names: set[bytes] = field(default_factory=set)
    contents: dict[str, bytes] = field(default_factory=dict)
    command_lines: set[bytes] = field(default_factory=set)
    report_children: set[int] = field(default_factory=set)

    @property
    def text(self) -> dict[str, bytes]:
        """By place, ready to be searched."""
        return {
            "temporary files": b"\n".join([*self.names, *self.contents.values()]),
            "command lines and process titles": b"\n".join(self.command_lines),
        }


class _Folders:
    """What appears in folders, by inotify: nothing is missed between two looks."""

    def __init__(self, folders: Iterable[Path], seen: Seen) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.inotify_init1(os.O_NONBLOCK)
        assert self._fd >= 0, os.strerror(ctypes.get_errno())
        self._paths: dict[int, Path] = {}
        self._seen = seen
        for folder in folders:
            self.add(folder)

    def add(self, folder: Path) -> None:
        number = self._libc.inotify_add_watch(self._fd, os.fsencode(folder), _CREATE | _CLOSE_WRITE | _MOVED_TO)
        if number >= 0:
            self._paths[number] = folder
            for path in folder.iterdir() if folder not in _SHARED else ():  # what came before the watch
                self._appeared(path, is_folder=path.is_dir())

    def look(self) -> None:
        with suppress(BlockingIOError):
            while data := os.read(self._fd, 65536):
                self._events(data)

    def _events(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            number, mask, _, length = _EVENT.unpack_from(data, at)
            name = data[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0")
            at += _EVENT.size + length
            if number in self._paths:
                self._appeared(self._paths[number] / os.fsdecode(name), is_folder=bool(mask & _IS_DIR))

    def _appeared(self, path: Path, *, is_folder: bool) -> None:
        self._seen.names.add(os.fsencode(path))
        if is_folder and path.parent not in _SHARED:
            self.add(path)
        elif not _PAST.search(str(path)):
            with suppress(OSError):
                if stat.S_ISREG(path.stat().st_mode):
                    self._seen.contents[str(path)] = path.read_bytes()[:_MOST_BYTES]

    def close(self) -> None:
        os.close(self._fd)


def _look_at_processes(seen: Seen, temporary: tuple[str, ...]) -> None:
    for pid, command in descendants(os.getpid()).items():
        seen.command_lines.add(command.encode(errors="replace"))
        if "report_picture" in command:
            seen.report_children.add(pid)
        with suppress(OSError):
            seen.command_lines.add(Path(f"/proc/{pid}/comm").read_bytes())
            for link in Path(f"/proc/{pid}/fd").iterdir():
                _look_at_file(link, seen, temporary)


def _look_at_file(link: Path, seen: Seen, temporary: tuple[str, ...]) -> None:
    """An open file that has no name, or has it in a folder for temporary files."""
    with suppress(OSError):
        target = str(link.readlink())
        if not (target.endswith(" (deleted)") or target.startswith(temporary)) or _PAST.search(target):
            return
        if stat.S_ISREG(link.stat().st_mode) and not target.startswith("/dev/zero"):
            seen.names.add(os.fsencode(target))
            with link.open("rb") as file:
                seen.contents[target] = file.read(_MOST_BYTES)


@contextmanager
def watching(folders: Iterable[Path], *, temporary: Path) -> Iterator[Seen]:
    """Watch all processes that this one started, and folders with what they will hold; ``temporary`` is their TMPDIR.

    A file is read when it is closed after writing; one without a name while a process holds it open, as command lines
    are: whatever lives for less than 50 ms may escape that.
    """
    seen, stop = Seen(), threading.Event()
    watched = _Folders([*folders, temporary, *_SHARED], seen)

    def look() -> None:
        while not stop.wait(_POLL_S):
            watched.look()
            _look_at_processes(seen, (f"{temporary}/", "/dev/shm/"))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
        watched.look()
        watched.close()


class _Addresses(HTMLParser):
    """Every attribute that names an address, and every one of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and name != "type" and ("/" in value or name in {"href", "src", "action", "srcset"}):
                self.found.append(value.partition("url=")[2] or value)


def _without_token(path: str) -> str:
    """The address without what tells one opening of a page from the next."""
    return re.sub(r"[?&]seen=[^&]*|#.*", "", path)


@dataclass
class Crawl:
    """The pages of a viewer, followed from the worklist."""

    base: str
    pictures: int
    """How many report pictures are looked at: each starts a process."""
    cookie: str
    """Of a user who is logged in."""
    asked: list[str] = field(default_factory=list)
    addresses: set[str] = field(default_factory=set)
    headers: list[str] = field(default_factory=list)
    studies: int = 0
    drawn: int = 0
    """Report pictures that came."""

    def run(self) -> "Crawl":
        waiting, known = ["/"], {"/"}
        while waiting:
            place = waiting.pop(0)
            for address in self._look(place):
                path = urllib.parse.urljoin(place, address)
                if path.startswith("/") and (key := _without_token(path)) not in known and self._wanted(path):
                    known.add(key)
                    waiting.append(path)
        return self

    def _wanted(self, path: str) -> bool:
        if path.startswith("/reports/"):
            self.pictures -= 1
            return self.pictures >= 0
        return not path.startswith(("/crops/", "/static/"))  # what has no address in it

    def _look(self, place: str) -> list[str]:
        self.asked.append(place)
        try:
            asked = urllib.request.Request(self.base + place, headers={"Cookie": self.cookie})
            with urllib.request.urlopen(asked, timeout=30) as answer:
                kind, body = answer.headers.get_content_type(), answer.read()
                self.headers += [f"{name}: {value}" for name, value in answer.headers.items()]
        except urllib.error.HTTPError as error:
            error.close()
            return []
        self.studies += place.startswith("/studies/")
        self.drawn += place.startswith("/reports/")
        if kind != "text/html":
            return []
        parser = _Addresses()
        parser.feed(body.decode())
        self.addresses.update(parser.found)
        return parser.found

    @property
    def text(self) -> bytes:
        """Everything that is or was an address, also unquoted, and every header of an answer."""
        everything = [*self.asked, *self.addresses]
        unquoted = [urllib.parse.unquote_plus(address) for address in everything]
        return "\n".join([*everything, *unquoted, *self.headers]).encode()
