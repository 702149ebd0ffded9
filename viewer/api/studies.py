"""Studies, predictions and reports over the API, in JSON and CSV: each reading is written down first."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any
from uuid import UUID

from fastapi import HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from core import DISCLAIMER, csv_text
from core.types import AuditAction
from db import audit, results, study_detail, worklist, worklist_keys, worklist_table
from db.session import Sessions
from db.worklist import Filter
from viewer.access import principal
from viewer.api import told
from viewer.api.asked import Chosen, Listed, Search, WholeSearch

_LINES = 250
"""So many lines of a CSV file are sent at a time."""


@dataclass(frozen=True, slots=True)
class Studies:
    """The answers about studies."""

    sessions: Sessions

    def list(self, request: Request, asked: Annotated[Listed, Query()]) -> Response:
        """A page of studies with their newest revision, newest first unless sorted otherwise."""
        return self._page(request, "studies", asked.wanted(), limit=asked.limit, told_as=lambda item: [item])

    def search(self, request: Request, asked: Search) -> Response:
        """A page of the studies of a patient or an accession number. By POST: what is searched for is in no address."""
        wanted = asked.wanted(**asked.sought())
        return self._page(request, "studies", wanted, limit=asked.limit, told_as=lambda item: [item])

    def one(self, request: Request, study_id: UUID) -> Response:
        """A study with its objects, its revisions, and where their reports are."""
        with self.sessions.read() as session:
            found = study_detail.read(session, study_id)
        if found is None:
            raise HTTPException(404)
        self._written_down(request, AuditAction.VIEW, "api study", study_id=study_id)
        return JSONResponse(told.plain(found))

    def predictions(self, request: Request, asked: Annotated[Listed, Query()]) -> Response:
        """What the model said of a page of studies: probabilities by view and by study. Names no patient."""
        wanted = asked.wanted()
        return self._page(
            request, "predictions", wanted, limit=asked.limit, told_as=lambda item: [told.prediction(item)]
        )

    def reports(self, request: Request, asked: Annotated[Listed, Query()]) -> Response:
        """The reports of a page of studies, an entry for each delivery. `limit` counts studies."""
        return self._page(request, "reports", asked.wanted(), limit=asked.limit, told_as=told.reports)

    def csv(self, request: Request, asked: Annotated[Chosen, Query()]) -> Response:
        """All studies that the parameters let pass, as CSV: a line each, sent while they are read."""
        return self.file(request, asked.wanted())

    def csv_of_search(self, request: Request, asked: WholeSearch) -> Response:
        """All studies of a patient or an accession number, as CSV."""
        return self.file(request, asked.wanted(**asked.sought()))

    def file(self, request: Request, wanted: Filter) -> Response:
        """All studies that a filter lets pass, as CSV; that they were taken is written down first."""
        self._written_down(request, AuditAction.EXPORT, f"csv {wanted.summary}")
        rows = map(worklist_table.cells, worklist.every(self.sessions, wanted))
        return csv_file("studies", csv_text.lines(worklist_table.COLUMNS, rows))

    def _page(
        self,
        request: Request,
        what: str,
        wanted: Filter,
        *,
        limit: int,
        told_as: Callable[[Mapping[str, Any]], Iterable[Any]],
    ) -> Response:
        with self.sessions.read() as session:
            places = worklist_keys.select_keys(session, wanted, limit=limit + 1)
            found = results.items(session, [place.key for place in places[:limit]])
        self._written_down(request, AuditAction.VIEW, f"api {what} {wanted.summary}")
        more = str(places[limit - 1]) if len(places) > limit else None
        items = [one for item in found for one in told_as(item)]
        return JSONResponse({"items": told.plain(items), "next_cursor": more, "disclaimer": DISCLAIMER})

    def _written_down(
        self, request: Request, action: AuditAction, detail: str, *, study_id: UUID | None = None
    ) -> None:
        with self.sessions.write() as session:
            now, actor = self.sessions.now(session), principal(request).actor
            audit.record(session, action, actor=actor, now=now, study_id=study_id, detail=detail)


def csv_file(name: str, lines: Iterator[str]) -> Response:
    """An answer that is saved as a file; its first lines go out as soon as there are some."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(_blocks(lines), media_type="text/csv; charset=utf-8; header=present", headers=headers)


def _blocks(lines: Iterator[str]) -> Iterator[str]:
    block = "".join(islice(lines, 20))
    while block:
        yield block
        block = "".join(islice(lines, _LINES))
