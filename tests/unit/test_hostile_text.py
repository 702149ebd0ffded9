"""Whatever stands in an address, a form or a body is text: it is refused or shown as it is, and breaks nothing."""

import asyncio
import json
import re
from collections.abc import Iterable
from html import unescape
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import entry
import httpx
import pytest
from programs import token
from reader import classified, reader, reported
from sqlalchemy import func, select
from ward import named

from core.roles import Role
from core.settings import Settings
from db.tables import AuditEvent, Case, Study
from viewer import csrf
from viewer.access import CSRF_HEADER
from viewer.app import make_app

HOSTILE = ("' OR '1'='1' --", '"; DROP TABLE studies; --', "%_\\", "a\x00b", "9" * 5000, "../../etc/passwd")
DAYS = ("0001-01-01", "9999-12-31", "2026-02-30")
ANYBODY = named("T-666", "<script>^<img src=x onerror=alert(1)>", "19500101", "<b>A1</b>", "20260102")
FILTERS = {
    "/": ("show", "since", "until", "sender", "sort", "after", "found", "seen"),
    "/admin/audit": ("actor", "action", "study", "since", "until", "after"),
    "/admin/jobs": ("state", "stage"),
    "/admin/statistics": ("since", "until"),
    "/api/v1/studies": ("state", "label", "since", "until", "sender", "sort", "cursor", "limit", "another"),
    "/api/v1/statistics.csv": ("subject", "since"),
    "/login": ("next",),
}
PLACES = (
    *("/studies/{}", "/crops/{}.png", "/overlays/{}/qps/normal.png", "/reports/{}.png", "/models/{}", "/static/{}"),
    *("/admin/quarantine/{}", "/admin/quarantine/{}.png", "/admin/quarantine/{}/layout", "/admin/orders/{}"),
    "/api/v1/studies/{}",
)
FORMS: dict[str, dict[str, str]] = {
    "/search": {"text": "x"},
    "/admin/users": {"name": "grace", "role": "reader"},
    f"/admin/users/{uuid4()}": {"do": "role", "role": "admin"},
    "/admin/tokens": {"user": "admin", "label": "x", "days": "9", "scope": "studies"},
    "/admin/peers/test": {"peer": "pacs"},
    "/admin/models/activate": {"name": "mobilenet-sim-2", "do": "force", "reason": "x"},
    "/login": {"name": "ada", "password": "x", "next": "/"},
}


def asked_of_addresses() -> Iterable[tuple[str, str, dict[str, Any]]]:
    for place, names in FILTERS.items():
        for name in names:
            for value in (*HOSTILE, *(DAYS if name in {"since", "until"} else ())):
                yield "GET", f"{place}?{name}={quote(value, safe='')}", {}
    for place in PLACES:
        for value in (*HOSTILE, "..%2f..%2fperfuscope.toml"):
            yield "GET", place.format(quote(value, safe="%")), {}


def asked_of_forms() -> Iterable[tuple[str, str, dict[str, Any]]]:
    for place, fields in FORMS.items():
        for name in fields:
            for value in HOSTILE:
                yield "POST", place, {"data": fields | {name: value}}


def asked_of_bodies() -> Iterable[tuple[str, str, dict[str, Any]]]:
    for name in ("text", "patient_id", "accession_number", "cursor", "sender"):
        for value in (*HOSTILE, "\ud800"):
            yield "POST", "/api/v1/studies/search", {"content": json.dumps({"text": "x", name: value}).encode()}
    for body in (b"[" * 60_000, b"{", b"\xff", b"null", b"1e999"):
        yield "POST", "/api/v1/studies/search", {"content": body}


async def answers(app, headers: dict[str, str], asked: Iterable[tuple[str, str, dict[str, Any]]]):
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080", headers=headers) as client:
        return [(place, sent, await client.request(method, place, **sent)) for method, place, sent in asked]


@pytest.mark.usefixtures("cheap_passwords")
def test_no_filter_no_form_and_no_body_breaks_anything_whatever_it_holds(ward, tmp_path):
    study_id = classified(ward, who=ANYBODY)
    reported(ward, study_id, tmp_path / "store")
    app = make_app(Settings(home=tmp_path), ward.sessions)
    cookie = entry.cookie(ward.sessions, name="admin", role=Role.ADMIN)
    form = {"Cookie": cookie, CSRF_HEADER: csrf.token(cookie.partition("=")[2])}
    program = {"Authorization": f"Bearer {token(ward.sessions)}"}
    found = asyncio.run(answers(app, form, (*asked_of_addresses(), *asked_of_forms())))
    found += asyncio.run(answers(app, program, asked_of_bodies()))
    assert not [(place, sent, answer.status_code) for place, sent, answer in found if answer.status_code >= 500]
    assert not any("root:" in answer.text or "<img src=x" in answer.text for *_, answer in found)
    with ward.sessions.read() as session:
        assert [session.scalar(select(func.count()).select_from(table)) for table in (Study, Case)] == [1, 1]
        details = session.scalars(select(AuditEvent.detail)).all()
    assert not any(word in detail for detail in details for word in ("DROP", "OR '1'", "passwd"))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_name_that_is_a_script_is_shown_as_text(ward, tmp_path):
    study_id = classified(ward, who=ANYBODY)
    pages = reader(ward, tmp_path, role=Role.ADMIN)
    for place in ("/", f"/studies/{study_id}", f"/studies/{study_id}/revisions?left=1&right=1"):
        text = pages.get(place).text
        assert "&lt;script&gt;" in text
        assert not any(tag in text for tag in ("<script>", "<img src=x", "<b>A1"))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "local"])
def test_a_filter_that_nobody_can_mean_is_no_page(ward, tmp_path, zone):
    office = reader(ward, tmp_path, role=Role.ADMIN, report={"timezone": zone})
    days = [f"{end}={day}" for end in ("since", "until") for day in ("0001-01-01", "0026-11-28", "2200-01-01", *DAYS)]
    for shown in (*days, "sender=%00", "found=%00"):
        assert office.get(f"/?{shown}").status_code in {400, 404}, shown
    for shown in days:
        assert office.get(f"/admin/audit?{shown}").status_code == 404, shown
        assert office.get(f"/admin/statistics?{shown}").status_code == 422, shown
    for place in ("/?since=1990-01-01&until=2199-12-30", "/admin/audit?since=1990-01-01&until=2199-12-30"):
        page = office.get(place)
        assert page.status_code == 200
        if "As CSV</a>" in page.text:
            assert office.get(unescape(re.search(r'href="([^"]+)">As CSV', page.text)[1])).status_code == 200
