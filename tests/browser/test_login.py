"""Logging in, users and tokens in a real browser: by keyboard, in every size, and nobody where they do not belong."""

import re
from collections.abc import Iterator

import axe
import pytest
from entry import PASSWORD, user
from harness import Installation, Pacs, until
from playwright.sync_api import Browser, Page, expect

from core import passwords
from core.roles import Role
from db.session import Sessions, make_engine

SIZES = {"wide": (1440, 900), "tablet": (1024, 768), "phone": (390, 844)}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a viewer answers that knows an administrator and a reader; nothing else runs."""
    pacs = Pacs().start()
    installation = Installation(tmp_path_factory.mktemp("login") / "home", pacs)
    installation.run("db", "upgrade")
    engine = make_engine(installation.owners_database)
    hashed = passwords.hashed(PASSWORD)
    for name, role in (("root", Role.ADMIN), ("ada", Role.READER)):
        user(Sessions(engine), name, role, password=hashed)
    engine.dispose()
    installation.start("viewer", ready=False)
    until(lambda: "pages on http" in installation.log, 60, "the viewer is up")
    yield f"http://127.0.0.1:{installation.web_port}"
    installation.end_at_once()
    pacs.stop()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page whose every complaint fails the test, but that a login or a page was refused."""
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    page = context.new_page()
    refused = re.compile(r"the server responded with a status of (401|403|409|429)")
    page.on("console", lambda said: complaints.append(said.text) if not refused.search(said.text) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def log_in(page: Page, address: str, name: str, password: str = PASSWORD, *, place: str = "/") -> None:
    page.goto(address + place)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_a_reader_logs_in_by_keyboard_comes_to_the_page_asked_for_and_leaves(address: str, page: Page) -> None:
    page.goto(f"{address}/?show=normal")
    assert page.evaluate("document.activeElement.id") == "name"
    page.keyboard.type("ada")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/?show=normal")
    expect(page.get_by_role("link", name="Users")).to_have_count(0)
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(f"{address}/login")
    page.go_back()
    expect(page.get_by_label("Password")).to_be_visible()


def test_an_open_list_leaves_the_screen_soon_after_its_user_logged_out_elsewhere(address: str, page: Page) -> None:
    log_in(page, address, "ada")
    expect(page.locator("#live")).to_be_visible()
    other = page.context.new_page()
    other.goto(f"{address}/account")
    other.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login**", timeout=30_000)


def test_a_reader_comes_to_no_page_of_an_administrators(address: str, page: Page) -> None:
    log_in(page, address, "ada")
    for place in ("/admin/users", "/admin/tokens"):
        page.goto(address + place)
        expect(page.get_by_role("heading", name="Not yours")).to_be_visible()


def test_an_administrator_adds_a_user_who_chooses_a_password(address: str, page: Page) -> None:
    log_in(page, address, "root", place="/admin/users")
    page.get_by_label("Name", exact=True).fill("grace")
    page.get_by_role("button", name="Add").click()
    first = page.locator(".secret code").inner_text()
    page.locator("summary", has_text="New password… for grace").press("Enter")
    sizes_fit(page)
    assert axe.violations(page) == []
    page.get_by_role("button", name="Make a new password for grace").press("Enter")
    expect(page.locator(".secret code")).not_to_have_text(first)
    made_up = page.locator(".secret code").inner_text()
    page.reload()  # sends the form again
    expect(page.get_by_role("alert")).to_contain_text("so none was made")
    page.get_by_role("button", name="Log out").click()
    log_in(page, address, "grace", made_up)
    expect(page.get_by_text("Somebody else set your password")).to_be_visible()
    sizes_fit(page)
    for label, text in (
        ("The one you have now", made_up),
        ("The new one", "five slow green trams"),
        ("The new one again", "five slow green trams"),
    ):
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_role("button", name="Change it", exact=True).click()
    expect(page.get_by_text("Your password is changed")).to_be_visible()
    page.goto(address)
    expect(page.get_by_text("No study yet")).to_be_visible()


def test_an_administrator_makes_a_token(address: str, page: Page) -> None:
    log_in(page, address, "root", place="/admin/tokens")
    page.get_by_label("Program").fill("metabase")
    page.get_by_label("statistics").check()
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".secret code")).to_contain_text("pfs_")
    sizes_fit(page)
    page.get_by_role("button", name="Revoke metabase").click()
    expect(page.get_by_text("root/metabase is good for nothing now")).to_be_visible()


def test_the_login_fits_every_size(address: str, page: Page) -> None:
    page.goto(f"{address}/login")
    sizes_fit(page)


def sizes_fit(page: Page) -> None:
    """Nothing sticks out to the right at any size; a theme changes nothing but colours."""
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, size
    page.set_viewport_size({"width": 1440, "height": 900})
