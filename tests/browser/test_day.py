"""A whole day in a real browser, from the login to the lock, and every page looked at for what keeps people out."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import every_page
import numpy as np
import pytest
from entry import PASSWORD, user
from every_page import address
from harness import Installation, running, until, write
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pydicom import Dataset

from core import passwords
from core.roles import Role
from core.settings import Settings
from core.types import Label
from db.session import Sessions, make_engine
from training.phantom import cohort, dicom
from viewer.access import openings
from viewer.app import make_app

PEOPLE = {**every_page.ROLES, "lost": Role.READER}
REFUSED = re.compile(r"the server responded with a status of (401|403|404|429)")
NO_PAGES = re.compile(r"\.(png|csv|json)$|^/api/|^/events$|/orders/")


@pytest.fixture(scope="module")
def perfuscope(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A Perfuscope with people and no study."""
    with running(tmp_path_factory.mktemp("day") / "home", quiet_period_s=2) as installation:
        engine = make_engine(installation.owners_database)
        hashed = passwords.hashed(PASSWORD)
        for name, role in PEOPLE.items():
            user(Sessions(engine), name, role, password=hashed)
        engine.dispose()
        yield installation


def moved(index: int) -> list[Dataset]:
    """A study whose QPS screen no layout knows."""
    datasets = dicom.datasets(cohort.simulate(2026, index, label=Label.ISCHEMIA))
    shape = (datasets[0].Rows, datasets[0].Columns, 3)
    pixels = np.frombuffer(datasets[0].PixelData, np.uint8).reshape(shape)
    datasets[0].PixelData = np.roll(pixels, 37, axis=1).tobytes()
    return datasets


def mixed(index: int) -> list[Dataset]:
    """A study that names two patients."""
    datasets = dicom.datasets(cohort.simulate(2026, index, label=Label.NORMAL))
    datasets[0].PatientID = "SIM-STRANGER"
    return datasets


def somebody(browser: Browser, perfuscope: Installation, name: str, complaints: list[str]) -> Page:
    """Who logs in by the form, in a browser whose complaints are heard."""
    context: BrowserContext = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if not REFUSED.search(said.text) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    logs_in(page, perfuscope, name, PASSWORD)
    return page


