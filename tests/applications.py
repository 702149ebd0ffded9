"""The application that everybody in one test asks: making one takes longer than most of its answers."""

from starlette.types import ASGIApp

from core.settings import Settings
from db.session import Sessions
from viewer.app import make_app

_last: list[tuple[Settings, Sessions, ASGIApp]] = []


def application(settings: Settings, sessions: Sessions) -> ASGIApp:
    """The one that was made last, if it was made of the same settings on the same sessions; else a new one."""
    if not _last or _last[0][1] is not sessions or _last[0][0] != settings:
        _last[:] = [(settings, sessions, make_app(settings, sessions))]
    return _last[0][2]


def restarted() -> None:
    """Whoever asks next finds an application that has just been started."""
    _last.clear()
