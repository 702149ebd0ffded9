"""Draws the pictures that the documents show: ``python tests/browser/pictures.py FOLDER [pages] [gui]``.

Not a test. Runs a whole Perfuscope on simulated patients and looks at it as a reader would.
"""

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from display import Display
from entry import cookie_of
from harness import Installation, Pacs, until
from opened_window import Opened

from core.types import LABELS
from training.phantom import cohort, dicom

STUDIES = 7
STYLE = Path(__file__).parents[2] / "viewer" / "static" / "style.css"
LARGEST = 300_000
WITHOUT_REST, WITH_A_STRANGER = 3, 5


def main(folder: Path, *wanted: str) -> None:
    if not wanted or "gui" in wanted:
        window(folder / "gui.png")
    if not wanted or "pages" in wanted:
        pages(folder)


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


def pages(folder: Path) -> None:
    pacs = Pacs().start()
    with tempfile.TemporaryDirectory() as base:
        installation = Installation(Path(base) / "home", pacs, {"min_free_disk_mb": 1, "quiet_period_s": 2})
        try:
            installation.start()
            for index in range(STUDIES):
                push(installation, index, Path(base) / str(index))
            until(lambda: sum(bool(r["completed_at"]) for r in installation.results().values()) == STUDIES, 60, "done")
            look(f"http://127.0.0.1:{installation.web_port}/", folder, cookie_of(installation))
        finally:
            installation.stop()
            pacs.stop()


def push(installation: Installation, index: int, folder: Path) -> None:
    datasets = dicom.datasets(cohort.simulate(2026, index, label=LABELS[index % 3]))
    if index == WITHOUT_REST:
        datasets = [ds for ds in datasets if "REST QGS" not in ds.get("SeriesDescription", "")]
    if index == WITH_A_STRANGER:
        datasets[0].PatientID = "SIM-STRANGER"
    installation.push(datasets, folder)


def look(address: str, folder: Path, cookie: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="dark")
        name, _, value = cookie.partition("=")
        context.add_cookies([{"name": name, "value": value, "url": address}])
        page = context.new_page()
        page.goto(address)
        page.wait_for_timeout(500)
        save(page, folder / "worklist.png")
        page.get_by_role("link", name="BIRCH").click()
        until(lambda: page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth)"), 30, "images")
        save(page, folder / "study.png")
        browser.close()


def save(page: Page, path: Path) -> None:
    """A picture of the whole page; in few colours where that is needed to keep it small."""
    page.screenshot(path=path, full_page=True)
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
