"""The pages in a real browser: a pushed study appears and gets its result with nobody touching the page."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from entry import cookie_of
from harness import Installation, descendants, running, until
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from core import DISCLAIMER, TRAINED_ON
from core.roles import Role
from core.types import Label
from training.phantom import cohort, dicom

STICKS_OUT = """
[...document.querySelectorAll("main :is(td, th, section, figure, li, .choice)")]
    .filter(part => part.scrollWidth > part.clientWidth + 1 && getComputedStyle(part).display !== "inline")
    .filter(part => !part.querySelector(".unseen, .scroll"))
    .map(part => part.className || part.tagName)
"""
SIZES = {"wide": (1440, 900), "narrow": (1024, 768), "phone": (390, 844)}


@pytest.fixture
def page(browser: Browser, perfuscope: Installation) -> Iterator[Page]:
    """A reader's page whose every complaint fails the test: a script's error, and what the policy refused."""
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        away = "net::ERR_" in message.text  # the viewer is stopped on purpose
        if message.type in {"error", "warning"} and not away:
            complaints.append(message.text)

    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    context.add_cookies([logged_in(perfuscope)])
    page = context.new_page()
    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def logged_in(perfuscope: Installation) -> dict[str, str]:
    """The cookie of a reader's login."""
    name, _, value = cookie_of(perfuscope, role=Role.READER).partition("=")
    return {"name": name, "value": value, "url": f"http://127.0.0.1:{perfuscope.web_port}"}


@pytest.fixture(scope="module")
def perfuscope(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running(tmp_path_factory.mktemp("browser") / "home") as installation:
        yield installation


def test_a_pushed_study_appears_gets_its_result_and_can_be_read(
    perfuscope: Installation, page: Page, tmp_path: Path
) -> None:
    address = f"http://127.0.0.1:{perfuscope.web_port}/"
    page.goto(address)
    expect(page.get_by_text("No study yet")).to_be_visible()
    expect(page.get_by_text(f"PERFUSCOPE@127.0.0.1:{perfuscope.port}", exact=True)).to_be_visible()

    patient = cohort.simulate(2026, 1, label=Label.ISCHEMIA)
    datasets = dicom.datasets(patient)
    for ds in datasets:
        ds.SpecificCharacterSet, ds.PatientName = "ISO_IR 192", "<script>^alert(1)"
    perfuscope.push(datasets, tmp_path)
    row = page.locator("tr[data-key]")
    expect(row).to_have_count(1, timeout=30_000)
    expect(row.locator(".delivery.sent")).to_be_visible(timeout=30_000)
    expect(row.locator(".patient")).to_contain_text("<script>, alert(1)")
    assert page.locator("script:not([src])").count() == 0
    sizes_fit(page)

    row.get_by_role("link").click()
    expect(page.locator(".headline")).to_be_visible()
    images = page.locator("main img")
    expect(images).to_have_count(7)  # three crops, what is laid over each, the report
    for image in images.all():
        image.scroll_into_view_if_needed()
        until(lambda image=image: image.evaluate("image => image.naturalWidth"), 20, "the image is loaded")
    assert page.locator("img.page").evaluate("image => image.naturalWidth") == 1600
    expect(page.get_by_text(DISCLAIMER)).to_be_visible()
    expect(page.get_by_text(TRAINED_ON)).to_be_visible()
    sizes_fit(page)
    assert str(datasets[0].PatientID) not in page.url + page.title() + perfuscope.log


def sizes_fit(page: Page) -> None:
    """Nothing sticks out to the right at any size; a theme changes nothing but colours."""
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, size
        assert page.evaluate(STICKS_OUT) == [], size
    page.set_viewport_size({"width": 1440, "height": 900})


def test_the_page_stays_where_the_reader_is_and_says_when_it_is_not_up_to_date(
    perfuscope: Installation, page: Page, tmp_path: Path
) -> None:
    page.goto(f"http://127.0.0.1:{perfuscope.web_port}/?show=all")
    row = page.locator("tr[data-key]").first.get_by_role("link")
    row.focus()
    page.set_viewport_size({"width": 800, "height": 300})
    page.evaluate("scrollTo(0, 120)")
    on_screen = "Math.round(document.activeElement.getBoundingClientRect().top)"
    before = page.evaluate(on_screen)
    perfuscope.push(dicom.datasets(cohort.simulate(2026, 2, label=Label.NORMAL))[:1], tmp_path)
    expect(page.locator("tr[data-key]")).to_have_count(2, timeout=20_000)
    assert page.evaluate(on_screen) == before  # where it was on the screen, with a row more above it
    assert page.evaluate("scrollY") > 120
    assert page.evaluate("document.activeElement.getAttribute('href')").startswith("/studies/")

    page.route("**/*", lambda route: route.abort())
    expect(page.get_by_text("Not up to date")).to_be_visible(timeout=15_000)
    page.unroute("**/*")
    expect(page.get_by_text("Not up to date")).to_be_hidden(timeout=15_000)


def test_a_viewer_that_dies_is_started_again_and_open_pages_go_on(perfuscope: Installation, page: Page) -> None:
    supervisor = perfuscope.processes[0].pid

    def viewers() -> list[int]:
        return [pid for pid, command in descendants(supervisor).items() if "perfuscope viewer" in command]

    page.goto(f"http://127.0.0.1:{perfuscope.web_port}/")
    (viewer,) = viewers()
    token = "document.getElementById('live').dataset.again"
    before = page.evaluate(token)
    os.kill(viewer, signal.SIGKILL)
    until(lambda: viewers() and viewers() != [viewer], 30, "the viewer is started again")
    with page.expect_response(lambda answer: "seen=" in answer.url and answer.status in {200, 304}, timeout=60_000):
        pass
    assert page.evaluate(token) == before  # what was opened and written down before is not opened anew
    assert page.locator("tr[data-key]").count() > 0


def test_without_a_script_the_browser_reloads_by_itself(perfuscope: Installation, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([logged_in(perfuscope)])
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{perfuscope.web_port}/")
    reload = page.locator("head noscript meta").get_attribute("content")
    assert reload is not None
    assert reload.startswith("15; url=/?seen=")
    assert page.locator("tr[data-key]").count() > 0
    context.close()


def test_the_keyboard_is_enough(perfuscope: Installation, page: Page) -> None:
    page.goto(f"http://127.0.0.1:{perfuscope.web_port}/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('tr[data-key]') !== null"):
            break
    page.keyboard.press("Enter")
    expect(page.locator(".who h1")).to_be_visible()
