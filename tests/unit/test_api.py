"""The API for programs: what it answers, whom it answers, and that each reading is written down first."""

import csv
import io
import json
from datetime import timedelta

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from programs import Program
from reader import classified, reported
from schemathesis.checks import positive_data_acceptance
from sqlalchemy import func, select
from ward import JANE, JOHN, named

from core import csv_text
from core.phi import Phi
from core.roles import Role, Scope
from core.types import AuditAction, Status, View
from db import results, worklist, worklist_table
from db.tables import AuditEvent
from db.worklist import Filter
from viewer.api.asked import Search

_EXAMPLES = 6
HOSTILE = named("=1+1", "<script>^alert(1)", "", "A'); DROP TABLE cases; --", "")


@pytest.fixture
def api(ward, clock, tmp_path) -> Program:
    for number, who in enumerate((JANE, JOHN, HOSTILE)):
        study_id = classified(ward, f"1.2.{number}", who=who, status=list(Status)[number == 1])
        reported(ward, study_id, None)
        clock.turn(60)
    ward.screen(View.QPS, study="1.2.9", who=JANE)
    return Program.on(ward.sessions, tmp_path)


def everything(api: Program, place: str, **parameters) -> list[dict]:
    found, cursor = [], None
    while True:
        page = api.get(place, limit=1, **parameters, **({"cursor": cursor} if cursor else {}))
        assert page.status_code == 200, page.text
        found += page.json()["items"]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            return found


def test_studies_are_what_the_command_line_prints_page_by_page(api, ward):
    with ward.sessions.read() as session:
        printed = results.listed(session, Filter())
    told = json.loads(json.dumps(printed, default=lambda value: value.reveal()))
    assert api.get("/studies").json()["items"] == everything(api, "/studies") == told
    review = api.get("/studies", state="needs_review").json()["items"]
    assert [item["study_instance_uid"] for item in review] == ["1.2.1"]


def test_a_study_tells_its_objects_revisions_and_reports(api):
    (item,) = api.get("/studies", state="needs_review").json()["items"]
    found = api.get(f"/studies/{item['study_id']}").json()
    objects = [(one["kind"], one["view"]) for one in found["objects"]]
    assert sorted(objects) == sorted(("OT", view.value) for view in View)  # they came at the same moment
    assert [one["outcome"] for one in found["revisions"]] == ["needs_review"]
    assert [(one["revision"], one["state"]) for one in found["reports"]] == [(1, "waiting")]
    assert api.get("/studies/" + "0" * 32).status_code == 404


def test_predictions_name_nobody(api):
    found = everything(api, "/predictions")
    assert len(found) == 4
    text = json.dumps(found)
    for secret in ("TESTPATIENT", "T-001", "1.2.0", "1.1.0", "A1"):
        assert f'"{secret}' not in text
    assert found[-1]["views"][0].keys() == {"view", "label", "probabilities"}


def test_reports_are_told_with_where_they_are(api):
    assert [(one["revision"], one["destination"], one["state"]) for one in everything(api, "/reports")] == [
        (1, "pacs", "waiting")
    ] * 3


def test_who_is_searched_for_stands_in_a_body_and_never_in_an_address(api, ward):
    found = api.post("/studies/search", {"text": "testpatient^john"}).json()["items"]
    assert [item["patient_id"] for item in found] == ["T-002"]
    assert api.post("/studies/search", {"patient_id": "T-001", "state": ["preparing"]}).json()["items"] == []
    for name in ("text", "patient_id", "accession_number", "anything"):
        refused = api.get("/studies", **{name: "T-001"})
        assert (refused.status_code, "T-001" in refused.text) == (422, False)
    with ward.sessions.read() as session:
        details = session.scalars(select(AuditEvent.detail)).all()
    assert "api studies search=text" in details
    assert not any("john" in detail.casefold() for detail in details)


REFUSED = [
    ("/studies", {"limit": 501}, "query.limit"),
    ("/studies", {"cursor": "x"}, "query.cursor"),
    ("/studies", {"cursor": "DOE^JOHN"}, "query.cursor: Value error, it is not where a page of this list ended"),
    ("/audit", {"cursor": "1_DOE^JOHN"}, "query.cursor: Value error, it is not where a page of this list ended"),
    ("/studies", {"state": "finished"}, "query.state"),
    ("/studies", {"since": "yesterday"}, "query.since"),
    ("/studies", {"since": "12"}, "query.since"),
    ("/studies", {"until": "0001-01-01T00:00:00+23:00"}, "query.until"),
    ("/statistics", {"since": "2025-01-01", "until": "2026-06-01"}, "at most 366 days"),
    ("/statistics.csv", {"subject": "patients"}, "query.subject"),
    ("/studies/42", {}, "path.study_id"),
]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_is_not_allowed_is_named_and_not_repeated(ward, tmp_path):
    api = Program.on(ward.sessions, tmp_path)
    for place, parameters, said in REFUSED:
        refused = api.get(place, **parameters)
        assert refused.status_code == 422
        assert refused.headers["content-type"] == "application/problem+json"
        assert said in refused.json()["detail"]
        assert not any(word in refused.text for word in ("yesterday", "finished", "0001-01", "patients", "DOE"))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("nothing", ["^", "=", " , "])
