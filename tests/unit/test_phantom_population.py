"""Populations: how hard the simulated patients are, what readers make of them, and that each is always the same."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from sizes import WHOLE, size
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from cli.main import app
from cli.simulate import PopulationName
from core.errors import PerfuscopeError
from core.types import LABELS, Label, View
from dicom_node import layouts
from training.phantom import oracle
from training.phantom.cohort import TRUTH, simulate, write_cohort
from training.phantom.dicom import datasets
from training.phantom.examination import examine, examined
from training.phantom.labels import ORIGINAL, ORIGINAL_PATIENTS, original_label
from training.phantom.limits import total_perfusion_deficit
from training.phantom.population import CLEAR, DEFAULT, ELSEWHERE, POPULATIONS, named
from training.phantom.subject import draw_subject, measure_stress_tpd, measure_tpd, perfusion

HARD = (0.83, 0.92) if WHOLE else (0.80, 0.95)
"""Where the AUC of a threshold on the stress TPD must lie for the seed below: normal against abnormal, mixed labels.

The aim is 0.85 to 0.90 over all seeds (tests/evidence/calibration.py: on more). Of one seed, 200 patients have
an AUC with a standard deviation of 0.026 about it, so that a tighter band would test the seed and not the simulator. It
keeps out the simulator before (0.98) and a setting that was tried and was too hard (0.82); 60 patients only the former.
"""


def test_a_tpd_threshold_tells_normal_from_abnormal_as_well_as_it_was_calibrated_to() -> None:
    subjects = [draw_subject(404, index) for index in range(size(201, 60))]
    abnormal = [subject.label is not Label.NORMAL for subject in subjects]
    assert HARD[0] < roc_auc_score(abnormal, [measure_stress_tpd(subject) for subject in subjects]) < HARD[1]


def test_what_the_oracle_knows_is_worth_more_than_tpd_and_only_readers_disagree_with_it() -> None:
    subjects = [draw_subject(405, index) for index in range(600)]
    abnormal = [subject.label is not Label.NORMAL for subject in subjects]
    assert 0.94 < roc_auc_score(abnormal, [oracle.disease_score(subject) for subject in subjects]) < 0.99
    assert all(oracle.disease_answer(subject) is subject.true_label for subject in subjects)
    agreed = np.mean([subject.label is subject.true_label for subject in subjects])
    assert 0.88 < agreed < 0.95


def test_the_oracles_probabilities_are_those_of_the_readers() -> None:
    normal, ill = (examine(1, 2, label=label, population=CLEAR) for label in (Label.NORMAL, Label.INFARCTION))
    assert oracle.probabilities(normal) == pytest.approx([1, 0, 0])
    doubted = replace(ill, population=DEFAULT)
    readers = DEFAULT.readers
    given = np.array([0.2 * readers.missed, readers.confused, 1 - readers.imagined - readers.confused])
    assert oracle.probabilities(doubted) == pytest.approx(given / given.sum())
    rare = oracle.probabilities(doubted, shares={Label.NORMAL: 0.72, Label.ISCHEMIA: 0.23, Label.INFARCTION: 0.05})
    assert rare[2] < given[2] / given.sum()


def test_without_noise_and_disturbances_a_healthy_patient_has_hardly_any_deficit_and_an_ill_one_has() -> None:
    assert max(oracle.quiet_tpd(draw_subject(8, k, label=Label.NORMAL, population=CLEAR))[0] for k in range(4)) < 1
    stress, rest = oracle.quiet_tpd(draw_subject(8, 1, label=Label.ISCHEMIA, population=CLEAR))
    assert stress > 2 > 1 > rest


def test_tpd_without_gated_images_is_the_tpd_of_the_examination() -> None:
    subject = draw_subject(9, 4)
    study = examined(subject)
    assert measure_tpd(subject) == (study.stress.tpd_percent, study.rest.tpd_percent)
    assert measure_stress_tpd(subject) == study.stress.tpd_percent


@pytest.mark.parametrize("population", POPULATIONS.values(), ids=POPULATIONS)
def test_the_same_patient_again_is_the_same_to_the_last_pixel(population) -> None:
    one, again = (simulate(12, 7, population=population) for _ in range(2))
    assert one.truth == again.truth
    assert all(np.array_equal(one.screens[view], again.screens[view]) for view in View)
    assert one.page.name in population.layouts
    for view, pixels in one.screens.items():
        assert layouts.recognise(pixels, layouts.shipped()).view is view


def test_populations_share_no_patient() -> None:
    patients = [simulate(12, 7, population=population) for population in POPULATIONS.values()]
    for told in ("patient_id", "accession_number"):
        assert len({getattr(patient.identity, told) for patient in patients}) == len(POPULATIONS)
    assert len({patient.examination.ventricle for patient in patients}) == len(POPULATIONS)
    assert len({ds.SOPInstanceUID for patient in patients for ds in datasets(patient)}) == 4 * len(POPULATIONS)


def test_populations_have_names_that_the_command_knows() -> None:
    assert [choice.value for choice in PopulationName] == list(POPULATIONS)
    assert named("elsewhere") is ELSEWHERE
    with pytest.raises(PerfuscopeError, match="there are default, elsewhere, clear"):
        named("mine")


def test_readers_differ_as_often_as_the_population_says_and_never_about_the_clear_cut() -> None:
    subjects = [draw_subject(21, index) for index in range(1200)]
    for label in Label:
        differ = np.mean([s.true_label is not label for s in subjects if s.label is label])
        expected = {Label.NORMAL: DEFAULT.readers.missed}.get(
            label, DEFAULT.readers.imagined + DEFAULT.readers.confused
        )
        assert abs(differ - expected) < 0.035
    missed = [s for s in subjects if s.label is Label.NORMAL and s.defects]
    found = [s for s in subjects if s.label is not Label.NORMAL and s.defects]
    assert np.mean([oracle.disease_score(s) for s in missed]) < 0.4 * np.mean([oracle.disease_score(s) for s in found])
    clear = [draw_subject(21, index, population=CLEAR) for index in range(60)]
    assert all(s.true_label is s.label for s in clear)


def test_every_disturbance_of_the_default_population_occurs_and_shifts_between_stress_and_rest() -> None:
    subjects = [draw_subject(22, index) for index in range(400)]
    pairs = [subject.acquisitions for subject in subjects]
    camera, body = DEFAULT.camera, DEFAULT.body
    taken = [one for pair in pairs for one in pair]
    assert abs(np.mean([one.moved_share > 0 for one in taken]) - camera.motion_share) < 0.05
    assert abs(np.mean([one.gut >= camera.hot_gut[0] for one in taken]) - np.mean(camera.gut_share)) < 0.05
    assert abs(np.mean([one.misregistered > 0 for one in taken]) - body.misregistered_share) < 0.05
    assert np.median([abs(stress.breast_degrees - rest.breast_degrees) for stress, rest in pairs]) > 8
    assert all(stress.breast != rest.breast and stress.diaphragm != rest.diaphragm for stress, rest in pairs)
    assert 0.05 < np.mean([subject.ventricle.radius_mm < 22.5 for subject in subjects]) < 0.3
    balanced = [s for s in subjects if len(s.defects) == 3]
    assert 2 < len(balanced) < 25
    assert all(s.true_label is Label.ISCHEMIA for s in balanced)


def test_motion_and_hot_gut_raise_the_tpd_of_a_healthy_patient() -> None:
    subject = draw_subject(23, 1, label=Label.NORMAL, population=CLEAR)
    still = subject.acquisitions[0]
    moved = replace(still, motion_mm=15.0, moved_share=0.5)
    hot = replace(still, gut=1.8, gut_mm=(0.0, -49.0, 5.0))

    def tpd(taken):
        shown = perfusion(subject.ventricle, (), acquisition=taken, rng=None)
        return total_perfusion_deficit(shown, female=subject.identity.female)

    assert tpd(still) < 0.5
    assert tpd(moved) > 1.5
    assert tpd(hot) > 1.5


def test_the_original_cohort_has_the_originals_mix_in_random_order() -> None:
    labels = [original_label(3, index) for index in range(ORIGINAL_PATIENTS)]
    assert Counter(labels) == ORIGINAL == {Label.NORMAL: 63, Label.ISCHEMIA: 20, Label.INFARCTION: 4}
    assert labels != sorted(labels, key=LABELS.index)
    assert labels != [original_label(4, index) for index in range(ORIGINAL_PATIENTS)]
    with pytest.raises(PerfuscopeError, match="patients 0 to 86, not 87"):
        original_label(3, 87)


def test_a_cohort_is_written_with_its_labels_and_its_population(tmp_path) -> None:
    truth = write_cohort(tmp_path, patients=2, seed=5, labels=original_label, population=ELSEWHERE, rle=True)
    assert truth == tmp_path / TRUTH
    header, *rows = (line.split(",") for line in truth.read_text(encoding="utf-8").splitlines())
    told = [dict(zip(header, row, strict=True)) for row in rows]
    assert [row["label"] for row in told] == [original_label(5, k) for k in range(2)]
    assert {row["population"] for row in told} == {"elsewhere"}
    assert {row["patient_id"] for row in told} == {"SIM-ES5-000000", "SIM-ES5-000001"}
    assert {"seed", "index", "severity_stress", "true_label", "moved_stress_mm", "liver_rest"} <= set(header)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "say how many patients: --patients N, or --cohort original"),
        (["--cohort", "original", "--patients", "9"], "87 patients of its own; leave out --patients and --class"),
        (["--cohort", "original", "--class", "normal"], "87 patients of its own; leave out --patients and --class"),
    ],
)
def test_options_that_do_not_agree_are_refused_in_one_sentence(tmp_path, options, sentence) -> None:
    result = CliRunner().invoke(app, ["simulate", str(tmp_path / "out"), *options])
    assert result.exit_code == 2
    assert sentence in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()
