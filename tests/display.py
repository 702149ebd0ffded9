"""An X display of our own on a free number, and what can be seen on it."""

import os
import shutil
import subprocess
import tkinter as tk

from PIL import Image, ImageGrab


class Display:
    """Xvfb, which ends when its last client does; a client of ours stays until this process ends.

    A display that ended before its clients would take this process with it: Xlib exits where it loses its server.
    """

    def __init__(self, size: tuple[int, int] = (1600, 1200), *, dots_an_inch: int = 96) -> None:
        program = shutil.which("Xvfb")
        assert program, "Xvfb is not installed; see tests/system-packages"
        reading, writing = os.pipe()
        command = [program, "-displayfd", str(writing), "-terminate", "-nolisten", "tcp", "-dpi", str(dots_an_inch)]
        command += ["-screen", "0", f"{size[0]}x{size[1]}x24"]
        self._server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
        os.close(writing)
        with os.fdopen(reading) as told:
            number = told.readline().strip()
        assert number, "Xvfb did not start"
        self.name = f":{number}"
        self._client = tk.Tk(screenName=self.name)
        self._client.withdraw()

    def seen(self, window: tk.Misc) -> Image.Image:
        """What is on the display where the window is."""
        left, top = window.winfo_rootx(), window.winfo_rooty()
        box = (left, top, left + window.winfo_width(), top + window.winfo_height())
        return ImageGrab.grab(bbox=box, xdisplay=self.name).convert("RGB")
