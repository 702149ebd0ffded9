"""From the start of the viewer's process to its first page, as a child of ``perfuscope up`` and alone."""

import os
import re
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from harness import Installation, Pacs, descendants, until
from row import Row

_TIMES = 7
_ASKED = b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


def rows() -> Iterator[Row]:
    """The viewer on SQLite, started again and again: by the supervisor, and by itself."""
    pacs = Pacs().start()
    with tempfile.TemporaryDirectory() as folder:
        place = Installation(Path(folder) / "home", pacs)
        place.run("db", "upgrade")
        place.run("user", "add", "tester", "--role", "admin", "--generate")
        try:
            supervisor = place.start()
            again = sorted(_started_again(place, supervisor.pid) for _ in range(_TIMES))
        finally:
            place.stop()
        alone = [_alone(place) for _ in range(_TIMES)]
    pacs.stop()
    seconds, cpu = (sorted(values) for values in zip(*alone, strict=True))
    figure = f"median {statistics.median(again):.2f} s"
    yield Row("start of the viewer in `up` to its first page", figure, f"least {again[0]:.2f} s", "< 1 s")
    figure = f"median {statistics.median(seconds):.2f} s"
    yield Row("start of the viewer alone to its first page", figure, f"least {seconds[0]:.2f} s")
    yield Row("CPU of that", f"median {statistics.median(cpu):.2f} s", f"least {cpu[0]:.2f} s")


def _started_again(place: Installation, supervisor: int) -> float:
    """Seconds that a viewer is old, which the supervisor started after a killed one, once its first page is there."""
    until(lambda: _page(place.web_port), 60, "the viewer answers")
    old = _viewer(supervisor)
    os.kill(old, signal.SIGKILL)
    while not _page(place.web_port):
        time.sleep(0.005)
    ticks = int(Path(f"/proc/{_viewer(supervisor)}/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def _viewer(supervisor: int) -> int:
    return next(pid for pid, command in descendants(supervisor).items() if "perfuscope viewer" in command)


def _alone(place: Installation) -> tuple[float, float]:
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "cli", "viewer"]
    process = subprocess.Popen(command, env=place.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not _page(place.web_port):
            if process.poll() is not None or time.monotonic() - began > 60:
                raise RuntimeError("the viewer did not start")
            time.sleep(0.005)
        seconds = time.monotonic() - began
    finally:
        process.terminate()
        process.wait(30)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _page(port: int) -> bool:
    """Whether the page to log in on comes, whole."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(_ASKED)
            told = b"".join(iter(lambda: connection.recv(65536), b""))
    except ConnectionError:  # not there yet, or killed
        return False
    return re.match(rb"HTTP/1.1 200 ", told) is not None and b"</html>" in told


def main() -> None:
    """Print the rows."""
    for row in rows():
        sys.stdout.write(f"{row.what}: {row.figure}, {row.beside} {row.aim}\n")


if __name__ == "__main__":
    main()
