"""What an administrator does, in a real browser: looks at quarantine, decides, tries a peer, reads the trail."""

from collections.abc import Iterator

import axe
import numpy as np
import pytest
from entry import cookie_of
from harness import Installation, running, until
from playwright.sync_api import Browser, Page, expect

from core.roles import Role
from core.types import Label
from training.phantom import cohort, dicom

SIZES = {"wide": (1440, 900), "phone": (390, 844)}
WITH_ANSWERS = ("/quarantine", "/peers", "/models")
STICKS_OUT = """
[...document.querySelectorAll("main :is(section, figure, li, dl)")]
    .filter(part => part.scrollWidth > part.clientWidth + 1 && getComputedStyle(part).display !== "inline")
    .map(part => part.className || part.tagName)
"""


@pytest.fixture(scope="module")
def perfuscope(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A Perfuscope with a screen that no layout knows, and a study that names two patients."""
    base = tmp_path_factory.mktemp("admin")
    moved = dicom.datasets(cohort.simulate(2026, 1, label=Label.ISCHEMIA))
    shape = (moved[0].Rows, moved[0].Columns, 3)
    moved[0].PixelData = np.roll(np.frombuffer(moved[0].PixelData, np.uint8).reshape(shape), 37, axis=1).tobytes()
    mixed = dicom.datasets(cohort.simulate(2026, 2, label=Label.NORMAL))
    mixed[0].PatientID = "SIM-STRANGER"
    with running(base / "home", quiet_period_s=1) as installation:
        installation.push(moved, base / "moved")
        installation.push(mixed, base / "mixed")
        yield installation


@pytest.fixture
def page(browser: Browser, perfuscope: Installation) -> Iterator[Page]:
    """An administrator's page whose every complaint fails the test: a script's error, and what the policy refused."""
    complaints: list[str] = []
    cookie, _, value = cookie_of(perfuscope, name="lara", role=Role.ADMIN).partition("=")
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark", locale="en-GB")
    context.add_cookies([{"name": cookie, "value": value, "url": address(perfuscope)}])
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def address(perfuscope: Installation) -> str:
    return f"http://127.0.0.1:{perfuscope.web_port}"


def looks(page: Page, name: str) -> None:
    """Nothing sticks out at any size, and axe finds nothing, dark and light; a theme changes nothing but colours."""
    for scheme, (size, (width, height)) in zip(("light", "dark"), SIZES.items(), strict=True):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (size, name)
        assert page.evaluate(STICKS_OUT) == [], (size, name)
        assert axe.violations(page, again=scheme == "dark") == [], (scheme, name)
    page.set_viewport_size({"width": 1440, "height": 900})


def draws(page: Page) -> None:
    """A layout for the screen that none knows, by pointer and by keys; the screen is then known."""
    page.get_by_role("link", name="Object").click()
    page.get_by_role("link", name="Draw a layout").click()
    image = page.locator("#screen")
    until(lambda: image.evaluate("image => image.naturalWidth") > 1000, 20, "the screen is there")
    drags(page, (990, 0), (1275, 180))
    page.get_by_label("A caption that every").check()
    drags(page, (374, 967), (563, 999))
    expect(page.get_by_label("Another caption")).to_be_checked()  # the next one that is empty
    page.locator(".drawn-shape.caption").focus()
    before = numbers(page, 1)
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert numbers(page, 1)[0] == before[0] - 1
    for _ in range(5):
        page.keyboard.press("Shift+_")
    assert numbers(page, 1)[3] == before[1] + 1  # one pixel is left of its height
    for _ in range(6):
        page.keyboard.press("Control+z")
    assert numbers(page, 1) == before
    page.get_by_label("Panel 1 to keep").check()
    drags(page, (544, 150), (547, 150))  # no more than a hand that shakes
    assert numbers(page, 3) == []
    drags(page, (544, 150), (664, 150))
    drags(page, (664, 150), (684, 150))  # by its edge: larger
    drags(page, (544, 150), (564, 150))  # by its inside: elsewhere
    circle = numbers(page, 3)
    assert [abs(found - wanted) <= 2 for found, wanted in zip(circle, (564, 150, 140), strict=True)] == [True] * 3
    no_shape_is_lost(page, circle)
    page.get_by_label("Darken the rest of the screen").check()
    expect(page.locator(".veil")).to_be_visible()
    looks(page, "layout")
    page.get_by_role("button", name="Clear Panel 1").click()  # the maps are looked for
    expect(page.locator("#kept")).to_be_hidden()
    page.get_by_label("The layout's name").fill("moved-page")
    page.get_by_role("button", name="Save the layout").click()
    expect(page.locator("#orders .done").first).to_contain_text("on probation", timeout=20_000)


def numbers(page: Page, row: int) -> list[int]:
    """Where a row's shape lies; nothing where none is drawn."""
    found = [page.locator(f"[name={letter}-{row}]").input_value() for letter in "abcd"]
    return [int(text) for text in found if text]


def no_shape_is_lost(page: Page, circle: list[int]) -> None:
    """Whatever is drawn or moved, and whoever leaves: what is there stays, or comes back."""
    touch = "getComputedStyle(document.getElementById('shapes')).touchAction"
    drags(page, (544, 150), (0, 0))
    assert numbers(page, 3) == [circle[2], circle[2], circle[2]]  # at the corner, as large as before
    page.get_by_role("button", name="Undo").click()
    assert numbers(page, 3) == circle
    assert page.evaluate(touch) == "auto"  # a shape is chosen: one finger scrolls
    drags(page, (100, 700), (200, 800))
    assert numbers(page, 3) == circle
    assert page.locator(".drawn-shape").count() == 3

    page.get_by_label("Panel 2 to keep").check()
    assert page.evaluate(touch) == "pinch-zoom"
    drags(page, (560, 150), (600, 150))  # in the midst of the first panel
    assert (len(numbers(page, 4)), numbers(page, 3)) == (3, circle)
    page.keyboard.press("Control+z")
    assert (numbers(page, 4), numbers(page, 3)) == ([], circle)

    asked: list[str] = []
    page.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.get_by_role("link", name="The object").click(no_wait_after=True)
    until(lambda: asked == ["beforeunload"] or page.wait_for_timeout(50), 10, "it is asked before the drawing is left")
    assert numbers(page, 3) == circle


def drags(page: Page, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Press, move and let go, at places of the image in its own pixels."""
    image = page.locator("#screen")
    image.evaluate("image => image.scrollIntoView()")
    box, width = image.bounding_box(), image.evaluate("image => image.naturalWidth")
    assert box is not None
    places = [(box["x"] + x * box["width"] / width, box["y"] + y * box["width"] / width) for x, y in (start, end)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=4)
    page.mouse.up()


def test_an_administrator_looks_decides_tries_and_reads_the_trail(perfuscope: Installation, page: Page) -> None:
    here = address(perfuscope) + "/admin"

    def waiting() -> int:
        page.goto(f"{here}/quarantine")
        return page.locator("tbody tr").count()

    until(lambda: waiting() == 2, 60, "both are in quarantine")
    page.get_by_role("link", name="Object").click()
    image = page.locator(".evidence img")
    until(lambda: image.evaluate("image => image.naturalWidth") > 1000, 20, "the picture is drawn")
    assert "SIM" not in page.url

    page.get_by_role("button", name="Release").click()
    expect(page.locator("#orders .done")).to_contain_text("prepared again", timeout=20_000)
    until(lambda: waiting() == 2, 30, "it is known no better")

    draws(page)

    page.goto(f"{here}/peers")
    page.get_by_role("button", name="Test").first.click()
    expect(page.locator(".findings .ok").first).to_contain_text("answers C-ECHO", timeout=30_000)
    page.goto(f"{here}/models")
    page.get_by_label("Name", exact=True).fill("mobilenet-sim-1")
    page.get_by_role("button", name="Activate", exact=True).last.click()
    expect(page.locator("#orders .refused")).to_contain_text("is not activated", timeout=30_000)
    for place in WITH_ANSWERS:
        page.goto(here + place)
        looks(page, place.strip("/"))
    page.goto(f"{here}/audit?actor=user:lara&action=release")
    expect(page.locator("tbody tr")).to_have_count(1)
