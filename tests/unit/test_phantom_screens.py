"""The simulated screens: where things stand, and that they show what was measured."""

import numpy as np
import pytest

from core.types import Label, View
from training.phantom import palette, panels, polar, screens
from training.phantom.cohort import simulate
from training.phantom.rightcolumn import identity_lines

_CENTRES = {
    View.QPS: {"stress": (507, 150), "rest": (507, 465), "difference": (507, 777)},
    View.STRESS_QGS: {
        "perfusion_ed": (485, 465),
        "perfusion_es": (795, 465),
        "motion": (485, 775),
        "thickening": (795, 775),
    },
}
_CENTRES[View.REST_QGS] = _CENTRES[View.STRESS_QGS]
_EVERYONE = [(1, 0, Label.NORMAL), (1, 1, Label.ISCHEMIA), (2, 2, Label.INFARCTION)]


@pytest.fixture(scope="module")
def patients():
    return [simulate(seed, index, label=label) for seed, index, label in _EVERYONE]


def _distance(centre):
    rows, columns = np.mgrid[0 : screens.ROWS, 0 : screens.COLUMNS]
    return np.hypot(columns - centre[0], rows - centre[1])


def test_screens_have_the_size_of_a_workstation(patients):
    for patient in patients:
        assert list(patient.screens) == list(View)
        assert all(s.shape == (1024, 1280, 3) and s.dtype == np.uint8 for s in patient.screens.values())


@pytest.mark.parametrize("view", list(View))
def test_every_ring_is_exactly_grey_and_two_pixels_wide(patients, view):
    for patient in patients:
        for centre in _CENTRES[view].values():
            distance = _distance(centre)
            ring = (distance > 145) & (distance <= 147)
            assert np.all(patient.screens[view][ring] == 112)


@pytest.mark.parametrize("view", list(View))
def test_nothing_is_drawn_just_outside_a_ring(patients, view):
    for patient in patients:
        for centre in _CENTRES[view].values():
            distance = _distance(centre)
            around = patient.screens[view][(distance > 147) & (distance <= 148.2)]
            assert np.mean(np.any(around > 0, axis=1)) < 0.01


@pytest.mark.parametrize("view", list(View))
def test_the_title_box_is_the_same_on_every_screen_of_a_kind(patients, view):
    left, top, right, bottom = screens.TITLE_BOX
    boxes = [patient.screens[view][top : bottom + 1, left : right + 1] for patient in patients]
    assert boxes[0].max() > 150
    assert all(np.array_equal(box, boxes[0]) for box in boxes)


def test_the_titles_tell_the_screens_apart(patients):
    left, top, right, bottom = screens.TITLE_BOX
    boxes = [s[top : bottom + 1, left : right + 1].tobytes() for s in patients[0].screens.values()]
    assert len(set(boxes)) == 3


def test_what_varies_stays_in_its_boxes(patients):
    """Slices, maps, surfaces with their captions, and the right column: nothing else differs between patients."""
    for view in View:
        allowed = np.zeros((screens.ROWS, screens.COLUMNS), dtype=bool)
        allowed[:, :320] = allowed[:, 960:] = True
        for centre in _CENTRES[view].values():
            allowed |= _distance(centre) <= 145
        surfaces = (slice(0, 930), slice(660, 950)) if view is View.QPS else (slice(60, 280), slice(390, 910))
        allowed[surfaces] = True
        differs = np.any(patients[0].screens[view] != patients[2].screens[view], axis=2)
        assert not np.any(differs & ~allowed), view


def test_a_polar_map_can_be_read_back_from_its_colours(patients):
    table = palette.table().astype(int)
    for patient in patients:
        screen = patient.screens[View.QPS]
        for k in (3, 12, 25):
            p, theta = polar.P[k], polar.THETA[7]
            x, y = 507 + 145 * p * np.cos(theta), 150 - 145 * p * np.sin(theta)
            pixel = screen[round(y), round(x)].astype(int)
            level = int(np.abs(table - pixel).sum(axis=1).argmin())
            assert level / 255 == pytest.approx(patient.stress.perfusion[k, 7], abs=0.06)


def test_the_palette_goes_through_its_anchors():
    table = palette.table()
    assert table.shape == (256, 3)
    assert table[[0, 64, 128, 192, 255]].tolist() == [
        [0, 0, 0],
        [0, 128, 125],
        [128, 0, 255],
        [255, 128, 0],
        [255, 255, 255],
    ]


def test_the_identity_is_burned_in_at_the_top_right_only(patients, monkeypatch):
    patient = patients[0]
    lines = identity_lines(patient.identity)
    assert lines[0] == patient.identity.name
    assert patient.identity.patient_id in lines[1]
    monkeypatch.setattr("training.phantom.rightcolumn.identity_lines", lambda identity: ["", "", "", ""])
    left, top, right, bottom = screens.IDENTITY_BOX
    for view in View:
        blank = screens.draw(view, patient.examination)
        differs = np.any(blank != patient.screens[view], axis=2)
        assert differs[top:bottom, left:right].sum() > 500
        differs[top:bottom, left:right] = False
        assert not differs.any()


def test_surfaces_stay_within_their_panels():
    canvas = np.zeros((300, 300, 3), dtype=np.uint8)
    values = np.full((polar.RINGS, polar.ANGLES), 0.7)
    shape = panels.Shape(36.0, 64.0, 14.0)
    panels.paint_surface(canvas, values, shape=shape, box=(20, 20, 285, 224), mm_per_px=0.5, mesh=shape)
    assert canvas[21:223, 21:284].any()
    assert not canvas[20].any()
    assert not canvas[223].any()
    assert not canvas[:, 20].any()
