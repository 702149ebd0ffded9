"""Text inside kept circles is found and genuine maps are passed; the burned-in identity is held against the header."""

import json
import logging
import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest
from evidence import planted
from PIL import Image, ImageDraw, ImageFont

from core.errors import Unavailable
from core.phi import Phi
from core.types import View
from dicom_node import layouts
from dicom_node.layouts import Box, Crop
from dicom_node.prepare import screen
from dicom_node.textcheck import Engine, Outcome, Said, compare_identity, find_text, load_engine
from dicom_node.textcheck.engine import Line
from dicom_node.textcheck.spelling import alike, dates_as_printed, distance, distance_within, plain, spellings
from training.phantom.cohort import simulate
from training.phantom.identity import draw_identity
from training.phantom.lettering import Canvas

COPIES = ("marks", "raw", "lifted", "inverted", "flat")


@dataclass(frozen=True)
class Who:
    patient_name: str = "PHANTOM^OAK"
    patient_id: str = "SIM-S5-000123"
    patient_birth_date: str = "19501102"

    def __post_init__(self) -> None:
        for field, value in list(vars(self).items()):
            object.__setattr__(self, field, Phi(value))


@pytest.fixture(scope="module")
def engine() -> Engine:
    loaded = load_engine()
    assert loaded is not None
    return loaded


@pytest.fixture(scope="module")
def genuine() -> tuple[Crop, layouts.Match]:
    match, crop = screen(simulate(77, 0).screens[View.STRESS_QGS], layouts=layouts.shipped())
    return crop, match


def saying(*lines: str, right: int = 300) -> Engine:
    """A reader that has read these lines."""
    found = [
        [[[0, 20 * k], [right, 20 * k], [right, 20 * k + 15], [0, 20 * k + 15]], text, 0.95]
        for k, text in enumerate(lines)
    ]
    return Engine(name="fake", version="0", _run=lambda pixels: (found, None))


def told(*lines: str, who: Who | None = None, right: int = 300):
    pixels = np.zeros((200, 320, 3), np.uint8)
    return compare_identity(pixels, Box(0, 0, 320, 180), who or Who(), saying(*lines, right=right))


def written(crop: Crop, text: str, *, at: tuple[int, int], ink: tuple[int, int, int], size: int = 14) -> Crop:
    image = Image.new("L", crop.pixels.shape[1::-1])
    ImageDraw.Draw(image).text(at, text, font=ImageFont.load_default(size), fill=255)
    cover = np.asarray(image, np.float32)[..., None] / 255
    return replace(crop, pixels=np.clip(np.rint(crop.pixels + cover * np.array(ink)), 0, 255).astype(np.uint8))


def test_importing_the_checks_loads_no_reader():
    code = "import json, sys, dicom_node.textcheck; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = json.loads(done.stdout)
    assert [name for name in ("onnxruntime", "cv2", "rapidocr_onnxruntime") if name in loaded] == []