def test_a_search_by_nothing_is_refused_and_gives_nobodys_file(api, nothing):
    for place in ("/studies/search", "/studies/search.csv"):
        for name in ("text", "patient_id", "accession_number"):
            refused = api.post(place, {name: nothing, "sort": "oldest"})
            assert refused.status_code == 422
            assert f"body.{name}: Value error, nothing is left to search by" in refused.json()["detail"]
        assert api.post(place, {"text": "*"}).status_code == 422
        assert api.post(place, {"text": "t*"}).status_code == 200


def test_a_csv_file_holds_every_study_of_the_filter_and_no_formula(api, ward):
    answer = api.get("/studies.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="studies.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert tuple(rows[0]) == worklist_table.COLUMNS
    assert [row["study_instance_uid"] for row in rows] == ["1.2.9", "1.2.2", "1.2.1", "1.2.0"]
    assert [row["patient_id"] for row in rows] == ["T-001", "'=1+1", "T-002", "T-001"]
    assert [row["reports"] for row in rows] == ["", "waiting", "waiting", "waiting"]
    found = list(csv.DictReader(io.StringIO(api.post("/studies/search.csv", {"text": "A'); drop"}).text)))
    assert [row["study_instance_uid"] for row in found] == ["1.2.2"]
    with ward.sessions.read() as session:
        events = session.scalars(select(AuditEvent).where(AuditEvent.action == AuditAction.EXPORT)).all()
    assert [event.detail for event in events] == ["csv all", "csv search=text"]
    assert all(event.actor.startswith("token:test-") for event in events)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        *(("1;=cmd|' /C calc'!A0;", "1;'=cmd|' /C calc'!A0;"), ("a\n+1", "a\n'+1"), ('1;"=1', "1;\"'=1")),
        *(("=1", "'=1"), ("-1.5", "'-1.5"), ("\t1", "'\t1"), ("\uff1d1;\uff20a", "'\uff1d1;'\uff20a"), ("", "")),
        *((text, text) for text in ("a=1", "a; b", "2026-01-02", "A-1;B-2", "x@y;z", " =1", '"=1')),
    ],
)
def test_no_part_of_a_cell_is_a_formula_where_a_semicolon_parts_cells(text, told):
    told_of = list(csv.reader(io.StringIO("".join(csv_text.lines(("a", "b"), [(Phi(text), -1.5)])))))
    assert told_of == [["a", "b"], [told, "-1.5"]]


def test_a_long_csv_file_is_read_in_pieces_of_which_each_ends_its_transaction(api, ward, monkeypatch):
    monkeypatch.setattr(worklist, "_FIRST_CHUNK", 1)
    monkeypatch.setattr(worklist, "_CHUNK", 2)
    lines = csv_text.lines(("a",), ([row.study_id] for row in worklist.every(ward.sessions, Filter())))
    next(lines), next(lines)
    with ward.sessions.write():  # on SQLite, nobody writes while somebody else holds the database
        assert len(list(lines)) == 3


def test_the_trail_is_told_page_by_page_and_names_no_patient(api, ward):
    api.get("/studies")
    with ward.sessions.read() as session:
        written = [str(event.id) for event in session.scalars(select(AuditEvent))]
    found, cursor = [], None
    until = (ward.clock.now + timedelta(days=1)).isoformat()
    while cursor is not None or not found:
        page = api.get("/audit", limit=3, until=until, **({"cursor": cursor} if cursor else {})).json()
        found, cursor = found + page["items"], page["next_cursor"]
    assert len({one["id"] for one in found}) == len(found)
    assert set(written) <= {one["id"] for one in found}
    assert [one["at"] for one in found] == sorted((one["at"] for one in found), reverse=True)
    assert not [name for name in ("TESTPATIENT", "T-001", "A1") if name in json.dumps(found)]
    views = api.get("/audit", action="view").json()["items"]
    assert {one["action"] for one in views} == {"view"}
    assert "api audit" in {one["detail"] for one in views}
    of_program = api.get("/audit", actor=views[0]["actor"]).json()["items"]
    assert {one["actor"] for one in of_program} == {views[0]["actor"]}
    (item, *_) = api.get("/studies").json()["items"]
    api.get(f"/studies/{item['study_id']}")
    study = item["study_id"]
    assert {one["study_id"] for one in api.get("/audit", study_id=study).json()["items"]} == {study}
    assert api.get("/audit", action="dance").status_code == 422
    assert api.get("/audit", cursor="nowhere").status_code == 422


