"""What is too long, too slow or a part of a stranger's page is refused before anything is done with it."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import entry
import httpx
import pytest
from entry import Browser
from fastapi import HTTPException
from harness import free_port, until
from programs import Program
from sqlalchemy import select

import viewer
from core.roles import Role
from core.settings import Settings
from core.types import AuditAction
from db.tables import AuditEvent
from viewer import csrf, patience, server, trying
from viewer.access import CSRF_HEADER
from viewer.app import make_app
from viewer.line import Line


@pytest.fixture
def database() -> str:
    """One of the two is enough: neither is asked."""
    return "sqlite"


@pytest.fixture
def application(tmp_path, sessions):
    return make_app(Settings(home=tmp_path), sessions)


async def sent(app, path: str, headers: dict[str, str], chunk: bytes, most: int) -> tuple[int, int]:
    """Send a body without an end; the answer's status, and how many bytes were taken."""
    taken, statuses = 0, []

    async def receive():
        nonlocal taken
        assert taken < most, "everything was taken"
        taken += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def send(message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    told = [(b"host", b"127.0.0.1:8080"), *((name.encode(), value.encode()) for name, value in headers.items())]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": told, "scheme": "http"}
    await app({**scope, "client": ("127.0.0.1", 1), "raw_path": path.encode(), "root_path": ""}, receive, send)
    return statuses[0], taken


@pytest.mark.parametrize("path", ["/api/v1/studies/search", "/api/v1/studies/search.csv"])
@pytest.mark.parametrize("bearer", ["nobody", "an administrator"])
def test_a_body_without_an_end_fills_no_memory_whoever_sends_it(application, sessions, tmp_path, path, bearer):
    token = Program.on(sessions, tmp_path).token if bearer != "nobody" else "x"
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    status, taken = asyncio.run(sent(application, path, headers, b"[" * 65536, 100 * 65536))
    assert (status, taken <= 4 * 65536) == (413, True)


def test_a_body_that_says_how_long_it_is_is_refused_at_once(application, sessions):
    headers = {"authorization": "Bearer x", "content-type": "application/json", "content-length": str(10**12)}
    assert asyncio.run(sent(application, "/api/v1/studies/search", headers, b"x", 1)) == (413, 0)


def test_nobody_known_sends_no_image(application):
    headers = {"authorization": "Bearer x", "content-length": "1000"}
    assert asyncio.run(sent(application, "/try", headers, b"x" * 65536, 3 * 65536))[0] == 401


def test_whoever_sends_an_image_without_end_gives_the_place_to_others(application, sessions, monkeypatch):
    monkeypatch.setattr(trying, "_ARRIVES_S", 0.1)
    browser = Browser(application, headers={"Cookie": entry.cookie(sessions)})
    browser.get("/account")

    async def slowly():
        for _ in range(1000):
            yield b"1"
            await asyncio.sleep(0.01)

    for _ in range(3):
        answer = browser.ask("POST", "/try", content=slowly(), headers={"X-CSRF-Token": browser.csrf})
        assert answer.status_code == 408


def test_who_sends_images_slowly_keeps_out_nobody_else(application, sessions):
    cookies = {name: entry.cookie(sessions, name=name) for name in ("anna", "bert", "cleo", "dora", "emil")}

    async def asked() -> list[tuple[int, str, bool]]:
        go_on = asyncio.Event()

        async def slowly():
            yield b"1\n"
            await go_on.wait()

        async def send(name: str, content: object) -> tuple[int, str, bool]:
            own = {"Cookie": cookies[name], CSRF_HEADER: csrf.token(cookies[name].partition("=")[2])}
            answer = await client.post("/try", content=content, headers=own)
            return answer.status_code, answer.text, "retry-after" in answer.headers

        transport = httpx.ASGITransport(app=application)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            slow = [asyncio.create_task(send(name, slowly())) for name in ("anna", "bert", "cleo")]
            await asyncio.sleep(0.5)
            said = [await send("anna", b"x"), await send("dora", b"x")]
            slow.append(asyncio.create_task(send("dora", slowly())))
            await asyncio.sleep(0.5)
            said.append(await send("emil", b"x"))
            go_on.set()
            assert [status for status, *_ in await asyncio.gather(*slow)] == [400] * 4
            return [*said, await send("anna", b"x")]

    again, other, fifth, later = asyncio.run(asked())
    assert (again[0], "You are trying an image already" in again[1], again[2]) == (503, True, True)
    assert (fifth[0], "Others are trying images" in fifth[1], fifth[2]) == (503, True, True)
    assert (other[0], later[0]) == (400, 400)  # they were read: a body of one letter is none of ours


@pytest.mark.parametrize(
    ("says", "status"),
    [
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"}, 403),
        ({"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"}, 403),
        ({"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"}, 403),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "cors", "Sec_Fetch_Dest": "empty"}, 403),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}, 200),
        ({"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"}, 200),
        ({"Sec_Fetch_Site": "none", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}, 200),
    ],
)
def test_a_page_elsewhere_leads_here_and_loads_nothing(application, sessions, says, status):
    browser = Browser(application, headers={"Cookie": entry.cookie(sessions)})
    assert browser.get("/", **says).status_code == status


