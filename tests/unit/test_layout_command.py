"""``perfuscope layout check`` and ``new``: which layout knows a file and why, and a layout from an example."""

import json
import shutil
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from pydicom import dcmread
from typer.testing import CliRunner

from cli.main import app
from core.pixels import RgbImage
from core.types import View
from dicom_node import layouts
from dicom_node.layouts import Rectangle, outlines, writing
from dicom_node.layouts import picture as pictures
from training.phantom.cohort import SimulatedPatient, simulate
from training.phantom.dicom import write_study

CAPTIONS = {"qps-qgs-1280": "335,967,526,999", "strips-1024": "12,66,340,106"}
IDENTITY = {"qps-qgs-1280": "960,0,1280,180", "strips-1024": "0,0,1024,60"}
COLUMNS = layouts.shipped()[0]


@pytest.fixture(scope="module")
def patients() -> dict[str, SimulatedPatient]:
    return {name: simulate(21, 0, layout=name) for name in CAPTIONS}


@pytest.fixture(scope="module")
def studies(patients: dict[str, SimulatedPatient], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {name: tmp_path_factory.mktemp(name) for name in patients}
    for name, folder in folders.items():
        write_study(patients[name], folder)
    return folders


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs ``perfuscope layout`` on a home folder of its own."""
    monkeypatch.setenv("PERFUSCOPE_HOME", str(tmp_path / "home"))
    return lambda *words: CliRunner().invoke(app, ["layout", *map(str, words)])


def picture(pixels: RgbImage, path: Path) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def shifted(path: Path, target: Path) -> Path:
    ds = dcmread(path)
    ds.PixelData = np.roll(ds.pixel_array, 2, axis=1).tobytes()
    ds.save_as(target)
    return target


def started(ask: Any, studies: dict[str, Path], name: str, out: Path) -> Result:
    example = studies[name] / "qps.dcm"
    common = ("--view", "qps", "--caption", CAPTIONS[name], "--identity", IDENTITY[name])
    done: Result = ask("new", example, *common, "--name", "ours", "--out", out)
    assert done.exit_code == 0, done.output
    return done


@pytest.mark.parametrize("name", CAPTIONS)
def test_a_layout_of_all_views_is_started_from_examples(
    ask: Any, studies: dict[str, Path], name: str, tmp_path: Path
) -> None:
    out = tmp_path / "ours.toml"
    done = started(ask, studies, name, out)
    assert "still without stress_qgs, rest_qgs" in done.output
    for view in (View.STRESS_QGS, View.REST_QGS):
        file = studies[name] / f"{view}.dcm"
        done = ask("new", file, "--view", view, "--caption", CAPTIONS[name], "--add-to", out)
        assert done.exit_code == 0, done.output
    made = layouts.load(out)
    shipped = next(layout for layout in layouts.shipped() if layout.name == name)
    assert [[p.geometry for p in v.panels] for v in made.views] == [
        [p.geometry for p in v.panels] for v in shipped.views
    ]
    assert [[p.name for p in v.panels] for v in made.views] == [[p.name for p in v.panels] for v in shipped.views]
    assert (made.ring.colour, made.ring.width) == (shipped.ring.colour, shipped.ring.width)
    files = [studies[name] / f"{view}.dcm" for view in View]
    checked = json.loads(ask("check", *files, "--layout", out, "--format", "json").stdout)
    assert [(item["layout"], item["view"], item["shipped"]) for item in checked] == [
        ("ours", view, False) for view in View
    ]
    moved = [shifted(file, tmp_path / file.name) for file in files]
    done = ask("check", *moved, "--layout", out, "--format", "json")
    assert done.exit_code == 1
    assert [item["layout"] for item in json.loads(done.stdout)] == [None] * 3


def test_a_started_layout_tells_nothing_of_the_patient(ask: Any, studies: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "ours.toml"
    started(ask, studies, "qps-qgs-1280", out)
    written = out.read_text(encoding="utf-8")
    ds = dcmread(studies["qps-qgs-1280"] / "qps.dcm")
    for keyword in ("PatientName", "PatientID", "AccessionNumber", "PatientBirthDate", "StudyInstanceUID"):
        assert str(ds[keyword].value) not in written
    assert not {word for word in str(ds.PatientName).split("^") if word in written}
    assert 'Manufacturer = "^Perfuscope Simulator$"' in written
    assert r"SoftwareVersions = '^0\.1\.0$'" in written


def test_written_layouts_say_the_same_when_they_are_read() -> None:
    for layout in layouts.shipped():
        again = layouts.parse(writing.toml(layout).encode(), source="again.toml", is_shipped=True)
        assert again.views == layout.views
        assert (again.ring, again.palette, again.identity_box) == (layout.ring, layout.palette, layout.identity_box)


@pytest.mark.parametrize("words", ["plain", "it's", 'a "b" \\d', "tab\there", "\x7f", "it's \\", "\u00e9\U0001f600"])
def test_any_words_survive_in_a_layout_file(words: str) -> None:
    named = COLUMNS.__class__(**{f: getattr(COLUMNS, f) for f in COLUMNS.__slots__} | {"allowed_text": (words,)})
    assert layouts.parse(writing.toml(named).encode(), source="x.toml").allowed_text == (words,)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"--caption": "960,10,1200,40"}, "a caption's box touches the identity box"),
        ({"--caption": "900,40,940,60"}, "no bright text on a dark ground"),
        ({"--caption": "1,2,3"}, "--caption '1,2,3' must be 4 whole numbers"),
        ({"--caption": "1270,1000,1290,1010"}, "the caption's box must be left,top,right,bottom inside"),
        ({"--identity": None}, "a new layout needs --name, --out, and --identity or --no-identity"),
        ({"--identity": "500,0,1280,180"}, "panel stress would keep part of identity_box"),
        ({"--circle": "stress=507,150"}, "--circle '507,150' must be 3 whole numbers"),
        ({"--circle": "507,150,145"}, "must be a name, an equals sign and 3 whole numbers"),
        ({"--circle": "stress=507,158,145"}, "no outline of one colour"),
        ({"--circle": "stress=100,100,145"}, "do not lie inside the image"),
        ({"--view": "stress_qgs"}, "3 outlined maps were found where stress_qgs has 4"),
    ],
)
def test_what_cannot_be_a_layout_is_said_and_nothing_written(
    ask: Any, studies: dict[str, Path], changes: dict[str, str | None], sentence: str, tmp_path: Path
) -> None:
    name, out = "qps-qgs-1280", tmp_path / "ours.toml"
    options = {"--view": "qps", "--caption": CAPTIONS[name], "--identity": IDENTITY[name], "--name": "ours"} | changes
    words = [word for option, value in options.items() if value is not None for word in (option, value)]
    done = ask("new", studies[name] / "qps.dcm", *words, "--out", out)
    assert done.exit_code == 2, done.output
    assert sentence in done.output
    assert not out.exists()


def test_a_layout_file_that_is_there_is_not_overwritten(ask: Any, studies: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "ours.toml"
    started(ask, studies, "qps-qgs-1280", out)
    before = out.read_bytes()
    common = ("--view", "qps", "--caption", CAPTIONS["qps-qgs-1280"])
    done = ask("new", studies["qps-qgs-1280"] / "qps.dcm", *common, "--no-identity", "--name", "x", "--out", out)
    assert (done.exit_code, out.read_bytes()) == (2, before)
    done = ask("new", studies["qps-qgs-1280"] / "qps.dcm", *common, "--add-to", out)
    assert "view qps is there twice" in done.output
    done = ask("new", studies["strips-1024"] / "rest_qgs.dcm", *common, "--add-to", out)
    assert "ours is for 1280 x 1024 pixels, the example is not" in done.output
    assert out.read_bytes() == before


def test_a_picture_gives_a_layout_that_asks_no_header_and_says_that_it_needs_a_rank(
    ask: Any, patients: dict[str, SimulatedPatient], tmp_path: Path
) -> None:
    example = picture(patients["qps-qgs-1280"].screens[View.QPS], tmp_path / "qps.png")
    common = ("--view", "qps", "--caption", CAPTIONS["qps-qgs-1280"], "--no-identity", "--name", "ours")
    done = ask("new", example, *common, "--out", tmp_path / "a.toml")
    assert "header asked: nothing" in done.output
    assert "Before it can be in force: qps-qgs-1280 and ours have the same rank" in done.output
    assert "give one a higher rank, or one more key in [match]" in done.output
    done = ask("new", example, *common, "--out", tmp_path / "b.toml", "--rank", "1", "--scale", "1040,968,1200,980")
    assert "Before" not in done.output
    made = layouts.load(tmp_path / "b.toml")
    assert made.identity_box is None
    assert COLUMNS.palette.off(made.palette.table()) == 0  # the measured scale is the drawn one


def test_frames_are_found_where_there_are_no_rings(
    ask: Any, patients: dict[str, SimulatedPatient], tmp_path: Path
) -> None:
    pixels = patients["qps-qgs-1280"].screens[View.QPS]
    page = np.zeros((600, 900, 3), np.uint8)
    for number, panel in enumerate(COLUMNS.views[0].panels):
        left, top = 20 + 290 * number, 40 + 20 * number
        page[top - 3 : top + 273, left - 3 : left + 253] = (150, 150, 160)
        page[top : top + 270, left : left + 250] = pixels[panel.core.top : panel.core.top + 270, :][:, 400:650]
    page[500:532, 20:211] = pixels[967:999, 335:526]
    example = picture(page, tmp_path / "framed.png")
    common = ("--view", "qps", "--caption", "20,500,211,532", "--no-identity", "--name", "framed")
    done = ask("new", example, *common, "--out", tmp_path / "framed.toml")
    assert done.exit_code == 0, done.output
    panels = layouts.load(tmp_path / "framed.toml").views[0].panels
    assert [panel.name for panel in panels] == ["stress", "rest", "difference"]
    assert [panel.geometry for panel in panels if isinstance(panel, Rectangle)] == [
        (20, 40, 270, 310), (310, 60, 560, 330), (600, 80, 850, 350)
    ]  # fmt: skip
    assert ask("check", example, "--layout", tmp_path / "framed.toml").exit_code == 0


def test_circles_can_be_named_where_a_lossy_file_hides_them(
    ask: Any, patients: dict[str, SimulatedPatient], tmp_path: Path
) -> None:
    pixels = patients["strips-1024"].screens[View.QPS]
    lossy = tmp_path / "qps.jpg"
    Image.fromarray(pixels).save(lossy, quality=90)
    common = ("--view", "qps", "--caption", CAPTIONS["strips-1024"], "--no-identity", "--name", "x", "--rank", "1")
    done = ask("new", lossy, *common, "--out", tmp_path / "x.toml")
    assert "no outlined maps were found: name each with --circle" in done.output
    circles = ("--circle", "stress=168,262,128", "--circle", "rest=512,262,128", "--circle", "difference=856,262,128")
    done = ask("new", lossy, *common, *circles, "--out", tmp_path / "x.toml")
    assert done.exit_code == 0, done.output
    checked = json.loads(ask("check", lossy, "--layout", tmp_path / "x.toml", "--format", "json").stdout)
    assert checked[0]["layout"] == "x"


def test_a_blank_screen_has_no_panels() -> None:
    assert outlines.find(np.zeros((300, 300, 3), np.uint8), count=3) is None


def test_check_says_why_a_file_is_known_or_not(
    ask: Any, patients: dict[str, SimulatedPatient], studies: dict[str, Path], tmp_path: Path
) -> None:
    pixels = patients["qps-qgs-1280"].screens[View.QPS]
    known = picture(pixels, tmp_path / "known.png")
    done = ask("check", studies["qps-qgs-1280"] / "qps.dcm", known)
    assert done.exit_code == 0
    assert "known as QPS of qps-qgs-1280 version 1 (shipped)" in done.output
    assert "stress 1.00" in done.output
    assert "a picture file has none" in done.output
    grey = picture(np.repeat(pixels.max(axis=2)[..., None], 3, axis=2), tmp_path / "grey.png")
    small = picture(pixels[:900], tmp_path / "small.png")
    moved = picture(np.roll(pixels, 2, axis=0), tmp_path / "moved.png")
    done = ask("check", known, grey, small, moved, studies["qps-qgs-1280"] / "raw_nm.dcm")
    said = " ".join(done.output.split())
    assert done.exit_code == 1
    assert "its maps cannot be perfusion maps (its maps are not in colour)" in said
    assert "sizes of the layouts asked: 1024 x 1024, 1280 x 1024" in said
    assert "closest is qps of qps-qgs-1280" in said
    assert "(0.85 needed)" in said
    assert "no MPI screens (not a Secondary Capture)" in said


def test_check_answers_as_json_without_a_word_of_the_header(ask: Any, studies: dict[str, Path], tmp_path: Path) -> None:
    content = Path(layouts.__file__).with_name("qps_qgs_1280.toml").read_text(encoding="utf-8")
    own = tmp_path / "own.toml"
    asking = '[match]\nManufacturer = "^Perfuscope"\nSeriesDescription = "nobody"\n\n[ring]'
    content = content.replace('name = "qps-qgs-1280"', 'name = "own"').replace("[ring]", asking)
    own.write_text(content, encoding="utf-8")
    done = ask("check", studies["qps-qgs-1280"] / "qps.dcm", "--layout", own, "--format", "json")
    (item,) = json.loads(done.stdout)
    assert (item["layout"], item["shipped"], item["size_known"]) == ("qps-qgs-1280", True, True)
    assert item["sha256"] == COLUMNS.sha256
    ours = next(one for one in item["compared"] if (one["layout"], one["view"]) == ("own", "qps"))
    assert ours["header"] == {"Manufacturer": True, "SeriesDescription": False}
    assert (ours["agrees"], ours["outlines"]["stress"], ours["captions"][0]["score"]) == (False, 1, 1)
    assert "Simulator" not in done.stdout


def test_a_layout_to_try_takes_the_place_of_its_older_self(ask: Any, studies: dict[str, Path], tmp_path: Path) -> None:
    content = Path(layouts.__file__).with_name("qps_qgs_1280.toml").read_text(encoding="utf-8")
    old, new = tmp_path / "old.toml", tmp_path / "new.toml"
    old.write_text(content.replace('name = "qps-qgs-1280"', 'name = "own"\nrank = 1'), encoding="utf-8")
    new.write_text(old.read_text(encoding="utf-8").replace("version = 1", "version = 2"), encoding="utf-8")
    config = tmp_path / "site.toml"
    config.write_text(f"layouts = [{json.dumps(str(old))}]\n", encoding="utf-8")
    file = studies["qps-qgs-1280"] / "qps.dcm"
    for tried, version in (((), 1), (("--layout", new), 2)):
        done = ask("check", file, "--config", config, "--format", "json", *tried)
        assert [(item["layout"], item["version"]) for item in json.loads(done.stdout)] == [("own", version)]
    shutil.copy(Path(layouts.__file__).with_name("qps_qgs_1280.toml"), new)
    done = ask("check", file, "--layout", new)
    assert (done.exit_code, "two layouts are called qps-qgs-1280" in done.output) == (2, True)


@pytest.mark.parametrize("name", CAPTIONS)
def test_a_picture_shows_what_is_kept_and_nothing_else(
    ask: Any, patients: dict[str, SimulatedPatient], studies: dict[str, Path], name: str, tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    files = [studies[name] / f"{view}.dcm" for view in View]
    assert ask("check", *files, "--picture", folder).exit_code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["01-qps.png", "02-stress_qgs.png", "03-rest_qgs.png"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for number, view in enumerate(View, start=1):
        pixels = patients[name].screens[view]
        match = layouts.recognise(pixels, layouts.shipped())
        drawn = np.asarray(Image.open(folder / f"{number:02}-{view}.png"))
        other = pixels.copy()
        kept = np.zeros(pixels.shape[:2], np.bool_)
        for panel in match.screen.panels:
            kept[panel.tile.slices] |= panel.kept()[..., 0].astype(bool)
        assert np.array_equal(drawn[: len(kept)][kept], pixels[kept])
        other[~kept] = np.random.default_rng(5).integers(0, 256, other[~kept].shape, np.uint8)
        again = pictures.draw(other, match, known=True)
        assert np.array_equal(again, drawn)  # what is dropped decides nothing of the picture


def test_identity_is_shown_only_when_it_is_asked_for(
    ask: Any, patients: dict[str, SimulatedPatient], studies: dict[str, Path], tmp_path: Path
) -> None:
    file = studies["qps-qgs-1280"] / "qps.dcm"
    assert ask("check", file, "--with-identity").exit_code == 2
    assert ask("check", file, "--picture", tmp_path / "p", "--with-identity").exit_code == 0
    drawn = np.asarray(Image.open(tmp_path / "p" / "01-qps.png"))
    name = patients["qps-qgs-1280"].screens[View.QPS][8:30, 970:1100].max(axis=2) > 150
    assert name.any()
    assert np.mean(drawn[8:30, 970:1100].max(axis=2)[name] > 60) > 0.9


@pytest.mark.parametrize("kind", ["moved", "grey"])
def test_a_screen_that_is_not_known_is_drawn_without_any_of_its_pixels(
    ask: Any, patients: dict[str, SimulatedPatient], kind: str, tmp_path: Path
) -> None:
    pixels = patients["qps-qgs-1280"].screens[View.QPS]
    wrong = {"moved": np.roll(pixels, 2, axis=1), "grey": np.repeat(pixels.max(axis=2)[..., None], 3, axis=2)}[kind]
    file = picture(wrong, tmp_path / "PHANTOM_ALDER.png")
    folder = tmp_path / "p"
    assert ask("check", file, "--picture", folder).exit_code == 1
    assert [path.name for path in folder.iterdir()] == ["01-unknown.png"]
    drawn = np.asarray(Image.open(folder / "01-unknown.png"))
    assert len(np.unique(drawn[60:240, 420:590].reshape(-1, 3), axis=0)) == 2  # ground and hatching


def test_rings_are_found_around_maps_of_bright_colours_only() -> None:
    pixels = simulate(1, 0).screens[View.QPS]  # a normal patient's maps are orange and white: one channel is full
    found = outlines.find(pixels, count=3)
    assert found is not None
    assert [panel.geometry for panel in found.panels] == [p.geometry for p in COLUMNS.views[0].panels]
