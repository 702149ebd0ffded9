"""Worklists that stay open, kept up to date as the pages' script does it: told of a change, they ask what is new."""

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx

_EVERY_S, _JITTER_S, _AGAIN_S = 10.0, 0.25, 2.0
"""As in live.js, and as the stream asks a browser to come again."""
_ROW = re.compile(r'<tr data-key="([^"]+)"')


@dataclass
class OpenWorklist:
    """One reader's list; ``shown`` says when each study was first on it."""

    base: str
    cookie: str
    shown: dict[str, float] = field(default_factory=dict)
    first: tuple[str, ...] = ()
    """The studies of the page as it is now."""
    asked: int = 0
    refused: list[int] = field(default_factory=list)
    interrupted: int = 0
    """How often a connection was closed while it was asked for something; a browser then asks again."""

    async def stay(self) -> None:
        """Keep up until it is cancelled."""
        headers = {"Cookie": self.cookie}
        async with httpx.AsyncClient(base_url=self.base, headers=headers, timeout=30) as client:
            self._take(await client.get("/"))
            changed = asyncio.Event()
            async with asyncio.TaskGroup() as both:
                both.create_task(self._listen(client, changed))
                both.create_task(self._keep_up(client, changed))

    async def _listen(self, client: httpx.AsyncClient, changed: asyncio.Event) -> None:
        while True:
            with suppress(httpx.TransportError):
                await self._hear(client, changed)
            await asyncio.sleep(_AGAIN_S)

    async def _hear(self, client: httpx.AsyncClient, changed: asyncio.Event) -> None:
        """One stream to its end."""
        async with client.stream("GET", "/events", headers={"Accept": "text/event-stream"}, timeout=None) as news:
            if news.status_code != 200:
                self.refused.append(news.status_code)
            async for line in news.aiter_lines():
                if line.startswith("event: "):
                    changed.set()

    async def _keep_up(self, client: httpx.AsyncClient, changed: asyncio.Event) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), _EVERY_S)
            await asyncio.sleep(random.random() * _JITTER_S)
            changed.clear()
            self.asked += 1
            try:
                self._take(await client.get(self._again, headers={"If-None-Match": self._tag, "X-Part": "1"}))
            except httpx.TransportError:
                self.interrupted += 1
                changed.set()

    def _take(self, answer: httpx.Response) -> None:
        if answer.status_code == 304:
            return
        if answer.status_code != 200:
            self.refused.append(answer.status_code)
            return
        found = {name: re.search(rf'data-{name}="([^"]*)"', answer.text) for name in ("again", "tag")}
        self._again, self._tag = (found[name][1].replace("&amp;", "&").replace("&#34;", '"') for name in found)
        self.first, now = tuple(_ROW.findall(answer.text)), time.monotonic()
        for key in self.first:
            self.shown.setdefault(key, now)


@asynccontextmanager
async def opened(base: str, cookies: Sequence[str]) -> AsyncIterator[list[OpenWorklist]]:
    """So many lists, all of them open and listening."""
    lists = [OpenWorklist(base, cookie) for cookie in cookies]
    tasks = [asyncio.create_task(one.stay()) for one in lists]
    try:
        async with asyncio.timeout(60):
            while not all(one.asked for one in lists):
                for task in tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.05)
        yield lists
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