def test_without_the_extra_there_is_no_reader(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert load_engine() is None


def test_a_genuine_crop_has_no_text_and_the_record_says_how_it_was_looked_for(engine, genuine):
    crop, match = genuine
    said = find_text(crop, engine, allowed=(), palette=match.layout.palette)
    assert not said.found
    assert said.looked_at == COPIES
    record = json.loads(json.dumps(said.as_dict()))
    assert (record["found"], record["exact"], record["engine"]) == (False, True, "rapidocr_onnxruntime")
    assert record["engine_version"] == engine.version


def test_four_grey_levels_on_a_coloured_map_are_found_and_their_place_is_told_without_the_text(engine, genuine):
    crop, match = genuine
    said = find_text(
        written(crop, "DOE JANE", at=(100, 130), ink=(4, 4, 4)), engine, allowed=(), palette=match.layout.palette
    )
    assert said.found
    assert {place.panel for place in said.places} == {"perfusion_ed"}
    assert "DOE" not in repr(said) + json.dumps(said.as_dict())


def test_writing_that_no_latin_reader_reads_is_found_by_its_strokes(genuine):
    crop, match = genuine
    said = find_text(
        written(crop, "\u0414\u0416\u042f", at=(420, 130), ink=(200, 200, 200)),
        saying(),
        allowed=(),
        palette=match.layout.palette,
    )
    assert [place.panel for place in said.places] == ["perfusion_es"]


def test_a_caption_the_layout_allows_may_stand_there_and_nothing_beside(engine, genuine):
    crop, match = genuine
    captioned = written(crop, "ANTERIOR", at=(95, 130), ink=(255, 255, 255), size=18)
    palette = match.layout.palette
    assert not find_text(captioned, engine, allowed=("Ante rior",), palette=palette).found
    assert find_text(captioned, saying("ANTERIOR"), allowed=("LATERAL",), palette=palette).found
    named = written(captioned, "DOE JANE", at=(410, 420), ink=(255, 255, 255))
    assert find_text(named, engine, allowed=("Anterior",), palette=palette).found


def test_lines_around_segments_are_no_text(genuine):
    pixels = simulate(77, 0).screens[View.STRESS_QGS]
    _, match = genuine
    canvas = Canvas(pixels)
    for panel in match.screen.panels:
        x, y = panel.centre
        for share in (0.2, 7 / 15, 11 / 15):
            canvas.circle((x, y), panel.radius * share, colour=(138, 150, 158))
    crop = layouts.crop(canvas.pixels(), match)
    assert not find_text(crop, saying(), allowed=(), palette=match.layout.palette).found


@pytest.mark.parametrize("number", [0, 3, 4, 6, 7, 8, 9, 10])
def test_no_readable_text_is_stored_and_what_is_stored_is_the_source(engine, number):
    verdict = planted.judge(planted.case(number), engine)
    assert not verdict.leaked
    assert not verdict.undeserved
    assert verdict.same


def test_a_reader_that_breaks_is_not_the_same_as_no_text(genuine):
    def broken(pixels):
        raise RuntimeError("DOE^JANE")

    crop, match = genuine
    with pytest.raises(Unavailable, match=r"^ocr_failed$") as caught:
        find_text(crop, Engine(name="x", version="0", _run=broken), allowed=(), palette=match.layout.palette)
    assert caught.value.__cause__ is None


def test_what_was_read_stands_in_no_repr_and_no_log(engine, genuine, caplog, capfd):
    crop, _ = genuine
    with caplog.at_level(logging.DEBUG):
        lines = engine.read(written(crop, "DOE JANE", at=(20, 20), ink=(255, 255, 255), size=18).pixels)
    assert any("DOE" in line.text for line in lines)
    assert "DOE" not in repr(lines) + caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize("layout", ["qps-qgs-1280", "strips-1024"])
def test_a_screens_own_patient_agrees_and_another_one_does_not(engine, layout):
    patient = simulate(77, 0, layout=layout)
    other = draw_identity(np.random.default_rng(5), seed=77, index=5)
    box = next(known for known in layouts.shipped() if known.name == layout).identity_box
    pixels, me = patient.screens[View.QPS], patient.identity
    own = Who(me.name, me.patient_id, f"{me.birth_date:%Y%m%d}")
    assert compare_identity(pixels, box, own, engine).outcome is Outcome.AGREES
    anothers = Who(other.name, other.patient_id, f"{other.birth_date:%Y%m%d}")
    assert compare_identity(pixels, box, anothers, engine).outcome is Outcome.MISMATCH


OWN = ("PHANTOM OAK", "ID SIM-S5-000123", "Born 1950-11-02 Sex M")


def test_another_order_case_punctuation_and_date_notation_agree():
    said = told("Oak, Phantom", "Patient ID: sim s5 ooo1z3", "DOB 02.11.1950")
    assert (said.name, said.patient_id, said.birth_date) == (Said.AGREES,) * 3


def test_accents_and_umlauts_agree_as_one_letter_or_two():
    for shown in ("MUELLER RENE", "Muller Rene", "MÜLLER RENÉ"):
        assert told(shown, who=Who(patient_name="Müller^René")).name is Said.AGREES


def test_any_component_group_of_the_name_may_agree_and_other_scripts_are_not_asked():
    assert told(*OWN, who=Who(patient_name="山田^太郎=PHANTOM^OAK")).name is Said.AGREES
    assert told(*OWN, who=Who(patient_name="山田^太郎")).name is Said.NOT_ASKED


def test_a_name_longer_than_its_box_agrees_where_it_is_cut():
    who = Who(patient_name="PHANTOM^BARTHOLOMEW")
    assert told("PHANTOM BARTH", who=who, right=2 * 318).name is Said.AGREES


def test_a_sibling_with_the_same_birth_date_is_a_mismatch():
    assert told(*OWN, who=Who(patient_name="PHANTOM^WILLOW", patient_id="HOSP-99311")).outcome is Outcome.MISMATCH


def test_a_namesake_born_on_another_day_is_a_mismatch():
    assert told(*OWN, who=Who(patient_id="HOSP-99311", patient_birth_date="19320704")).outcome is Outcome.MISMATCH


def test_one_fact_that_differs_is_no_clear_mismatch():
    assert told(*OWN, who=Who(patient_id="HOSP-99311")).outcome is Outcome.AGREES
    assert told(*OWN, who=Who(patient_id="SIM-S5-000124")).patient_id is Said.UNCLEAR


def test_nothing_read_and_nothing_asked_are_unreadable():
    assert told().outcome is Outcome.UNREADABLE
    assert told("EF 63 %", "EDV 46").outcome is Outcome.UNREADABLE
    assert told(*OWN, who=Who("", "", "")).outcome is Outcome.UNREADABLE


def test_an_anonymised_header_over_pixels_that_name_a_patient_is_a_mismatch():
    assert told(*OWN, who=Who("ANON", "ANON-1", "")).outcome is Outcome.MISMATCH
    assert told(*OWN, who=Who("ANON", "", "")).outcome is Outcome.UNREADABLE


def test_a_comparison_records_codes_only():
    said = told(*OWN)
    assert said.as_dict() == {
        "outcome": "agrees",
        "name": "agrees",
        "patient_id": "agrees",
        "birth_date": "agrees",
        "engine": "fake",
        "engine_version": "0",
    }
    assert "PHANTOM" not in repr(said) + repr(Line("PHANTOM", Box(0, 0, 1, 1), 0.9))


def test_spellings_and_distances():
    assert plain("É-ø l\u0142") == "eoll"
    assert alike("iolsbz") == "101582"
    assert "mue11er" in spellings("Müller")
    assert (distance("abc", "axc"), distance("", "ab"), distance_within("bcd", "xxbdxx")) == (1, 2, 1)
    assert {"19501102", "02111950", "11021950"} <= dates_as_printed("19501102")
    assert dates_as_printed("1950") == dates_as_printed("") == set()
