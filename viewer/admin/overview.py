"""How full everything is: disk, queues, quarantine, and when each process was started."""

import shutil
from dataclasses import dataclass

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from core.settings import Settings
from db import gauges
from db.session import Sessions
from viewer import access
from viewer.render import Templates

_MB = 2**20


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system that holds the home folder of this machine's Perfuscope."""

    total: int
    free: int
    must_stay: int
    """Below this the node takes nothing."""

    @property
    def used_share(self) -> float:
        """How full it is."""
        return 1 - self.free / self.total if self.total else 1.0

    @property
    def limit_share(self) -> float:
        """How full it may become."""
        return max(0.0, 1 - self.must_stay / self.total) if self.total else 1.0

    @property
    def level(self) -> str:
        """``alarm`` where the node takes nothing, ``caution`` where that is near, ``well``."""
        if self.free < self.must_stay:
            return "alarm"
        return "caution" if self.free < 2 * self.must_stay or self.used_share > 0.9 else "well"

    @classmethod
    def of(cls, settings: Settings) -> "Disk | None":
        """As it is now; None where it cannot be asked."""
        try:
            found = shutil.disk_usage(settings.home)
        except OSError:
            return None
        return cls(found.total, found.free, settings.min_free_disk_mb * _MB)


@dataclass(frozen=True, slots=True)
class OverviewPage:
    """The first of the administrators' pages. It names no patient."""

    sessions: Sessions
    settings: Settings
    templates: Templates

    def show(self, request: Request) -> Response:
        """The page."""
        with self.sessions.read() as session:
            now = self.sessions.now(session)
            found = gauges.read(session, now=now)
        late = found.oldest_due if found.oldest_due and now - found.oldest_due > gauges.OVERDUE else None
        context = {"found": found, "late": late, "disk": Disk.of(self.settings), "now": now, "there": "overview"}
        return HTMLResponse(self.templates.text("overview.html", **access.shown(request), **context))
