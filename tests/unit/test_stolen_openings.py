"""What one login opened is that login's alone, in every process that serves the pages and after a start."""

import re

import entry
import pytest
from reader import Reader, classified, reader, reported, views_written_down

from core.phi import Phi
from core.settings import Settings
from viewer.app import make_app


@pytest.fixture
def database() -> str:
    """One of the two is enough here; test_viewer_openings.py asks both."""
    return "sqlite"


def again(page: str) -> str:
    """The address by which the page keeps itself up to date."""
    return re.search(r'data-again="([^"]+)"', page)[1].replace("&amp;", "&")


def colleague(ward, app) -> Reader:
    return Reader(app, headers={"Cookie": entry.cookie(ward.sessions, name="colleague")})


def test_an_address_that_is_handed_on_is_opened_anew_and_written_down(ward, tmp_path):
    study_id = classified(ward)
    reported(ward, study_id, tmp_path / "store")
    own = reader(ward, tmp_path)
    page = own.get(f"/studies/{study_id}").text
    picture = re.search(r'src="(/reports/[^"]+)"', page)[1]
    other = colleague(ward, own.app)
    for place in (again(page), again(own.get("/").text), picture):
        before = len(views_written_down(ward))
        assert other.get(place).status_code == 200
        assert len(views_written_down(ward)) == before + 1, place


def test_a_new_login_of_the_same_user_opens_anew(ward, tmp_path):
    classified(ward)
    own = reader(ward, tmp_path)
    place = again(own.get("/").text)
    reader_again = Reader(own.app, headers={"Cookie": entry.cookie(ward.sessions, name="reader")})
    reader_again.get(place)
    assert views_written_down(ward) == [("worklist", None)] * 2


def test_a_page_goes_on_in_another_process_of_the_viewer_without_a_new_opening(ward, tmp_path):
    study_id = classified(ward)
    own = reader(ward, tmp_path)
    opened = [own.get(place) for place in ("/", f"/studies/{study_id}")]
    before = views_written_down(ward)
    elsewhere = Reader(make_app(Settings(home=tmp_path), ward.sessions), headers=own.headers)
    for page in opened:
        assert elsewhere.get(again(page.text)).status_code == 200
    assert views_written_down(ward) == before


def test_a_search_is_known_to_the_process_that_took_it_and_another_says_that_it_ended(ward, tmp_path):
    classified(ward)
    own = reader(ward, tmp_path)
    place = own.post("/search", {"text": "testpatient"}).headers["location"]
    assert "TESTPATIENT" in own.get(place).text
    elsewhere = Reader(make_app(Settings(home=tmp_path), ward.sessions), headers=own.headers)
    page = elsewhere.get(place)
    assert (page.status_code, "That search has ended" in page.text) == (200, True)
    assert "TESTPATIENT" not in page.text


def test_what_one_reader_searched_for_is_not_shown_to_another_who_has_the_address(ward, tmp_path, monkeypatch):
    classified(ward)
    own = reader(ward, tmp_path)
    pulse = own.app._app.state.pulse
    monkeypatch.setattr(type(pulse), "beats", property(lambda _self: True))
    place = own.post("/search", {"text": "testpatient"}).headers["location"]
    other = colleague(ward, own.app)
    mine, theirs = again(own.get(place).text), again(other.get(place).text)
    assert "TESTPATIENT" in own.get(mine, X_Part="1").text
    assert "TESTPATIENT" not in other.get(theirs, X_Part="1").text


def test_no_page_shows_the_key_of_a_login(ward, tmp_path):
    from sqlalchemy import select

    from core.roles import Role
    from db.access_tables import WebSession

    study_id = classified(ward)
    pages = reader(ward, tmp_path, role=Role.ADMIN)
    with ward.sessions.read() as session:
        keys = session.scalars(select(WebSession.id)).all()
    for place in ("/", f"/studies/{study_id}", "/account", "/admin/users", "/admin/audit", "/admin"):
        text = pages.get(place).text
        assert not any(str(key) in text or key.hex in text for key in keys), place


def test_the_key_of_a_search_is_no_name(ward, tmp_path):
    place = reader(ward, tmp_path).post("/search", {"text": Phi("TESTPATIENT").reveal()}).headers["location"]
    assert re.fullmatch(r"/\?found=[\w-]{16}", place)
