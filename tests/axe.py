"""What keeps people out of a page, as axe-core finds it: WCAG 2.2, levels A and AA, and axe's own best practices."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

FOLDER = Path(__file__).parent / "browser"
OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],  # of what passes nothing is gathered
    "preload": False,  # no rule among these reads style sheets or media
}

LOOKS = {"runOnly": ["color-contrast", "target-size", "scrollable-region-focusable", "link-in-text-block"]}
"""What depends on theme and size."""


@lru_cache
def _source() -> str:
    file = FOLDER / "node_modules" / "axe-core" / "axe.min.js"
    assert file.is_file(), f"axe-core is not installed; run: npm ci --prefix {FOLDER}"
    return file.read_text()


def violations(page: Page, *, again: bool = False) -> list[dict[str, Any]]:
    """The rules that the page breaks, each with where. (By the debugger: the page's own policy lets no script in.)

    ``again`` asks only for what another theme or size of the same page can change.
    """
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(_source())
    found = page.evaluate(f"axe.run(document, {json.dumps(OPTIONS | LOOKS if again else OPTIONS)})")
    return [{"rule": one["id"], "at": [node["target"] for node in one["nodes"]][:4]} for one in found["violations"]]
