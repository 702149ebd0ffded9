"""Pages with a part that is kept up to date: the whole page, only what changed, or 304 where nothing did."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from viewer import access
from viewer.opened import again, place_of
from viewer.pulse import Pulse
from viewer.render import Templates

_SHARED_S = 2.0
_MOST_SHARED = 64


@dataclass(frozen=True, slots=True)
class Shown:
    """What one page shows."""

    name: str
    """Of its templates: ``NAME_live.html`` is the part that changes, ``NAME.html`` stands round it."""
    live: Callable[[], dict[str, Any]]
    """Reads what the part is filled in with."""
    every_s: int
    """How often an open page asks for what is new, if nothing tells it to."""
    around: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Part:
    text: Markup
    tag: str


@dataclass(slots=True)
class _Shared:
    """A part that reads alike for everybody, once somebody has had it filled in."""

    part: _Part | None = None
    until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


class LivePages:
    """Fills pages in."""

    def __init__(self, templates: Templates, pulse: Pulse) -> None:
        self._templates, self._pulse = templates, pulse
        self._lock = threading.Lock()
        self._shared: OrderedDict[tuple[str, str, int], _Shared] = OrderedDict()

    def page(self, request: Request, shown: Shown, token: str, *, shared: bool = False) -> Response:
        """The page, or 304 where the browser has it: only the part that changes counts.

        Whoever came without a valid token gets the page, and a new token with it: else every question were an opening.
        ``shared``: it reads alike for everybody, so that many who ask after one change cost one filling in.
        """
        again_only = request.query_params.get("seen") == token
        if shared and again_only and self._pulse.beats:
            return self._again(request, shown, token, self._known(request, shown))
        part = self._part(shown)
        if again_only:
            return self._again(request, shown, token, part)
        return self._whole(request, shown, token, part)

    def _again(self, request: Request, shown: Shown, token: str, part: _Part) -> Response:
        if request.headers.get("if-none-match") == part.tag:
            return Response(status_code=304, headers={"ETag": part.tag})
        if not request.headers.get("x-part"):
            return self._whole(request, shown, token, part)
        refresh = {"every_s": shown.every_s, "again": again(request, token), "tag": part.tag}
        text = self._templates.text("part.html", live=part.text, **refresh)
        return HTMLResponse(text, headers={"ETag": part.tag})

    def _whole(self, request: Request, shown: Shown, token: str, part: _Part) -> Response:
        refresh = {"every_s": shown.every_s, "again": again(request, token), "tag": part.tag}
        context = {"live": part.text, **access.shown(request), **refresh, **shown.around}
        text = self._templates.text(f"{shown.name}.html", **context)
        return HTMLResponse(text, headers={"ETag": part.tag})

    def _known(self, request: Request, shown: Shown) -> _Part:
        key = (shown.name, place_of(request), self._pulse.number)
        with self._lock:
            kept = self._shared.setdefault(key, _Shared())
            while len(self._shared) > _MOST_SHARED:
                self._shared.popitem(last=False)
        with kept.lock:  # its own: who asks for another list need not wait until this one is filled in
            if kept.part is None or time.monotonic() >= kept.until:
                kept.part, kept.until = self._part(shown), time.monotonic() + _SHARED_S
            return kept.part

    def _part(self, shown: Shown) -> _Part:
        text = self._templates.text(f"{shown.name}_live.html", **shown.live())
        return _Part(text, f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"')