def logs_in(page: Page, perfuscope: Installation, name: str, password: str) -> None:
    page.goto(address(perfuscope) + "/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def reads_and_reviews(page: Page) -> None:
    """Opens the study, fades the overlay, and says another label than the model did."""
    page.locator(".worklist .patient a").first.click()
    page.wait_for_url("**/studies/*")
    until(lambda: page.locator("img.over").first.evaluate("i => i.complete && i.naturalWidth"), 20, "the overlay")
    page.locator("section.maps").get_by_label("Overlay").fill("80")
    assert page.locator(".over").first.evaluate("over => over.style.opacity") == "0.8"
    expect(page.locator(".headline")).to_contain_text("Ischemia")
    review = page.locator(".review")
    review.get_by_role("radio", name="Infarction").check(force=True)
    review.get_by_role("radio", name="Sure", exact=True).check(force=True)
    page.get_by_role("button", name="Save the review").click()
    expect(page.locator("#readers .standing")).to_contain_text("Another label")


def finds_it_in_the_figures(page: Page, perfuscope: Installation, study: str) -> None:
    """The study and what its reader said: on the page, as CSV, by the API and at the command line."""
    page.goto(address(perfuscope) + "/admin/statistics")
    said = page.locator("section", has=page.get_by_role("heading", name="Agreement with readers"))
    row = said.get_by_role("row", name="TESTPACS Any")
    expect(row).to_contain_text("0.0 %")
    link = said.get_by_role("link", name="Agreement as CSV").get_attribute("href")
    rows = list(csv.DictReader(io.StringIO(page.request.get(address(perfuscope) + str(link)).text())))
    assert any(one["station"] == "TESTPACS" for one in rows), rows
    studies = page.request.get(f"{address(perfuscope)}/api/v1/studies.csv?label=ischemia").text()
    (line,) = csv.DictReader(io.StringIO(studies))
    assert (line["study_instance_uid"], line["readers"], line["readers_label"]) == (study, "1", "infarction")
    results = json.loads(perfuscope.run("results", "--format", "json", "--label", "ischemia"))
    assert [one["study_instance_uid"] for one in results] == [study]
    assert [(said["reader"], said["label"]) for said in results[0]["reviews"]] == [("ada", "infarction")]


def draws_a_layout(page: Page, perfuscope: Installation) -> None:
    """By hand, as well as a hand can: some pixels off. The maps' outlines are found beside what was drawn."""
    page.goto(address(perfuscope) + "/admin/quarantine")
    page.get_by_role("link", name="Object").first.click()
    page.get_by_role("link", name="Draw a layout").click()
    screen = page.locator("#screen")
    until(lambda: screen.evaluate("image => image.naturalWidth") > 1000, 20, "the screen is there")
    drags(page, (990, 0), (1275, 180))
    page.get_by_label("A caption that every").check()
    drags(page, (374, 967), (563, 999))
    for number, row in enumerate((150, 465, 777), start=1):
        page.get_by_label(f"Panel {number} to keep").check()
        drags(page, (541, row + 3), (688, row + 3))
    expect(page.locator("#kept")).to_be_visible()
    page.get_by_label("The layout's name").fill("drawn-page")
    page.get_by_role("button", name="Save the layout").click()
    expect(page.locator("#orders .done")).to_contain_text("keeps stress, rest, difference", timeout=30_000)


def drags(page: Page, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Press, move and let go, at places of the image in its own pixels."""
    image = page.locator("#screen")
    image.evaluate("image => image.scrollIntoView()")
    box, width = image.bounding_box(), image.evaluate("image => image.naturalWidth")
    assert box is not None
    places = [(box["x"] + x * box["width"] / width, box["y"] + y * box["width"] / width) for x, y in (start, end)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=3)
    page.mouse.up()


def tries_an_image(page: Page, folder: Path) -> None:
    """What the model says of one screen."""
    files = write(dicom.datasets(cohort.simulate(2026, 9, label=Label.INFARCTION))[:1], folder)
    page.get_by_role("link", name="Try an image").click()
    expect(page.locator("#try")).to_be_visible()  # not before the script listens
    page.locator("#files").set_input_files([str(file) for file in files])
    expect(page.locator(".tried .headline").first).to_be_visible(timeout=60_000)


def reaches_nothing_of_an_administrators(page: Page, perfuscope: Installation) -> None:
    """Every address for administrators and auditors alone, from the application's own table, and the whole API."""
    page.goto(address(perfuscope) + "/admin/users")
    expect(page.get_by_role("heading", name="Not yours")).to_be_visible()
    gets = [opening.path for opening in routes() if "GET" in opening.methods]
    asked = [path for path in gets if path.startswith(("/admin", "/api/v1/")) and "openapi" not in path]
    assert len(asked) > 15
    for path in asked:
        place = re.sub(r"\{[^}]+\}", "00000000-0000-0000-0000-000000000000", path)
        assert page.request.get(address(perfuscope) + place).status == 403, path


def is_locked_out(page: Page, perfuscope: Installation) -> None:
    """A wrong password five times locks, and the page says so; the right one is then of no use."""
    for number in range(5):
        logs_in(page, perfuscope, "lost", "a wrong password")
        wanted = "do not belong together" if number < 4 else "Try again in 15 minutes"
        expect(page.get_by_role("alert")).to_contain_text(wanted)
    logs_in(page, perfuscope, "lost", PASSWORD)
    expect(page.get_by_role("alert")).to_contain_text("Try again in 15 minutes")


def routes():
    """The application's addresses; its database is never asked."""
    return openings(make_app(Settings(), Sessions(make_engine("sqlite://")))._app)


@pytest.mark.timeout(400)  # the day is long where the machine is shared
def test_a_whole_day(browser: Browser, perfuscope: Installation, tmp_path: Path) -> None:
    complaints: list[str] = []
    ada = somebody(browser, perfuscope, "ada", complaints)
    expect(ada.get_by_text("No study yet")).to_be_visible()
    pushed = dicom.datasets(cohort.simulate(2026, 1, label=Label.ISCHEMIA))
    perfuscope.push(pushed, tmp_path / "first")
    row = ada.locator("tr[data-key]")
    expect(row).to_have_count(1, timeout=2000)
    expect(row.locator(".verdict")).to_contain_text("Ischemia", timeout=30_000)
    reads_and_reviews(ada)

    lara = somebody(browser, perfuscope, "lara", complaints)
    finds_it_in_the_figures(lara, perfuscope, str(pushed[0].StudyInstanceUID))

    ada.goto(address(perfuscope) + "/")
    lost = moved(4)
    perfuscope.push(lost, tmp_path / "lost")
    expect(ada.get_by_text("1 object in quarantine")).to_be_visible(timeout=60_000)
    draws_a_layout(lara, perfuscope)
    classified = ada.locator("tr[data-key]").first.locator(".verdict")
    expect(classified).to_have_text(re.compile("Normal|Ischemia|Infarction|Needs review"), timeout=60_000)

    tries_an_image(ada, tmp_path / "tried")
    reaches_nothing_of_an_administrators(ada, perfuscope)
    is_locked_out(browser.new_page(), perfuscope)
    assert complaints == []


def test_an_auditor_begins_at_the_overview(browser: Browser, perfuscope: Installation) -> None:
    complaints: list[str] = []
    otto = somebody(browser, perfuscope, "otto", complaints)
    expect(otto).to_have_url(address(perfuscope) + "/admin")
    expect(otto.get_by_role("heading", name="Overview")).to_be_visible()
    otto.goto(address(perfuscope) + "/login")
    expect(otto).to_have_url(address(perfuscope) + "/admin")
    otto.goto(address(perfuscope) + "/try")
    otto.get_by_role("link", name="To the overview").click()
    expect(otto).to_have_url(address(perfuscope) + "/admin")
    otto.context.close()
    assert complaints == []


@pytest.mark.timeout(400)
def test_every_page_fits_every_size_and_keeps_nobody_out(
    browser: Browser, perfuscope: Installation, tmp_path: Path
) -> None:
    still_lost = moved(7)
    pixels = np.frombuffer(still_lost[0].PixelData, np.uint8).reshape(still_lost[0].Rows, still_lost[0].Columns, 3)
    still_lost[0].PixelData = np.roll(pixels, 11, axis=1).tobytes()
    perfuscope.push(still_lost, tmp_path / "lost")
    perfuscope.push(mixed(8), tmp_path / "mixed")
    until(perfuscope.completed, 60, "both are judged")
    pages = enumerate(every_page.opened(browser, perfuscope))
    found = {name: every_page.faults(page, number) for number, (name, page) in pages}
    assert {name: said for name, said in found.items() if said} == {}
    shapes = {
        re.compile("^" + re.sub(r"\{[^}]+\}", "[^/]+", one.path) + "$") for one in routes() if "GET" in one.methods
    }
    shown = {shape for shape in shapes if not NO_PAGES.search(shape.pattern.strip("^$").replace("\\", ""))}
    places = [place.partition("?")[0] for _, place in every_page.places(perfuscope).values()]
    assert [shape.pattern for shape in shown if not any(shape.match(place) for place in places)] == []
