"""The API's addresses, whom each admits, and the document that describes them."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.routing import BaseRoute

from core import DISCLAIMER, TRAINED_ON, __version__
from core.roles import Scope
from db.session import Sessions
from viewer.access import PUBLIC, allowed
from viewer.api import examples, told
from viewer.api.figures import Figures, Statistics
from viewer.api.studies import Studies
from viewer.api.trail import Trail, Trails

PLACE = "/api/v1"
_ABOUT = f"""
What Perfuscope made of the studies it was sent, for programs. **{DISCLAIMER}** {TRAINED_ON}

A program sends `Authorization: Bearer TOKEN`; an administrator makes tokens with `perfuscope token add`. Lists are read
page by page: `next_cursor` of one page is `cursor` of the next. A page costs the same at any place of any list. What
names a patient is searched for by POST, so that it stands in no address. Each reading is an event of the audit trail,
but of figures (`/statistics`, `/statistics.csv`), which name nobody.
"""
_TEXT: dict[str, Any] = {"text/csv": {"schema": {"type": "string"}}}


def add_to(app: FastAPI, sessions: Sessions, *, zone: ZoneInfo | None) -> None:
    """Every address of the API, with its rule.

    FastAPI would analyse every route of a router twice: for the router, and for the application that includes it.
    """
    _add_studies(app, Studies(sessions))
    figures = Figures(sessions, zone)
    _add(app, "/statistics", figures.all, Scope.STATISTICS, Statistics, example=examples.STATISTICS)
    _add(app, "/statistics.csv", figures.csv, Scope.STATISTICS, None, example=examples.STATISTICS_CSV)
    _add(app, "/audit", Trails(sessions).list, Scope.AUDIT, Trail, example=examples.TRAIL)
    own = [route for route in app.routes if getattr(route, "path", "").startswith(f"{PLACE}/")]
    document = cache(partial(_document, own))  # made when somebody asks: it takes longer than the rest of a start

    def openapi() -> Response:
        """This document (OpenAPI 3.1)."""
        return JSONResponse(document())

    app.add_api_route(
        f"{PLACE}/openapi.json", openapi, methods=["GET"], dependencies=[Depends(PUBLIC)], include_in_schema=False
    )


def _add_studies(app: FastAPI, answers: Studies) -> None:
    studies = Scope.STUDIES
    _add(app, "/studies", answers.list, studies, told.Studies, example=examples.STUDIES)
    _add(app, "/studies.csv", answers.csv, studies, None, example=examples.STUDIES_CSV)
    _add(app, "/studies/search", answers.search, studies, told.Studies, method="POST", example=examples.STUDIES)
    _add(app, "/studies/search.csv", answers.csv_of_search, studies, None, method="POST", example=examples.STUDIES_CSV)
    _add(app, "/studies/{study_id}", answers.one, studies, told.WholeStudy, example=examples.STUDY)
    _add(app, "/predictions", answers.predictions, Scope.PREDICTIONS, told.Predictions, example=examples.PREDICTIONS)
    _add(app, "/reports", answers.reports, Scope.REPORTS, told.Reports, example=examples.REPORTS)


def _add(
    app: FastAPI,
    path: str,
    answer: Callable[..., Response],
    scope: Scope,
    shape: type[BaseModel] | None,
    *,
    example: Any,
    method: str = "GET",
) -> None:
    kind = "application/json" if shape is not None else "text/csv"
    content: dict[str, Any] = {kind: {"example": example}}
    if shape is None:
        content[kind]["schema"] = {"type": "string"}
    app.add_api_route(
        f"{PLACE}{path}",
        answer,
        methods=[method],
        dependencies=[Depends(allowed(*scope.roles, scope=scope))],
        response_model=None,
        response_class=Response,
        responses={200: _described(shape, content), **_PROBLEMS},
        operation_id=f"{method.lower()}{path.replace('/', '_').replace('.', '_').replace('{', '').replace('}', '')}",
        tags=[scope.value],
    )


def _described(shape: type[BaseModel] | None, content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"description": "As asked.", "content": content}
    return found | ({"model": shape} if shape is not None else {})


_PROBLEM: dict[str, Any] = {
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The body cannot be read.", **_PROBLEM},
    401: {"description": "Nobody known asks, or the token is not good any more.", **_PROBLEM},
    403: {"description": "The role or the token's scope is not for this.", **_PROBLEM},
    404: {"description": "There is no such study.", **_PROBLEM},
    405: {"description": "By another method.", **_PROBLEM},
    422: {"description": "A parameter is not allowed; it is named, not repeated.", **_PROBLEM},
    503: {"description": "The database does not answer. Try again.", **_PROBLEM},
}


def _document(routes: list[BaseRoute]) -> dict[str, Any]:
    document = get_openapi(
        title="Perfuscope", version=__version__, summary=DISCLAIMER, description=_ABOUT, routes=routes
    )
    parts = document.setdefault("components", {})
    parts.setdefault("schemas", {})["Problem"] = told.Problem.model_json_schema()
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"token": []}]
    document["servers"] = [{"url": "/"}]
    return document
