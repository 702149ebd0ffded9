"""A study: its result and what it was made from, two of its revisions side by side, and what readers say of it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from core.phi import Phi
from core.types import Confidence, Label
from db import reviews, study_page
from db.reviews import LONGEST_COMMENT, NewReview
from db.session import Sessions
from db.study_page import StudyPage
from db.tables import Case
from viewer import access
from viewer.errors import COMMENT_TOO_LONG
from viewer.forms import Fields, Form
from viewer.live import LivePages, Shown
from viewer.opened import Openings
from viewer.pictures import ReportPictures
from viewer.render import Templates

_MOST_REVIEWS = 50
"""So often may a reader think again about one revision: its page shows them all."""
_AT_WORK_S, _DONE_S = 2, 15
"""How often an open page asks by itself."""


@dataclass(frozen=True, slots=True)
class StudyPages:
    """The pages of a study with what they need."""

    sessions: Sessions
    templates: Templates
    pages: LivePages
    openings: Openings
    pictures: ReportPictures

    def show(self, request: Request, study_id: UUID, revision: int | None = None) -> Response:
        """One study, at its newest revision or an older one."""
        return self._shown(request, self._read(study_id, revision))

    def compare(self, request: Request, study_id: UUID, left: int, right: int) -> Response:
        """Two revisions side by side."""
        sides = [self._read(study_id, revision) for revision in (left, right)]
        self.openings.token(request, study_id=study_id, detail=f"revisions {left} and {right}")
        text = self.templates.text("compare.html", study=sides[0].study, sides=sides, **access.shown(request))
        return HTMLResponse(text)

    def review(self, request: Request, study_id: UUID, form: Form) -> Response:
        """Add what a reader says of a revision, and go back to it.

        A form that comes twice adds nothing; one that was used for another review meanwhile is shown again.
        """
        new, case_id = _review(access.principal(request), form)
        try:
            with self.sessions.write() as session:
                case = session.get(Case, case_id)
                if case is None or case.study_id != study_id:
                    raise HTTPException(404)
                revision, older = case.revision, f"revision={case.revision}" if case.superseded_at else ""
                if reviews.number(session, case.id, new.reader) >= _MOST_REVIEWS:
                    raise HTTPException(409)
                reviews.add(session, case, new, now=self.sessions.now(session))
        except reviews.Overtaken:
            place = f"/studies/{study_id}"
            opened = Request({**request.scope, "method": "GET", "path": place, "query_string": older.encode()})
            return self._shown(opened, self._read(study_id, revision), written=new)
        return RedirectResponse(f"/studies/{study_id}{'?' if older else ''}{older}#readers", 303)

    def _read(self, study_id: UUID, revision: int | None) -> StudyPage:
        with self.sessions.read() as session:
            found = study_page.read(session, study_id, revision=revision)
        if found is None:
            raise HTTPException(404)
        return found

    def _shown(self, request: Request, found: StudyPage, *, written: NewReview | None = None) -> Response:
        """The page; with a review that was written and not saved, 409."""
        token = self.openings.token(request, study_id=found.study.id, detail="study")
        done = found.case is not None and found.case.done_at is not None
        every_s = _DONE_S if done else _AT_WORK_S
        filled = {"written": written}
        live = Shown("study", lambda: self._live(request, found, token) | filled, every_s, {"here": "worklist"})
        answer = self.pages.page(request, live, token)
        if written is not None:
            answer.status_code = 409
        return answer

    def _live(self, request: Request, found: StudyPage, token: str) -> dict[str, Any]:
        who = access.principal(request).name
        said = reviews.in_force(found.shown_reviews)
        return {
            "page": found,
            "whole": found.predictions.get(None),
            "review_below": found.model.card.get("review_below") if found.model else None,
            "has_file": self.pictures.has_file,
            "picture": lambda report: self.openings.part(request, token, f"/reports/{report.id}.png"),
            "said": said,
            "earlier": {review.reader: reviews.replaced(found.shown_reviews, review) for review in said},
            "standing": reviews.standing(found.shown_reviews),
            "own": next((review for review in said if review.reader == who), None),
            "once": _once(found, who),
            "reader": who,
            "longest": LONGEST_COMMENT,
            "csrf": access.csrf_field(request),
        }


def _once(found: StudyPage, who: str) -> UUID | None:
    """The id of the review that the form on the page makes: another one once this one is handed in."""
    if found.case is None:
        return None
    before = sum(review.reader == who for review in found.shown_reviews)
    return uuid5(found.case.id, f"{who} {before}")


def _review(who: access.Principal, sent: Fields) -> tuple[NewReview, UUID]:
    """The review in a form, and the revision it is of; 400 for a form that is not ours, 422 for too long a comment."""
    try:
        case_id = UUID(sent.one("case"))
        form = UUID(sent.one("once"))
        label, confidence = Label(sent.one("label")), Confidence(sent.one("confidence"))
    except ValueError:
        raise HTTPException(400) from None
    comment = sent.one("comment").replace("\0", "").replace("\r\n", "\n").strip()
    if len(comment) > LONGEST_COMMENT:
        raise HTTPException(422, COMMENT_TOO_LONG)
    own = uuid5(form, f"{who.name} {case_id}")  # whatever a form says, it takes nobody else's place
    return NewReview(own, who.name, who.actor, label, confidence, Phi(comment)), case_id