@pytest.mark.parametrize("place", ["studies.csv", "studies", "statistics.csv?subject=days"])
@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]
)
def test_a_page_elsewhere_leads_to_no_file_of_patients(application, sessions, place, site, status):
    root = Browser(application, headers={"Cookie": entry.cookie(sessions, name="root", role=Role.ADMIN)})
    leads = {"Sec_Fetch_Site": site, "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert root.get(f"/api/v1/{place}", **leads).status_code == status
    with sessions.read() as session:
        written = session.scalars(select(AuditEvent).where(AuditEvent.action == AuditAction.EXPORT)).all()
    assert len(written) == (place == "studies.csv" and status == 200)


def test_only_what_a_page_elsewhere_does_not_lead_to_is_saved_as_a_file():
    files = [path for path in Path(viewer.__file__).parent.rglob("*.py") if "attachment" in path.read_text()]
    assert {path.parent.name for path in files} == {"api"}


def test_auditors_are_not_shown_what_was_asked_of_quarantine(application, sessions):
    auditor = Browser(application, headers={"Cookie": entry.cookie(sessions, name="aud", role=Role.AUDITOR)})
    places = ("quarantine", "%71uarantine", "jobs", "peers", "models", "x")
    assert [auditor.get(f"/admin/orders/{place}").status_code for place in places] == [403, 403, 200, 200, 200, 404]


@pytest.fixture
def served(application, tmp_path, monkeypatch) -> Iterator[int]:
    """The port of a server that looks at its connections every moment."""
    monkeypatch.setattr(patience, "LOOK_S", 0.1)
    settings = Settings(home=tmp_path, web_port=free_port())
    bound = server.listen(settings)
    made = server.prepare(application, settings.web)
    thread = threading.Thread(target=made.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    until(lambda: made.started, 20, "the server runs")
    yield settings.web_port
    made.should_exit = True
    thread.join(20)


SLOW = {
    "nothing": b"",
    "half a header": b"GET /login HTTP/1.1\r\nHost: 127",
    "half a body": b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Cookie: a=b\r\nContent-Length: 100\r\n\r\ncsrf=",
    "half a second header": b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /lo",
}


@pytest.mark.parametrize("begins", SLOW)
def test_a_connection_on_which_nothing_comes_is_closed(served, begins):
    with socket.create_connection(("127.0.0.1", served), timeout=20) as connection:
        connection.sendall(SLOW[begins])
        began = time.monotonic()
        while connection.recv(65536):
            pass
    assert time.monotonic() - began < 20


def test_those_who_wait_for_pictures_leave_threads_for_pages():
    line, go_on, inside, told = Line(1), threading.Event(), threading.Semaphore(0), []

    def wait() -> None:
        try:
            with line.turn():
                inside.release()
                go_on.wait(20)
        except HTTPException as error:
            told.append(error.status_code)

    threads = [threading.Thread(target=wait, daemon=True) for _ in range(16)]
    for thread in threads:
        thread.start()
    until(lambda: told == [503] * 3, 20, "three were sent away")
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert all(inside.acquire(blocking=False) for _ in range(13))
    assert not inside.acquire(blocking=False)
