"""Streams of news end with the login that opened them, and are not had without bound."""

import asyncio
from collections.abc import Callable

import entry
import pytest
from reader import reader
from sqlalchemy.exc import OperationalError

from core.settings import Settings
from db import users, web_sessions
from db.access_tables import WebSession
from db.users import Hand
from viewer import events
from viewer.app import make_app
from viewer.pulse import Pulse


@pytest.fixture
def database() -> str:
    """One of the two is enough here; test_login.py asks both when a login is over."""
    return "sqlite"


class Listener:
    """Opens /events and takes what comes."""

    def __init__(self, app, cookie: str, *, accept: str = "text/event-stream") -> None:
        headers = {"host": "127.0.0.1:8080", "cookie": cookie, "accept": accept}
        self._app, self._gone = app, asyncio.Event()
        self.status, self.heard = 0, []
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/events",
            "raw_path": b"/events",
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8080),
        }

    async def listen(self) -> None:
        await self._app(self._scope, self._receive, self._send)

    def leave(self) -> None:
        self._gone.set()

    async def _receive(self):
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message.get("body"):
            self.heard.append(message["body"].decode())


async def heard(listener: Listener, what: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not what():
            await asyncio.sleep(0.02)


def quick(app) -> None:
    """Have the application ask every moment whether a listener may go on."""
    inner = app._app
    inner.state.pulse._check_s = 0.05


@pytest.mark.parametrize("change", ["logout", "disable"])
def test_a_stream_ends_when_its_user_is_logged_out_or_disabled(sessions, tmp_path, change):
    app = make_app(Settings(home=tmp_path), sessions)
    quick(app)
    cookie = entry.cookie(sessions, name="ada")
    entry.user(sessions, "other")

    async def story() -> Listener:
        listener = Listener(app, cookie)
        task = asyncio.create_task(listener.listen())
        await heard(listener, lambda: any("still here" in text for text in listener.heard))
        with sessions.write() as session:
            if change == "logout":
                web_sessions.end_token(session, cookie.partition("=")[2])
            else:
                users.disable(session, users.named(session, "ada"), by=Hand("os:tester", sessions.now(session)))
        await asyncio.wait_for(task, 20)
        again = Listener(app, cookie)
        await asyncio.wait_for(again.listen(), 20)
        return again

    assert asyncio.run(story()).status == 401


def test_a_stream_is_nobody_being_there(sessions_by_clock, clock, tmp_path):
    app = make_app(Settings(home=tmp_path), sessions_by_clock)
    quick(app)
    cookie = entry.cookie(sessions_by_clock, name="ada")
    clock.turn(600)

    async def story() -> None:
        listener = Listener(app, cookie)
        task = asyncio.create_task(listener.listen())
        await heard(listener, lambda: any("still here" in text for text in listener.heard))
        listener.leave()
        await asyncio.wait_for(task, 20)

    asyncio.run(story())
    with sessions_by_clock.read() as session:
        (kept,) = session.query(WebSession).all()
    assert kept.seen_at < clock.now


def test_one_user_does_not_hold_every_connection(sessions, tmp_path, monkeypatch):
    monkeypatch.setattr(events, "MOST_OF_ONE", 2)
    app = make_app(Settings(home=tmp_path), sessions)
    ada, bert = entry.cookie(sessions, name="ada"), entry.cookie(sessions, name="bert")

    async def story() -> list[int]:
        open_ones = [Listener(app, ada) for _ in range(2)]
        tasks = [asyncio.create_task(one.listen()) for one in open_ones]
        for one in open_ones:
            await heard(one, lambda one=one: bool(one.heard))
        third, other = Listener(app, ada), Listener(app, bert)
        await third.listen()
        tasks.append(asyncio.create_task(other.listen()))
        await heard(other, lambda: bool(other.heard))
        open_ones[0].leave()
        await asyncio.wait_for(tasks[0], 20)
        once_more = Listener(app, ada)
        tasks.append(asyncio.create_task(once_more.listen()))
        await heard(once_more, lambda: bool(once_more.heard))
        for one in (open_ones[1], other, once_more):
            one.leave()
        await asyncio.gather(*tasks)
        return [third.status, other.status, once_more.status]

    assert asyncio.run(asyncio.wait_for(story(), 40)) == [429, 200, 200]


def test_who_only_asks_what_there_is_gets_no_stream(ward, tmp_path):
    answer = reader(ward, tmp_path).get("/events", method="HEAD")
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/event-stream")


def test_a_stream_ends_where_the_database_cannot_say_who_may_listen():
    def away() -> bool:
        raise OperationalError("x", {}, Exception())

    async def story() -> list[str]:
        return [text async for text in Pulse(frozenset, every_s=0.01, check_s=0.02).stream(away)]

    (ready,) = asyncio.run(asyncio.wait_for(story(), 10))
    assert "event: ready" in ready


def test_a_change_while_another_is_being_said_is_told_too():
    found = {1}

    async def story() -> list[str]:
        pulse = Pulse(lambda: frozenset(found), every_s=0.01)
        stream = pulse.stream()
        told = [await anext(stream), await anext(stream)]
        found.add(2)
        told.append(await anext(stream))
        found.add(3)
        while pulse.number < 3:  # the listener has not taken the second change yet
            await asyncio.sleep(0.01)
        told.append(await anext(stream))
        await stream.aclose()
        return told

    assert [text.partition("data: ")[2].strip() for text in asyncio.run(asyncio.wait_for(story(), 10))][1:] == [
        *("1", "2", "3")
    ]
