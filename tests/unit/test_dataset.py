"""Data sets: every patient with all views or a reason why not, split by patient, evenly by label."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import PerfuscopeError
from core.types import LABELS, View
from dicom_node import layouts
from models.preprocess import resize
from training import datasets
from training.datasets.crops import CACHE
from training.phantom import cohort

SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """Three simulated patients as DICOM files."""
    out = tmp_path_factory.mktemp("cohort")
    cohort.write_cohort(out, patients=3, seed=11, label=None, rle=True)
    return out


@pytest.fixture
def fresh(studies, tmp_path):
    """The same patients in a folder that a test may change; the files are links."""
    for path in studies.rglob("*"):
        there = tmp_path / path.relative_to(studies)
        if path.is_file() and path.name != CACHE:
            there.parent.mkdir(parents=True, exist_ok=True)
            there.hardlink_to(path)
    return tmp_path


def rows(folder):
    with (folder / datasets.TRUTH).open(newline="") as file:
        return list(csv.DictReader(file))


def write_truth(folder, table):
    path = folder / datasets.TRUTH
    path.unlink(missing_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, table[0].keys())
        writer.writeheader()
        writer.writerows(table)


def test_a_patient_has_his_label_and_the_crops_that_serving_makes(studies):
    data = datasets.read(studies)
    assert data.pixels.shape == (3, 3, 224, 224, 3)
    assert data.left_out == {}
    assert list(data.patients) == [row["patient_id"] for row in rows(studies)]
    assert [LABELS[i].value for i in data.labels] == [row["label"] for row in rows(studies)]
    pixels = cohort.simulate(11, 1).screens[View.STRESS_QGS]
    _, match = layouts.shipped(), layouts.recognise(pixels, layouts.shipped())
    assert (data.pixels[1, 1] == resize(layouts.crop(pixels, match).pixels)).all()
    assert data.layouts == {"qps-qgs-1280": 1}


def test_perfusion_deficits_are_read_where_the_truth_has_them(studies):
    data = datasets.read(studies)
    assert data.tpd is not None
    assert data.tpd.shape == (3, 2)
    assert data.tpd[0, 0] == pytest.approx(float(rows(studies)[0]["tpd_stress"]))


def test_only_the_simulators_own_truth_counts_as_simulated(fresh):
    assert datasets.read(fresh).source == "simulated"
    write_truth(fresh, [{"patient_id": row["patient_id"], "label": row["label"]} for row in rows(fresh)])
    data = datasets.read(fresh)
    assert data.source == "clinical"
    assert data.tpd is None


def test_the_cache_gives_the_same_and_a_changed_file_undoes_it(fresh):
    seen = []
    first = datasets.read(fresh, progress=lambda done, total: seen.append((done, total)))
    again = datasets.read(fresh, progress=lambda done, total: seen.append("read again"))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert (first.pixels == again.pixels).all()
    (fresh / first.patients[2] / "qps.dcm").unlink()
    assert datasets.read(fresh).patients == first.patients[:2]


def test_a_broken_cache_is_made_anew(fresh):
    first = datasets.read(fresh)
    (fresh / CACHE).write_bytes((fresh / CACHE).read_bytes()[:1000])
    assert (datasets.read(fresh).pixels == first.pixels).all()


def test_a_patient_without_a_view_is_left_out_and_the_view_named(fresh):
    gone = rows(fresh)[1]["patient_id"]
    (fresh / gone / "rest_qgs.dcm").unlink()
    data = datasets.read(fresh)
    assert dict(data.left_out) == {gone: "incomplete: without rest_qgs"}
    assert gone not in data.patients


def test_a_patient_with_a_view_twice_or_a_broken_file_is_left_out(fresh):
    twice, broken, _ = (row["patient_id"] for row in rows(fresh))
    (fresh / twice / "again.dcm").write_bytes((fresh / twice / "qps.dcm").read_bytes())
    (fresh / broken / "other.dcm").write_bytes(b"no DICOM at all")
    left_out = datasets.read(fresh).left_out
    assert left_out[twice].startswith("ambiguous: qps")
    assert left_out[broken].startswith("undecodable_pixels")


def test_taking_patients_keeps_everything_together(studies):
    data = datasets.read(studies)
    taken = data.take(np.array([2, 0]))
    assert taken.patients == (data.patients[2], data.patients[0])
    assert (taken.pixels[0] == data.pixels[2]).all()
    assert taken.labels.tolist() == [data.labels[2], data.labels[0]]
    assert (taken.tpd == data.tpd[[2, 0]]).all()
    assert sum(taken.counts().values()) == 2


def test_a_folder_without_truth_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(PerfuscopeError, match=r"has no truth\.csv .*it is no data set"):
        datasets.read(tmp_path)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ([{"patient": "a", "label": "normal"}], "needs the columns patient_id and label"),
        ([{"patient_id": "a", "label": "healthy"}], "line 2: label must be one of normal, ischemia, infarction"),
        ([{"patient_id": "../a", "label": "normal"}], "line 2: patient_id must be the name of a folder"),
        ([{"patient_id": "", "label": "normal"}], "line 2: patient_id must be the name of a folder"),
        ([{"patient_id": "a", "label": "normal"}] * 2, "names a patient twice"),
        ([{"patient_id": "a", "label": "normal"}], "holds no patient with all three views"),
    ],
)
def test_an_unusable_truth_is_refused_in_a_sentence(tmp_path, table, sentence):
    write_truth(tmp_path, table)
    with pytest.raises(PerfuscopeError, match=sentence):
        datasets.read(tmp_path)


@settings(max_examples=60, deadline=None)
@given(counts=st.tuples(*[st.integers(3, 60)] * 3), seed=st.integers(0, 2**32))
def test_a_split_takes_each_patient_once_and_every_label_everywhere(counts, seed):
    labels = np.repeat(np.arange(3), counts)
    parts = datasets.split(labels, **SHARES, seed=seed)
    together = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(together) == list(range(len(labels)))
    for part, share in ((parts.train, 0.6), (parts.validation, 0.2), (parts.test, 0.2)):
        found = np.bincount(labels[part], minlength=3)
        assert (found > 0).all()
        assert (np.abs(found - share * np.array(counts)) <= 2).all()


def test_a_split_is_the_same_for_the_same_seed_only():
    labels = np.repeat(np.arange(3), 20)
    first, again, other = (datasets.split(labels, **SHARES, seed=seed) for seed in (1, 1, 2))
    assert (first.train == again.train).all()
    assert (first.test == again.test).all()
    assert (first.train != other.train).any()


def test_a_share_of_zero_takes_nobody_and_too_few_patients_are_refused():
    labels = np.repeat(np.arange(3), 4)
    assert datasets.split(labels, train=0.5, validation=0.5, test=0, seed=1).test.size == 0
    with pytest.raises(PerfuscopeError, match="2 patients with normal are too few"):
        datasets.split(np.repeat(np.arange(3), 2), **SHARES, seed=1)