RIGHTS = [
    (Role.ADMIN, (Scope.STUDIES,), {"studies", "studies.csv"}),
    (Role.ADMIN, (Scope.PREDICTIONS, Scope.REPORTS), {"predictions", "reports"}),
    (Role.ADMIN, (Scope.STATISTICS,), {"statistics", "statistics.csv"}),
    (Role.READER, tuple(Scope), set()),
    (Role.ADMIN, (Scope.AUDIT,), {"audit"}),
    (Role.AUDITOR, tuple(Scope), {"audit"}),
]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_token_opens_what_its_scopes_and_its_users_role_allow(ward, tmp_path):
    places = {"studies", "studies.csv", "predictions", "reports", "statistics", "statistics.csv", "audit"}
    for role, scopes, allowed in RIGHTS:
        program = Program.on(ward.sessions, tmp_path, role=role, scopes=scopes)
        answers = {place: program.get(f"/{place}").status_code for place in places}
        assert answers == {place: 200 if place in allowed else 403 for place in places}, role
    program.token = None
    assert {program.get(f"/{place}").status_code for place in places} == {401}
    assert program.post("/studies/search", {"text": "t"}).status_code in {401, 403}
    program.token = "pfs_" + "A" * 43
    assert {program.get(f"/{place}").status_code for place in places} == {401}


def test_each_reading_but_of_figures_is_an_event(api, ward):
    def events() -> int:
        with ward.sessions.read() as session:
            return session.scalar(select(func.count()).select_from(AuditEvent)) or 0

    assert "which name nobody" in api.get("/openapi.json").json()["info"]["description"]
    for place in ("studies", "studies.csv", "predictions", "reports", "audit", "statistics", "statistics.csv"):
        before = events()
        assert api.get(f"/{place}").status_code == 200
        assert events() - before == (0 if place.startswith("statistics") else 1), place


def test_nothing_is_answered_that_is_not_written_down(api, ward, monkeypatch):
    from sqlalchemy.exc import OperationalError

    from db import audit

    def away(*_arguments, **_named):
        raise OperationalError("x", {}, Exception())

    monkeypatch.setattr(audit, "record", away)
    for place in ("/studies", "/studies.csv", "/predictions"):
        answer = api.get(place)
        assert answer.status_code == 503
        assert "T-001" not in answer.text


def near(app):
    """The application as this machine asks it; Starlette's own client comes from nowhere."""

    async def asked(scope, receive, send):
        await app(scope | {"client": ("127.0.0.1", 1)}, receive, send)

    return asked


UNTOLD = [positive_data_acceptance]
"""A schema cannot say what a cursor is, that a span begins before it ends, or which years there are."""


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_whatever_is_asked_is_answered_as_the_document_says(api):
    document = schemathesis.openapi.from_dict(api.get("/openapi.json").json())
    document.app = near(api.app)
    document.config.base_url = "http://127.0.0.1:8080"
    operations = [found.ok() for found in document.get_all_operations()]
    assert len(operations) == 10
    headers = {"Authorization": f"Bearer {api.token}"}
    for operation in operations:
        for mode in schemathesis.GenerationMode:

            @seed(7)
            @settings(max_examples=_EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            @given(case=operation.as_strategy(generation_mode=mode))
            def holds(case: schemathesis.Case) -> None:
                case.call_and_validate(headers=headers, excluded_checks=UNTOLD)

            holds()


def test_a_filter_of_the_api_is_written_down_without_what_it_searches_for():
    wanted = Filter.of(text=Phi("Doe"), sender="DOE", needs_review=True, undelivered=True)
    assert wanted.summary == "needs_review=True sender undelivered search=text"


def test_what_is_searched_for_is_shown_by_no_text_of_a_request():
    asked = Search(text="Doe^Jane", patient_id="T-1", accession_number="A-1")
    for shown in (repr(asked), str(asked), repr(asked.wanted(**asked.sought()))):
        assert not any(word in shown for word in ("Doe", "T-1", "A-1"))
