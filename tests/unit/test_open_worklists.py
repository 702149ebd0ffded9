"""Worklists that are open at the same time each show every study that arrives; ``make evidence`` has fifty of them."""

import asyncio
import threading
import time

import entry
import pytest
from harness import free_port, until
from open_worklists import opened
from sqlalchemy import select

from core.settings import Settings
from db.tables import Study
from viewer import server
from viewer.app import make_app

LISTS, STUDIES = 8, 12


@pytest.fixture
def served(ward, tmp_path):
    """The address of a viewer that really listens."""
    settings = Settings(home=tmp_path, web_port=free_port())
    app = make_app(settings, ward.sessions)
    bound = server.listen(settings)
    made = server.prepare(app, settings.web)
    thread = threading.Thread(target=made.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    until(lambda: made.started, 20, "the server runs")
    yield f"http://127.0.0.1:{settings.web_port}"
    app.leave()
    made.should_exit = True
    thread.join(20)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_every_open_worklist_shows_every_study_that_arrives(ward, served):
    port = int(served.rpartition(":")[2])
    cookies = [entry.cookie(ward.sessions, name=f"reader-{number}", port=port) for number in range(LISTS)]

    async def story() -> list:
        async with opened(served, cookies) as lists:
            for number in range(STUDIES):
                await asyncio.to_thread(ward.arrive, f"1.1.{number}", study=f"1.2.{number}")
                await asyncio.sleep(0.1)
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline and not all(len(one.shown) == STUDIES for one in lists):
                await asyncio.sleep(0.1)
            return lists

    lists = asyncio.run(story())
    with ward.sessions.read() as session:
        arrived = {str(key) for key in session.scalars(select(Study.id))}
    assert [set(one.shown) for one in lists] == [arrived] * LISTS
    assert [one.refused for one in lists] == [[]] * LISTS
