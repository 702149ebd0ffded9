"""Trying an image: a short-lived process classifies what somebody dropped on the page. Nothing is kept of it."""

import asyncio
import json
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from core.settings import Settings
from core.types import AuditAction
from db import audit, model_versions
from db.session import Sessions
from viewer import access, forms
from viewer.render import Templates

MOST_FILES = 3
"""A study has three screens."""
MOST_BYTES = 64 * 2**20
_HEAD_BYTES = 100
MOST = MOST_BYTES + _HEAD_BYTES
"""What a request may hold."""
_AT_ONCE = 2
_USERS = 4
"""So many may be sending images or wait for what is said of them, each one at a time: else two who send slowly would
keep out everybody else, and more would fill the memory."""
_TIMEOUT_S = 45
_ARRIVES_S = 60
"""Whoever sends more slowly gives the place to others."""
_OTHERS = "Others are trying images just now. Try again in a few seconds."


@dataclass(frozen=True, slots=True)
class Trying:
    """The page to drop images on, and the answer to what was dropped."""

    sessions: Sessions
    settings: Settings
    templates: Templates
    _places: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(_AT_ONCE))
    _users: set[UUID] = field(default_factory=set)
    """Who is trying one. The server's one loop alone looks at it."""

    def show(self, request: Request) -> Response:
        """The page."""
        most = MOST_BYTES // 2**20
        return HTMLResponse(
            self.templates.text("try.html", most_files=MOST_FILES, most_mb=most, here="try", **access.shown(request))
        )

    async def answer(self, request: Request) -> Response:
        """What the active model says of one to three files, as a part of the page.

        The body is a line with the files' lengths, then the files: no form's parser ever writes them to a disk.
        """
        who = access.principal(request)
        if who.user_id in self._users:
            return self._full("You are trying an image already. Try again when it was answered.")
        if len(self._users) >= _USERS:
            return self._full(_OTHERS)
        self._users.add(who.user_id)
        try:
            async with asyncio.timeout(_ARRIVES_S):
                body = await forms.bounded(request, MOST)
            return await run_in_threadpool(self._placed, who.actor, body)
        except TimeoutError:
            raise HTTPException(408) from None
        finally:
            self._users.discard(who.user_id)

    def _placed(self, who: str, body: bytearray) -> Response:
        """What is to be said of a body that is here as a whole, if there is a place to look at it."""
        if not self._places.acquire(blocking=False):
            return self._full(_OTHERS)
        try:
            return self._answer(who, body)
        finally:
            self._places.release()

    def _answer(self, who: str, body: bytearray) -> Response:
        """What is to be said of a body. Its first line is exchanged in place: there may be 64 MB behind it."""
        end = body.find(b"\n", 0, _HEAD_BYTES)
        sizes = _sizes(bytes(body[: max(end, 0)]))
        if sum(sizes) != len(body) - end - 1:
            raise HTTPException(400)
        with self.sessions.write() as session:
            audit.record(
                session, AuditAction.TRY, actor=who, now=self.sessions.now(session), detail=f"files={len(sizes)}"
            )
        body[: end + 1] = json.dumps(self._head(sizes)).encode() + b"\n"
        found = _classified(body)
        if found is None:
            return self._said(422, problem="These files could not be looked at. Nothing was kept of them.")
        if "problem" in found:
            return self._said(503, problem=found["problem"])
        return self._said(200, answer=found)

    def _head(self, sizes: list[int]) -> dict[str, Any]:
        """What the process is told before the files; with it the active model, where it lies on this machine."""
        with self.sessions.read() as session:
            active = model_versions.active(session)
        folder = self.settings.cache / "models" / active.sha256 if active else None
        told = self.settings.model_dump(mode="json", include={"home", "layouts", "view_rules"})
        here = str(folder) if folder and folder.is_dir() else None
        return {**told, "sizes": sizes, "model": here, "sha256": active.sha256 if active else None}

    def _full(self, problem: str) -> Response:
        """No place just now: the page asks again by itself, as this header lets it."""
        said = self._said(503, problem=problem)
        said.headers["Retry-After"] = "1"
        return said

    def _said(self, status: int, **context: Any) -> Response:
        asked = {"answer": None, "problem": "", **context}
        return HTMLResponse(self.templates.text("try_answer.html", **asked), status, headers={"X-Part": "1"})


def _sizes(line: bytes) -> list[int]:
    """The lengths in the first line; 400 unless there are one to three, none of them nothing."""
    parts = line.decode("ascii", "replace").split(",") if len(line) < _HEAD_BYTES else []
    if not 1 <= len(parts) <= MOST_FILES or not all(p.isascii() and p.isdecimal() and int(p) for p in parts):
        raise HTTPException(400)
    return [int(part) for part in parts]


def _classified(told: bytearray) -> dict[str, Any] | None:
    """What the process found; None where it ended without an answer."""
    command = [sys.executable, "-m", "training.dropped"]
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command,
            input=told,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        found = json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return found if isinstance(found, dict) else None
