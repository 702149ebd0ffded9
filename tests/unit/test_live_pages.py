"""Parts that read alike for everybody are filled in once, and nobody waits for somebody else's list."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import Request
from markupsafe import Markup

from viewer.live import LivePages, Shown
from viewer.pulse import Pulse
from viewer.render import Templates


class Beating(Pulse):
    """As if somebody listened."""

    beats = True


class Bare(Templates):
    """The values alone."""

    def text(self, template: str, **context: Any) -> Markup:
        return Markup.escape(context.get("live", context.get("value")))


def asked(place: str) -> Request:
    scope = {"type": "http", "method": "GET", "path": place, "query_string": b"seen=token", "server": ("here", 80)}
    return Request({**scope, "headers": [(b"x-part", b"1")]})


def test_a_list_that_takes_long_holds_up_nobody_who_asks_for_another() -> None:
    pages, reading, go_on = LivePages(Bare("UTC"), Beating(frozenset)), threading.Event(), threading.Event()
    reads: list[str] = []

    def slow() -> dict[str, str]:
        reads.append("slow")
        reading.set()
        assert go_on.wait(20)
        return {"value": "slow"}

    def ask(place: str, live: Any) -> bytes:
        shown = Shown("worklist", live, 5, {})
        return bytes(pages.page(asked(place), shown, "token", shared=True).body)

    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(ask, "/slow", slow) for _ in range(3)]
        try:
            assert reading.wait(20)
            assert ask("/quick", lambda: {"value": "quick"}) == b"quick"
        finally:
            go_on.set()
        assert [each.result(20) for each in waiting] == [b"slow"] * 3
    assert reads == ["slow"]
