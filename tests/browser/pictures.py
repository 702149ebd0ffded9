"""Draws the pictures that the documents show: ``python tests/browser/pictures.py FOLDER [pages] [gui] [every]``.

``every`` draws each page at each size in both themes instead, to be looked at by whoever changes one.

Not a test. Runs a whole Perfuscope on simulated patients and looks at it as a reader would.
"""

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

import every_page
from display import Display
from harness import Installation, Pacs, until
from opened_window import Opened

from core.types import LABELS
from training.phantom import cohort, dicom

STUDIES = 7
STYLE = Path(__file__).parents[2] / "viewer" / "static" / "style.css"
LARGEST = 120_000
SIZE = {"width": 1280, "height": 860}
WITHOUT_REST, UNKNOWN, WITH_A_STRANGER = 3, 4, 5
DRAWN = ((995, 0, 1276, 180), (374, 967, 563, 999), (), (544, 150, 145), (544, 465, 145), (544, 777, 145))
"""Where the patient is named, a caption, no other one, and three panels."""


def main(folder: Path, *wanted: str) -> None:
    if not wanted or "gui" in wanted:
        window(folder / "gui.png")
    if not wanted or "pages" in wanted:
        pages(folder)
    if "every" in wanted:
        pages(folder, every=True)


def window(path: Path) -> None:
    """The window on a simulated study, on a display of its own."""
    display = Display()
    os.environ["DISPLAY"] = display.name
    with tempfile.TemporaryDirectory() as base:
        study = Path(base) / "study"
        dicom.write_study(cohort.simulate(2026, 1, label=LABELS[1]), study)
        opened = Opened(display)
        opened.presenter.open([study])
        opened.settle()
        display.seen(opened.root).save(path, optimize=True)
        opened.close()


def pages(folder: Path, *, every: bool = False) -> None:
    pacs = Pacs().start()
    with tempfile.TemporaryDirectory() as base:
        installation = Installation(Path(base) / "home", pacs, {"min_free_disk_mb": 1, "quiet_period_s": 2})
        try:
            installation.start()
            for index in range(STUDIES):
                push(installation, index, Path(base) / str(index))
            until(lambda: sum(bool(r["completed_at"]) for r in installation.results().values()) == STUDIES, 90, "done")
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
                (look_at_all if every else look)(browser, installation, folder)
                browser.close()
        finally:
            installation.stop()
            pacs.stop()


def push(installation: Installation, index: int, folder: Path) -> None:
    datasets = dicom.datasets(cohort.simulate(2026, index, label=LABELS[index % 3]))
    if index == WITHOUT_REST:
        datasets = [ds for ds in datasets if "REST QGS" not in ds.get("SeriesDescription", "")]
    if index == WITH_A_STRANGER:
        datasets[0].PatientID = "SIM-STRANGER"
    if index == UNKNOWN:
        shape = (datasets[0].Rows, datasets[0].Columns, 3)
        pixels = np.frombuffer(datasets[0].PixelData, np.uint8).reshape(shape)
        datasets[0].PixelData = np.roll(pixels, 37, axis=1).tobytes()
    installation.push(datasets, folder)


def look_at_all(browser: Browser, installation: Installation, folder: Path) -> None:
    """Every page at every size in both themes, for whoever changes one of them."""
    for name, page in every_page.opened(browser, installation):
        page.locator("#theme").wait_for()
        every_page.pictures(page, folder, name)


def look(browser: Browser, installation: Installation, folder: Path) -> None:
    address = every_page.address(installation)
    page = browser.new_page(viewport=SIZE, color_scheme="dark")
    page.goto(address)
    loaded(page)
    save(page, folder / "login.png")
    reader = somebody(browser, installation, "ada")
    review(reader, address, "BIRCH", "Infarction", "Fairly sure")
    save(reader, folder / "review.png", part=".card.outcome")
    review(reader, address, "WILLOW", "Normal", "Sure")
    reader.goto(address)
    loaded(reader)
    save(reader, folder / "worklist.png")
    reader.get_by_role("link", name="BIRCH").click()
    loaded(reader)
    save(reader, folder / "study.png")
    administrator = somebody(browser, installation, "lara")
    administrator.goto(address + "/admin/statistics")
    with administrator.expect_navigation():
        administrator.get_by_role("link", name="7 days").click()
    loaded(administrator)
    save(administrator, folder / "statistics.png")
    administrator.goto(address + "/admin/quarantine")
    administrator.get_by_role("link", name="Object").click()
    loaded(administrator)
    save(administrator, folder / "quarantine.png")
    administrator.get_by_role("link", name="Draw a layout").click()
    loaded(administrator)
    draw(administrator)
    save(administrator, folder / "layout_drawn.png")


def somebody(browser: Browser, installation: Installation, name: str) -> Page:
    page = every_page.logged_in(browser, installation, name).new_page()
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(SIZE)
    return page


def loaded(page: Page) -> None:
    """Once its script runs, and each picture that is in sight is there."""
    page.locator("#theme").wait_for()
    in_sight = "i => i.getBoundingClientRect().top < innerHeight"
    there = f"[...document.images].filter({in_sight}).every(i => i.complete && i.naturalWidth)"
    until(lambda: page.evaluate(there), 60, "images")


def review(page: Page, address: str, name: str, label: str, sure: str) -> None:
    page.goto(address)
    page.get_by_role("link", name=name).click()
    form = page.locator(".review")
    form.get_by_role("radio", name=label).check(force=True)
    form.get_by_role("radio", name=sure, exact=True).check(force=True)
    if label == "Infarction":
        form.get_by_label("Comment").fill("Fixed at the apex, as at rest.")
    page.get_by_role("button", name="Save the review").click()
    page.locator("#readers .standing").wait_for()


def draw(page: Page) -> None:
    """What is named and what is kept, by the numbers; the page shows them."""
    for row, numbers in enumerate(DRAWN):
        for letter, number in zip("abcd", numbers, strict=False):
            page.locator(f"[name={letter}-{row}]").fill(str(number))
    page.get_by_label("The layout's name").fill("ward-3")
    page.evaluate("scrollTo(0, 0)")


def save(page: Page, path: Path, *, part: str | None = None) -> None:
    """A picture of what is in sight, or of a part; in few colours where that is needed to keep it small."""
    (page.locator(part) if part else page).screenshot(path=path)
    with Image.open(path) as taken:
        picture = taken.convert("RGB")
    picture.save(path, optimize=True)
    if path.stat().st_size > LARGEST:
        picture.quantize(palette=palette(picture), dither=Image.Dither.NONE).save(path, optimize=True)


def palette(picture: Image.Image) -> Image.Image:
    """256 colours of the picture's, the pages' own among them: small words would lose theirs to the large maps."""
    weighed = Image.new("RGB", (picture.width, picture.height * 2))
    weighed.paste(picture, (0, 0))
    colours = re.findall("#[0-9a-f]{6}", STYLE.read_text().partition("@media")[0])
    height = picture.height // len(colours)
    for number, colour in enumerate(colours):
        top = picture.height + number * height
        weighed.paste(colour, (0, top, picture.width, top + height))
    return weighed.quantize(256, Image.Quantize.MEDIANCUT)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
