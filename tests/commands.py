"""Commands in processes of their own, without the seconds that each would take to load Python and its libraries.

A process that has loaded the command line and does nothing else forks once for each command. What a command's process
is given is what ``python -m cli`` would be given: environment, streams, arguments. What it says and how it ends is what
it would be there; ``tests/integration/test_command_line.py`` starts real ones too.
"""

import atexit
import gc
import importlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

LOADED = (
    *("cli.main", "alembic.command", "dicom_node.exporting", "dicom_node.scu", "models.litert", "scipy.ndimage"),
    *("rich.console", "rich.markdown", "rich.table", "typer.rich_utils"),
)
"""What most commands load, none of which starts a thread or a process when it is imported."""


class _Forge:
    """The process that forks, and the way to ask it."""

    def __init__(self) -> None:
        command = [sys.executable, __file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._lock = threading.Lock()
        atexit.register(self.close)

    def run(self, order: Mapping[str, object]) -> int:
        """The exit code of one command."""
        with self._lock:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        assert answer, "the process that starts commands has ended"
        return int(answer)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@lru_cache(maxsize=1)
def _forge() -> _Forge:
    return _Forge()


def run(*arguments: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """``perfuscope ARGUMENTS`` under that environment alone."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        order = {"arguments": arguments, "env": dict(env), "out": str(out), "err": str(err), "cwd": str(Path.cwd())}
        code = _forge().run(order)
        return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())


def _become(order: Mapping[str, object]) -> None:
    """Be the process that was ordered."""
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    sys.argv = ["perfuscope", *order["arguments"]]
    for descriptor, path in ((0, os.devnull), (1, order["out"]), (2, order["err"])):
        opened = os.open(path, os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)


def _leave_by(command: Callable[[], None]) -> NoReturn:
    """Run it and end as Python would, but for taking every loaded module apart."""
    code = 1
    try:
        command()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:  # noqa: BLE001 - what Python prints for it is what the test is to see
        traceback.print_exc()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _serve() -> None:
    """Fork for each line that comes, until no more come."""
    sys.path[0] = str(Path(__file__).parents[1])
    for name in LOADED:
        importlib.import_module(name)
    gc.freeze()  # or each child would look at all of it, and get a copy of its own
    while line := sys.stdin.readline():
        child = os.fork()
        if not child:
            _become(json.loads(line))
            _leave_by(sys.modules["cli.main"].main)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
