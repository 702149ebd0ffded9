"""Every page there is, each with whom it is for, on a Perfuscope that has something to show; and looking at them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import axe
from entry import cookie_of
from harness import Installation
from playwright.sync_api import Browser, BrowserContext, Page
from sizes import WHOLE

from core.roles import Role

SIZES = {"wide": (1440, 900), "tablet": (1024, 768), "phone": (390, 844)}
SMALLEST = 320
"""WCAG 2.2, 1.4.10: so wide is a screen of 1280 at 400 %, and nothing is read by scrolling sideways."""
ROLES = {"ada": Role.READER, "lara": Role.ADMIN, "otto": Role.AUDITOR}
STICKS_OUT = """
[...document.querySelectorAll("main :is(td, th, section, figure, li, dl, form, fieldset, .choice)")]
    .filter(part => part.scrollWidth > part.clientWidth + 1 && getComputedStyle(part).display !== "inline")
    .filter(part => !part.querySelector(".unseen, .scroll"))
    .map(part => part.className || part.tagName)
"""
_IDS = {
    "study": "SELECT study_id FROM cases WHERE outcome = 'accepted' ORDER BY opened_at",
    "object": "SELECT id FROM instances WHERE state = 'quarantined' AND reason IN ('unknown_layout', 'wrong_size')",
    "mixed": "SELECT study_id FROM cases WHERE reason = 'patients_differ' AND superseded_at IS NULL",
    "model": "SELECT id FROM model_versions",
}


def address(installation: Installation) -> str:
    return f"http://127.0.0.1:{installation.web_port}"


def logged_in(browser: Browser, installation: Installation, name: str) -> BrowserContext:
    """A browser of one of ``ROLES``, without the form."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB", timezone_id="Europe/Berlin")
    cookie, _, value = cookie_of(installation, name=name, role=ROLES[name]).partition("=")
    context.add_cookies([{"name": cookie, "value": value, "url": address(installation)}])
    return context


def places(installation: Installation) -> dict[str, tuple[str | None, str]]:
    """Name, and who opens which address of each page; needs a result, an unknown screen and a study of two patients."""
    ids = _ids(installation)
    study, held, model = f"/studies/{ids['study']}", f"/admin/quarantine/{ids['object']}", f"/models/{ids['model']}"
    return {
        "login": (None, "/login"),
        "worklist": ("ada", "/"),
        "worklist-empty": ("ada", "/?until=2001-01-01"),
        "search-ended": ("ada", "/?found=0123456789abcdef"),
        "study": ("ada", study),
        "study-quarantined": ("ada", f"/studies/{ids['mixed']}"),
        "revisions": ("ada", f"{study}/revisions?left=1&right=1"),
        "model": ("ada", model),
        "try": ("ada", "/try"),
        "account": ("ada", "/account"),
        "not-found": ("ada", "/no/such/page"),
        "not-yours": ("ada", "/admin/users"),
        "worklist-admin": ("lara", "/?show=ischemia"),
        "overview": ("lara", "/admin"),
        "quarantine": ("lara", "/admin/quarantine"),
        "object": ("lara", held),
        "mixed": ("lara", f"/admin/quarantine/{ids['mixed']}"),
        "layout": ("lara", f"{held}/layout"),
        "overview-auditor": ("otto", "/admin"),
        **{name: ("lara", f"/admin/{name}") for name in ("jobs", "peers", "models", "statistics", "users", "tokens")},
        "audit": ("otto", "/admin/audit"),
    }


def _ids(installation: Installation) -> dict[str, UUID]:
    with closing(sqlite3.connect(installation.home / "perfuscope.db", timeout=30)) as connection:
        found = {name: connection.execute(asked).fetchone() for name, asked in _IDS.items()}
    missing = [name for name, row in found.items() if row is None]
    assert not missing, missing
    return {name: UUID(row[0]) if isinstance(row[0], str) else UUID(bytes=row[0]) for name, row in found.items()}


def opened(browser: Browser, installation: Installation) -> Iterator[tuple[str, Page]]:
    """Each page with its name, one after the other; each user has one tab, since a tab is a process."""
    tabs: dict[str | None, Page] = {None: browser.new_page()}
    for name, (who, place) in places(installation).items():
        if who not in tabs:
            tabs[who] = logged_in(browser, installation, who).new_page()
        tabs[who].set_viewport_size({"width": 1440, "height": 900})
        tabs[who].goto(address(installation) + place)
        yield name, tabs[who]
    for tab in tabs.values():
        tab.context.close()


def faults(page: Page, number: int) -> list[str]:
    """What is wrong with the page: what sticks out at a size, what keeps somebody out in a theme.

    A theme changes nothing but colours (``style.css``), so each size is looked at in one of them. In a small run each
    page is in one alone, the next page in the other.
    """
    found = []
    themes = (
        {"dark": ("wide", "tablet"), "light": ("phone",)} if WHOLE else {("dark", "light")[number % 2]: tuple(SIZES)}
    )
    for scheme, wanted in themes.items():
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for size in wanted:
            width, height = SIZES[size]
            page.set_viewport_size({"width": width, "height": height})
            if page.evaluate("document.documentElement.scrollWidth") > width:
                found.append(f"{size}: wider than the screen")
            found += [f"{size}: {part} sticks out" for part in page.evaluate(STICKS_OUT)]
        page.set_viewport_size({"width": SMALLEST, "height": 844})
        if page.evaluate("document.documentElement.scrollWidth") > SMALLEST:
            found.append("smallest: wider than the screen")
        found += [f"{scheme}: {violation}" for violation in axe.violations(page, again=WHOLE and scheme == "light")]
    return found


def pictures(page: Page, folder: Path, name: str) -> None:
    """The page as PNG at every size, dark and light."""
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            page.screenshot(path=folder / f"{name}-{scheme}-{size}.png")
