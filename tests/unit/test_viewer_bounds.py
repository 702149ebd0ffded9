"""What is too long, too slow or a part of a stranger's page is refused before anything is done with it."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import entry
import pytest
from entry import Browser
from fastapi import HTTPException
from harness import free_port, until
from programs import Program

from core.roles import Role
from core.settings import Settings
from viewer import patience, server, trying
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
