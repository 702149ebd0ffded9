"""Openings of pages: each is written down before anything is shown; keeping an open page up to date is none."""

from dataclasses import dataclass
from uuid import UUID

from fastapi import Request

from core.types import AuditAction
from db import audit
from db.session import Sessions
from viewer import access
from viewer.seen import Seen


@dataclass(frozen=True, slots=True)
class Openings:
    """Writes openings down, and gives tokens for those that are."""

    sessions: Sessions
    seen: Seen

    def token(self, request: Request, *, study_id: UUID | None, detail: str) -> str:
        """The token of an opening that was written down: this one, or the one that is only kept up to date."""
        place, token = place_of(request), request.query_params.get("seen", "")
        if self.is_open(request, token):
            return token
        self.write_down(request, study_id=study_id, detail=detail)
        return self.seen.token(place, _login(request))

    def is_open(self, request: Request, token: str) -> bool:
        """Whether whoever asks opened what is asked for before, and that was written down."""
        return self.seen.holds(place_of(request), token, _login(request))

    def write_down(self, request: Request, *, study_id: UUID | None, detail: str, subject: UUID | None = None) -> None:
        """Who looks at what, committed before it is shown."""
        actor = access.principal(request).actor
        with self.sessions.write() as session:
            now = self.sessions.now(session)
            audit.record(
                session, AuditAction.VIEW, actor=actor, now=now, study_id=study_id, subject=subject, detail=detail
            )

    def part(self, request: Request, token: str, place: str) -> str:
        """The address of what a page shows, so that its loading is not written down once more."""
        return f"{place}?seen={self.seen.also(token, place, _login(request))}"


def _login(request: Request) -> UUID:
    """The login that the rule of a page let through."""
    who = access.principal(request)
    if who.via != "session" or who.key_id is None:
        raise TypeError("pages are opened by logins alone")
    return who.key_id


def place_of(request: Request) -> str:
    """The address that was asked for, without its token."""
    return str(request.url.remove_query_params("seen").replace(scheme="", netloc=""))


def again(request: Request, token: str) -> str:
    """The address by which an open page asks for what is new."""
    return str(request.url.include_query_params(seen=token).replace(scheme="", netloc=""))
