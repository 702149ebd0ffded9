"""Programs that tests start end with them: a run that is interrupted or killed leaves none behind."""

import shutil
import threading


def bound(*command: str, signal: str = "TERM") -> list[str]:
    """The command, so that it gets this signal when we end; as it is where nothing can do that.

    The kernel follows the thread that starts it, and others than the main one end before we do.
    """
    able = shutil.which("setpriv") and threading.current_thread() is threading.main_thread()
    return ["setpriv", "--pdeathsig", signal, *command] if able else list(command)
