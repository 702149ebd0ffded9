"""Jobs that wait, run or were given up, with the reason in words; given-up ones may be tried again."""

from dataclasses import dataclass
from uuid import UUID

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from core.jobs import JobStage, JobState
from core.orders import OrderKind
from db import job_list
from db.job_list import Place
from db.session import Sessions
from viewer import access
from viewer.admin.asking import Asking
from viewer.render import Templates

_MOST = 200


@dataclass(frozen=True, slots=True)
class JobsPage:
    """The list, and trying again. No patient is named."""

    sessions: Sessions
    templates: Templates
    asking: Asking

    def show(self, request: Request, state: str = "", stage: str = "", after: str = "") -> Response:
        """Open jobs, those that were given up first unless a state is named."""
        try:
            states = (JobState(state),) if state else job_list.OPEN
            wanted = JobStage(stage) if stage else None
            place = Place.parse(after) if after else None
        except ValueError:
            raise HTTPException(404) from None
        if any(one not in job_list.OPEN for one in states):
            raise HTTPException(404)
        with self.sessions.read() as session:
            jobs, following = job_list.page(session, states, wanted, after=place, limit=_MOST)
            context = {
                "jobs": jobs,
                "after": after,
                "following": following,
                "dead": job_list.count(session, JobState.DEAD),
                **self.asking.shown(session, "jobs"),
            }
        chosen = {"state": state, "stage": stage, "stages": list(JobStage), "states": job_list.OPEN, "there": "jobs"}
        return HTMLResponse(self.templates.text("jobs.html", **access.shown(request), **context, **chosen))

    def retry(self, request: Request, job_id: UUID) -> Response:
        """One job that was given up."""
        return self.asking.ask(request, "jobs", OrderKind.RETRY, job_id)

    def retry_all(self, request: Request) -> Response:
        """Every job that was given up."""
        return self.asking.ask(request, "jobs", OrderKind.RETRY)
