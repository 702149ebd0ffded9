"""What a reader does all day, in a real browser: list, search, keys, overlay, review, trying an image."""

import re
from collections.abc import Iterator
from pathlib import Path

import axe
import pytest
from entry import cookie_of
from harness import Installation, running, until, write
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, expect

from core.roles import Role
from core.types import Label
from db import users
from db.session import Sessions, make_engine
from training.phantom import cohort, dicom

STUDIES = {0: Label.NORMAL, 1: Label.ISCHEMIA, 2: Label.INFARCTION}
ANSWERS = """() => {
    const [seen, chosen, answer] = [[], document.getElementById("chosen"), document.getElementById("answer")];
    const look = () => { if (answer.childElementCount) seen.push(chosen.textContent); };
    new MutationObserver(look).observe(answer, { childList: true });
    return seen;
}"""
"""The names over each answer that is shown from now on."""
SHOWN = "image => image.complete && image.naturalWidth > 0"


@pytest.fixture(scope="module")
def perfuscope(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A Perfuscope with three studies that are done."""
    base = tmp_path_factory.mktemp("reading")
    with running(base / "home") as installation:
        for index, label in STUDIES.items():
            installation.push(dicom.datasets(cohort.simulate(2026, index, label=label)), base / str(index))
        until(installation.completed, 90, "the studies are done")
        yield installation


def context_of(browser: Browser, perfuscope: Installation, name: str, *, role: Role = Role.READER) -> BrowserContext:
    cookie, _, value = cookie_of(perfuscope, name=name, role=role).partition("=")
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark", locale="en-GB")
    context.add_cookies([{"name": cookie, "value": value, "url": address(perfuscope)}])
    return context


def address(perfuscope: Installation) -> str:
    return f"http://127.0.0.1:{perfuscope.web_port}"


@pytest.fixture
def page(browser: Browser, perfuscope: Installation) -> Iterator[Page]:
    """A reader's page whose every complaint fails the test: a script's error, and what the policy refused."""
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        in_line = message.location["url"].endswith("/try") and "503" in message.text  # another try is looked at
        logged_out = "401 (Unauthorized)" in message.text  # a login that was ended
        if message.type in {"error", "warning"} and not in_line and not logged_out:
            complaints.append(message.text)

    context = context_of(browser, perfuscope, "first.reader")
    page = context.new_page()
    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address(perfuscope) + "/")
    yield page
    context.close()
    assert complaints == []


def opened(page: Page, row: int = 0) -> None:
    page.locator(".worklist .patient a").nth(row).click()
    page.wait_for_url("**/studies/*")  # and until its scripts are there


def test_keys_choose_open_and_come_back(page: Page):
    chosen = "document.activeElement.closest('tr')?.rowIndex ?? 0"
    for key, row in (("j", 1), ("j", 2), ("k", 1), ("k", 1), ("j", 2)):
        page.keyboard.press(key)
        assert page.evaluate(chosen) == row
    page.keyboard.press("Enter")
    page.wait_for_url("**/studies/*")
    page.keyboard.press("u")
    page.wait_for_url("**/")
    assert page.evaluate(chosen) == 2
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.get_by_label("Single keys do something").uncheck()
    page.keyboard.press("Escape")
    before = page.evaluate(chosen)
    page.keyboard.press("j")
    assert page.evaluate(chosen) == before
    page.keyboard.press("Shift+Tab")


def test_a_search_finds_by_name_and_its_words_are_in_no_address(page: Page):
    name = page.locator(".worklist .patient .name").nth(1).inner_text()
    before = page.locator("tr[data-key]").count()
    page.keyboard.press("/")
    page.keyboard.type(name.partition(",")[0].lower())
    page.keyboard.press("Enter")
    expect(page.get_by_text("Clear the search")).to_be_visible()
    rows = page.locator(".worklist .patient .name")
    assert name in rows.all_inner_texts()
    assert name.partition(",")[0].lower() not in page.url.lower() + page.title().lower()
    page.reload()
    assert name in rows.all_inner_texts()
    page.locator("#search").fill("nobodyiscalledthis")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No name, patient ID or accession number begins with that")).to_be_visible()
    page.get_by_text("Show all studies").click()
    expect(page.locator("tr[data-key]")).to_have_count(before)


def test_an_administrator_saves_a_list_and_a_search_as_csv(browser: Browser, perfuscope: Installation):
    context = context_of(browser, perfuscope, "office", role=Role.ADMIN)
    page = context.new_page()

    def lines() -> list[str]:
        with page.expect_download() as download:
            page.get_by_text("As CSV").click()
        assert download.value.suggested_filename == "studies.csv"
        return Path(download.value.path()).read_text().splitlines()

    page.goto(address(perfuscope) + "/?sort=oldest")
    assert len(lines()) == 1 + page.locator("tr[data-key]").count()
    page.locator("#search").fill(page.locator(".worklist .patient .sub").first.inner_text())
    page.keyboard.press("Enter")
    expect(page.get_by_text("Clear the search")).to_be_visible()
    assert len(lines()) == 2
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("#unfold").click()
    expect(page.get_by_text("As CSV")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert axe.violations(page) == []
    page.emulate_media(media="print")
    expect(page.get_by_text("As CSV")).to_be_hidden()
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.locator("#search").fill("^")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing is left to search by")).to_be_visible()
    context.close()


def test_choices_dates_and_order_stand_in_the_address(page: Page):
    page.get_by_role("link", name="Infarction").first.click()
    page.wait_for_url("**/?show=infarction")  # and until its scripts are there
    page.get_by_label("Order").select_option("oldest")
    page.wait_for_url("**/?show=infarction&sort=oldest")
    page.get_by_label("to", exact=True).fill("2001-01-01")
    page.wait_for_url("**until=2001-01-01**")
    expect(page.get_by_text("No such study")).to_be_visible()
    page.get_by_role("link", name="Clear").click()
    page.wait_for_url("**/?show=infarction&sort=oldest")


def test_a_day_is_typed_to_its_end_and_takes_effect_by_enter_or_when_its_field_is_left(page: Page):
    gone: list[str] = []
    page.on("framenavigated", lambda frame: gone.append(frame.url))
    for name, end, left in (
        ("Received from", lambda: page.keyboard.press("Enter"), "**/?since=2026-11-11"),
        ("to", lambda: page.get_by_role("searchbox").focus(), "**/?since=2026-11-11&until=2026-11-11"),
    ):
        field = page.get_by_label(name, exact=True)
        gone.clear()
        field.focus()
        page.keyboard.type("11112026", delay=60)
        page.wait_for_timeout(300)
        assert (field.input_value(), gone) == ("2026-11-11", [])
        end()
        page.wait_for_url(left)
    field.focus()
    page.keyboard.press("Delete")  # a day that is not whole is none, and nothing is done about it
    page.get_by_role("searchbox").focus()
    page.wait_for_timeout(300)
    assert page.url.endswith("/?since=2026-11-11&until=2026-11-11")
    page.get_by_role("link", name="Clear").click()
    page.wait_for_url("**/")


def test_an_answer_that_never_comes_is_told_and_the_page_goes_on_asking(page: Page):
    held: list[object] = []
    page.route("**/*seen=*", lambda route: held.append(route))  # noqa: PLW0108 - playwright marks it; never answered
    expect(page.get_by_text("Not up to date")).to_be_visible(timeout=30_000)
    until(lambda: page.wait_for_timeout(100) or len(held) > 1, 20, "the page asks again")
    page.unroute("**/*seen=*")
    expect(page.get_by_text("Not up to date")).to_be_hidden(timeout=20_000)


NUMBERS = """
() => {
  const place = (part) => {
    const range = document.createRange();
    range.selectNodeContents(part);
    return range.getBoundingClientRect();
  };
  const meet = (a, b) => a.right > b.left + 1 && b.right > a.left + 1 && a.bottom > b.top + 2 && b.bottom > a.top + 2;
  const figures = [...document.querySelectorAll("td.probability")].filter((cell) => {
    const said = [...cell.querySelectorAll("li")].map(place);
    const right = cell.getBoundingClientRect().right;
    return said.some((one, at) => one.right > right || said.slice(at + 1).some((other) => meet(one, other)));
  });
  const broken = [...document.querySelectorAll(".study bdi, .study .mono, .patient .sub, .received time")].filter(
    (part) => place(part).height > 1.9 * parseFloat(getComputedStyle(part).fontSize),
  );
  return [document.documentElement.scrollWidth > innerWidth, figures.length, broken.map((part) => part.textContent)];
}
"""


def test_no_number_of_the_list_is_broken_or_runs_into_another_at_any_width(page: Page):
    bare = """([name, odds]) => {
      for (const row of document.querySelectorAll(".worklist tr[data-key]")) {
        row.querySelector(".study bdi").textContent = name;
        row.querySelectorAll(".odds li").forEach((one, at) => one.lastChild.nodeValue = odds[at]);
      }
    }"""
    page.evaluate(bare, ["ACC-1234567890123", [" < 1 %", " < 1 %", " > 99 %"]])
    found = {}
    for width in (320, 390, 800, 820, 900, 961, 1024, 1366, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        found[width] = page.evaluate(NUMBERS)
    assert {width: said for width, said in found.items() if said != [False, 0, []]} == {}


def test_an_overlay_fades_changes_its_class_and_is_enlarged(page: Page):
    opened(page)
    over = page.locator(".over")
    expect(over).to_have_count(3)
    until(lambda: all(one.evaluate(SHOWN) for one in over.all()), 20, "the overlays are there")
    strength = "document.querySelector('.over').style.opacity"
    assert page.evaluate(strength) == "0.45"
    page.locator("section.maps").get_by_label("Overlay").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate(strength) == "0.5"
    page.keyboard.press("o")
    assert page.evaluate(strength) == "0"
    page.keyboard.press("o")
    page.keyboard.press("3")
    assert "infarction.png" in over.first.get_attribute("src")
    page.reload()
    assert page.evaluate(strength) == "0.5"  # as it was left
    page.keyboard.press("z")
    large = page.locator("dialog.large")
    expect(large).to_be_visible()
    page.keyboard.press("+")
    expect(page.locator("#large-scale")).to_have_text("150 %")
    places = large.locator(".stage > img").evaluate_all(
        "parts => parts.map(p => JSON.stringify(p.getBoundingClientRect()))"
    )
    assert len(set(places)) == 1  # the overlay lies where its picture lies
    assert large.locator(".tile-name").all_inner_texts() == ["Stress", "Rest", "Difference"]
    zoomed_at_the_pointer(page)
    page.keyboard.press("1")
    for place in (large, page.locator("section.maps")):
        assert "normal.png" in place.locator(".over").first.get_attribute("src")
        expect(place.get_by_role("radio", name="Normal")).to_be_checked()
    page.keyboard.press("Escape")
    expect(large).to_be_hidden()
    expect(page.locator(".views figure").nth(1).locator(".tiles span")).to_have_text(
        ["Perfusion ED", "Perfusion ES", "Motion", "Thickening"]
    )
    page.goto(page.url + "/revisions?left=1&right=1")
    expect(page.locator(".compare .tiles").first).to_have_text("StressRest")


def zoomed_at_the_pointer(page: Page) -> None:
    """The enlarged picture by wheel, touchpad, mouse and two fingers."""
    scale = page.locator("#large-scale")
    picture = page.locator("dialog.large .stage > img").first

    def middle() -> tuple[float, float, float]:
        box = picture.bounding_box()
        assert box is not None
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["width"]

    page.keyboard.press("0")
    x, y, width = middle()
    page.mouse.move(x + 60, y - 40)
    page.mouse.wheel(0, -120)
    expect(scale).to_have_text("127 %")
    now = middle()
    assert now[:2] == pytest.approx((x - 60 * 0.271, y + 40 * 0.271), abs=1)  # what the pointer is on stays there
    for _ in range(10):
        page.mouse.wheel(0, -2)
    expect(scale).to_have_text("132 %")

    before = middle()
    page.mouse.down()
    page.mouse.move(x + 100, y - 20, steps=5)
    page.mouse.up()
    moved = middle()
    assert moved[:2] == pytest.approx((before[0] + 40, before[1] + 20), abs=1)
    page.mouse.move(x - 200, y + 100)
    assert middle() == moved  # it was let go

    page.keyboard.press("0")
    devtools = page.context.new_cdp_session(page)
    for kind, apart in (("touchStart", 50), ("touchMove", 75), ("touchMove", 100), ("touchEnd", 0)):
        points = [{"x": x + side * apart, "y": y, "id": side + 1} for side in (-1, 1) if apart]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    expect(scale).to_have_text("200 %")
    assert middle() == pytest.approx((x, y, 2 * width), abs=2)


def test_a_study_and_the_list_are_printed_without_what_cannot_be_used_on_paper(page: Page):
    patient = page.locator(".worklist .patient a").first.inner_text()
    on_paper(page)
    for hidden in (page.get_by_role("navigation"), page.get_by_role("searchbox"), page.locator(".filters")):
        assert not any(part.is_visible() for part in hidden.all())
    expect(page.locator("tr[data-key]")).to_have_count(len(STUDIES))
    page.emulate_media(media="screen")

    opened(page)
    until(lambda: all(one.evaluate(SHOWN) for one in page.locator("main img").all()), 20, "the pictures are there")
    on_paper(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text(patient)
    for shown in (".headline", ".views img", "img.page", ".disclaimer"):
        expect(page.locator(shown).first).to_be_visible()
    for hidden in (".review", ".overlay-tools", ".tools", "nav", "button:not(:has(img))"):
        assert not any(part.is_visible() for part in page.locator(hidden).all()), hidden
    assert page.pdf().startswith(b"%PDF")
    by_whom = page.locator(".on-paper", has_text="Printed by")
    expect(by_whom).to_have_text(re.compile(r"Printed by first\.reader, .*\d{4}.*\d\d:\d\d"))


def on_paper(page: Page) -> None:
    """As it is printed: dark on white, whatever the theme, and no wider than the paper."""
    page.emulate_media(media="print")
    colours = page.evaluate("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
    assert colours == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]


def test_what_a_reader_does_survives_what_arrives(page: Page, perfuscope: Installation, tmp_path: Path):
    opened(page)
    page.get_by_label("Comment").fill("half a sentence")
    page.get_by_label("Sure", exact=True).check(force=True)
    page.locator("section.maps").get_by_label("Overlay").fill("80")
    again = dicom.datasets(cohort.simulate(2026, max(STUDIES), label=STUDIES[max(STUDIES)]))[-1]
    again.SOPInstanceUID += ".7"
    objects = page.locator(".objects tbody tr").count()
    perfuscope.push([again], tmp_path)
    expect(page.locator(".objects tbody tr")).to_have_count(objects + 1, timeout=20_000)
    expect(page.get_by_label("Comment")).to_have_value("half a sentence")
    expect(page.get_by_label("Sure", exact=True)).to_be_checked()
    assert page.evaluate("document.querySelector('.over').style.opacity") == "0.8"


def test_a_half_written_review_stays_when_a_newer_revision_comes_and_is_of_the_one_that_was_read(
    page: Page, perfuscope: Installation
):
    opened(page)
    study = page.url.rpartition("/")[2].partition("?")[0]
    before = int(page.locator("#result").inner_text().rpartition(" ")[2])
    review, newer = page.locator("form.review"), page.locator(".newer")
    review.get_by_role("radio", name="Normal").check(force=True)
    page.get_by_label("Comment").fill("half a sen")
    expect(newer).to_be_hidden()
    perfuscope.run("studies", "requeue", study)
    expect(page.locator("#result")).to_have_text(f"Result, revision {before + 1}", timeout=20_000, ignore_case=True)
    expect(newer).to_contain_text(f"this review is of revision {before}.")
    page.keyboard.type("tence: u r")
    until(perfuscope.completed, 90, "the newer revision is done")
    expect(page.locator(".revisions li").first).not_to_contain_text("Classifying", timeout=20_000, ignore_case=True)
    page.keyboard.type(" too")
    expect(page.get_by_label("Comment")).to_have_value("half a sentence: u r too")
    expect(review.get_by_role("radio", name="Normal")).to_be_checked()
    expect(review).to_have_count(1)

    page.get_by_label("Fairly sure").check(force=True)
    page.get_by_role("button", name="Save the review").click()
    page.wait_for_url(f"**/studies/{study}?revision={before}#readers")
    expect(page.locator(".said")).to_contain_text("half a sentence: u r too")
    page.goto(f"{address(perfuscope)}/studies/{study}")
    expect(page.get_by_text("Nobody has reviewed this revision.")).to_be_visible()
    expect(page.locator("#review")).to_contain_text(f"revision {before + 1}")
    expect(newer).to_be_hidden()


def test_a_new_study_is_in_the_open_list_within_two_seconds(page: Page, perfuscope: Installation, tmp_path: Path):
    page.locator(".worklist .patient a").last.focus()
    before = page.locator("tr[data-key]").count()
    one = dicom.datasets(cohort.simulate(2031, before, label=Label.NORMAL))[:1]
    perfuscope.push(one, tmp_path)
    expect(page.locator("tr[data-key]")).to_have_count(before + 1, timeout=2000)
    assert page.evaluate("document.activeElement.closest('tr').rowIndex") == before + 1


def test_two_readers_disagree_and_both_are_shown(page: Page, browser: Browser, perfuscope: Installation):
    page.goto(address(perfuscope) + "/?sort=oldest")
    opened(page)
    page.keyboard.press("r")
    page.get_by_role("radio", name="Infarction").last.check(force=True)
    page.get_by_label("Fairly sure").check(force=True)
    page.get_by_label("Comment").fill("<b>fixed</b> at the apex")
    page.get_by_role("button", name="Save the review").click()
    expect(page.locator(".standing")).to_contain_text("Another label")
    expect(page.locator(".said")).to_contain_text("<b>fixed</b> at the apex")
    expect(page.get_by_role("heading", name="Review again")).to_be_visible()

    second = context_of(browser, perfuscope, "second.reader")
    theirs = second.new_page()
    theirs.goto(page.url.partition("#")[0])
    theirs.locator(".review").get_by_role("radio", name="Normal").check(force=True)
    theirs.get_by_label("Sure", exact=True).check(force=True)
    theirs.get_by_role("button", name="Save the review").click()
    expect(theirs.locator(".standing")).to_contain_text("Readers disagree")
    expect(page.locator(".standing")).to_contain_text("Readers disagree", timeout=5000)  # the first page learns of it
    second.close()
    page.goto(address(perfuscope) + "/")
    expect(page.locator("tr[data-key] .standing")).to_contain_text("Readers disagree")


def test_what_a_reader_writes_in_one_window_is_kept_beside_what_they_sent_from_another(
    page: Page, perfuscope: Installation
):
    page.goto(address(perfuscope) + "/?sort=oldest")
    opened(page, 1)
    other = page.context.new_page()
    other.goto(page.url)
    review = page.locator("form.review")
    review.get_by_role("radio", name="Infarction").check(force=True)
    page.get_by_label("Comment").fill("a second thought")
    theirs = other.locator("form.review")
    theirs.get_by_role("radio", name="Ischemia").check(force=True)
    theirs.get_by_label("Sure", exact=True).check(force=True)
    theirs.get_by_role("button", name="Save the review").click()
    other.wait_for_url("**#readers")
    expect(page.get_by_role("heading", name="Review again")).to_be_visible(timeout=5000)
    page.get_by_label("Fairly sure").check(force=True)
    review.get_by_role("button", name="Save the review").click()
    page.wait_for_url("**#readers")
    expect(page.locator(".said")).to_contain_text("a second thought")


def test_a_review_by_a_form_that_another_window_has_used_comes_back_as_it_was_written(
    page: Page, perfuscope: Installation
):
    page.goto(address(perfuscope) + "/?sort=oldest")
    opened(page, 2)
    other = page.context.new_page()
    other.route(re.compile("seen=.*|/events"), lambda route: route.abort())  # it learns nothing of the first one
    other.goto(page.url)
    for window, label, comment in ((page, "Ischemia", "one thing"), (other, "Normal", "another <thing>")):
        review = window.locator("form.review")
        review.get_by_role("radio", name=label).check(force=True)
        window.get_by_label("Fairly sure").check(force=True)
        window.get_by_label("Comment").fill(comment)
        with window.expect_navigation():
            review.get_by_role("button", name="Save the review").click()
    expect(other.get_by_text("You saved another review of this study from another window")).to_be_in_viewport()
    other.unroute_all()
    page.locator("form.review").get_by_role("radio", name="Infarction").check(force=True)
    page.get_by_label("Sure", exact=True).check(force=True)
    page.get_by_role("button", name="Save the review").click()
    expect(other.locator(".said")).to_contain_text("Infarction", timeout=20_000)  # which changes nothing of the form
    expect(other.get_by_label("Comment")).to_have_value("another <thing>")
    other.get_by_role("button", name="Save the review").click()
    other.wait_for_url("**#readers")
    expect(other.locator(".said")).to_contain_text("another <thing>")
    other.close()


def test_a_half_written_review_is_left_on_purpose_only_and_outlives_the_login(page: Page, perfuscope: Installation):
    page.goto(address(perfuscope) + "/?sort=oldest")
    opened(page, 2)
    comment, length = page.get_by_label("Comment"), page.locator("#length")
    review = page.locator("form.review")
    review.get_by_role("radio", name="Normal").check(force=True)
    review.get_by_label("Fairly sure").check(force=True)
    comment.fill("x" * 2007)
    expect(length).to_have_text("2007 of 2000 characters: 7 too many, nothing is cut")
    page.get_by_role("button", name="Save the review").click()
    assert "/studies/" in page.url
    assert len(comment.input_value()) == 2007
    comment.fill("a line that is too long for the place beside the result\n" * 12)
    expect(length).to_have_text("671 of 2000 characters")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.once("dialog", stay)
    page.locator("#result").click()
    page.keyboard.press("u")
    until(lambda: asked == ["beforeunload"] or page.wait_for_timeout(50), 10, "the browser asks")
    assert "/studies/" in page.url
    assert page.evaluate("[sessionStorage, localStorage].every(s => !JSON.stringify(s).includes('too long'))")

    end_logins(perfuscope, "first.reader")
    out = page.locator("#out")
    expect(out).to_be_visible(timeout=25_000)
    expect(out).to_contain_text("log in as first.reader in another tab")
    name, _, value = cookie_of(perfuscope, name="second.reader", role=Role.READER).partition("=")
    page.context.add_cookies([{"name": name, "value": value, "url": address(perfuscope)}])
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(1500)
    expect(out).to_be_visible()  # nobody saves what somebody else wrote
    name, _, value = cookie_of(perfuscope, name="first.reader", role=Role.READER).partition("=")
    page.context.add_cookies([{"name": name, "value": value, "url": address(perfuscope)}])
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(out).to_be_hidden(timeout=20_000)
    page.get_by_role("button", name="Save the review").click()
    page.wait_for_url("**#readers")
    whole = page.locator("#readers .whole")
    expect(whole).not_to_have_attribute("open", "")
    top = page.locator(".views").bounding_box()
    assert top is not None
    assert top["y"] + page.evaluate("scrollY") < 700  # the maps begin on the first screen
    whole.locator("summary").click()
    expect(whole.locator(".comment")).to_be_visible()
    expect(page.locator("#readers .comment").first).to_be_hidden()


def end_logins(perfuscope: Installation, name: str) -> None:
    """As an administrator, or the time, ends them."""
    engine = make_engine(perfuscope.owners_database)
    with Sessions(engine).write() as session:
        users.end_sessions(session, users.named(session, name).id)
    engine.dispose()


def test_an_image_is_tried_and_nothing_of_it_is_stored(page: Page, perfuscope: Installation, tmp_path: Path):
    files = write(dicom.datasets(cohort.simulate(2026, 9, label=Label.INFARCTION))[:3], tmp_path)
    before = {path for path in perfuscope.home.rglob("*") if path.is_file()}
    page.get_by_role("link", name="Try an image").click()
    expect(page.locator("#try")).to_be_visible()  # not before the script listens
    page.locator("#files").set_input_files([str(file) for file in files])
    expect(page.locator(".tried")).to_have_count(4, timeout=45_000)
    expect(page.locator(".tried .headline").first).to_be_visible()
    drawn = "c => c.width > 300 && c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v > 40)"
    until(lambda: page.locator("canvas.crop").first.evaluate(drawn), 10, "the crop is drawn")
    assert axe.violations(page) == []
    noise = [{"name": name, "mimeType": "image/png", "buffer": b"no picture"} for name in ("x.png", "y.png")]
    with page.expect_request("**/try"):
        page.locator("#files").set_input_files([str(files[0])])
    expect(page.locator("#busy")).to_contain_text(files[0].name)
    expect(page.locator(".tried")).to_have_count(0)  # what was said of others is gone with their names
    seen = page.evaluate_handle(ANSWERS)
    page.locator("#files").set_input_files(noise[:1])
    expect(page.locator("#busy")).to_contain_text("x.png")
    page.locator("#files").set_input_files(noise)  # while the others are looked at
    expect(page.get_by_text("File 2 cannot be read as an image")).to_be_visible(timeout=45_000)
    expect(page.locator("#busy")).to_be_hidden()
    assert seen.json_value() == ["1: x.png   2: y.png"]  # under no other name did anything ever stand
    after = {path for path in perfuscope.home.rglob("*") if path.is_file()}
    assert {path.suffix for path in after - before} <= {".db", ".db-wal", ".db-shm", ""}, after - before


def in_both_themes(page: Page) -> list[dict]:
    """What axe finds on the page as it is, in the dark and in the light."""
    found = []
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found += axe.violations(page, again=scheme == "light")
    return found


def test_nothing_keeps_anybody_out_of_what_is_opened_on_the_pages(page: Page, perfuscope: Installation):
    page.keyboard.press("?")
    found = {"keys": in_both_themes(page)}
    page.goto(address(perfuscope) + "/?sort=oldest")
    opened(page)
    page.keyboard.press("z")
    found["large"] = in_both_themes(page)
    assert {name: said for name, said in found.items() if said} == {}
