"""The simulated ventricle and what is measured on it."""

from dataclasses import replace

import numpy as np
import pytest

from core.types import Label
from training.phantom import limits, polar, reference
from training.phantom.acquisition import draw_acquisitions
from training.phantom.anatomy import PATIENT_AXES, SHAPE, arc_mm, axes_mm, draw_ventricle, locate, surface, voxel_of
from training.phantom.disease import SEGMENTS, Defect, Territory, draw_defects, territory_mask
from training.phantom.examination import examine, quantify
from training.phantom.labels import mixed_label
from training.phantom.population import CLEAR

_PLACES = {Territory.LAD: (115, 0.5), Territory.LCX: (0, 0.6), Territory.RCA: (245, 0.65)}


def _defect(territory, **changes):
    theta, p = _PLACES[territory]
    defect = Defect(
        territory=territory,
        theta=np.radians(theta),
        p=p,
        half_radial=0.35,
        half_tangential=0.4,
        transmural=1.1,
        depth_stress=0.7,
        depth_rest=0.05,
        stunned_stress=0.3,
        stunned_rest=0.0,
    )
    return replace(defect, **changes)


def _quantified(defects, *, at_stress=True):
    rng = np.random.default_rng(11)
    ventricle = draw_ventricle(rng, female=False)
    stress, rest = draw_acquisitions(rng, female=False)
    quiet = replace(stress if at_stress else rest, counts=2000.0, breast=0.0, diaphragm=0.0, gut=0.0)
    return quantify(ventricle, defects, acquisition=quiet, female=False, rng=np.random.default_rng(12))


@pytest.mark.parametrize("territory", list(Territory))
def test_a_defect_lowers_the_segments_of_its_artery_and_no_others(territory):
    healthy = polar.segment_means(_quantified(()).perfusion)
    ill = polar.segment_means(_quantified((_defect(territory),)).perfusion)
    lost = healthy - ill
    inside = [k - 1 for k in SEGMENTS[territory]]
    outside = [k for k in range(17) if k not in inside]
    assert lost[inside].max() > 0.3
    assert lost[inside].mean() > 0.12
    assert np.abs(lost[outside]).max() < 0.09


def test_ischemia_recovers_at_rest():
    defects = (_defect(Territory.LAD),)
    stress, rest = _quantified(defects), _quantified(defects, at_stress=False)
    assert stress.tpd_percent > 5
    assert rest.tpd_percent < 1.5
    assert stress.scores.sum() > 4 > rest.scores.sum()


def test_infarction_stays_at_rest_and_the_wall_hardly_moves():
    defects = (_defect(Territory.LAD, depth_rest=0.68, stunned_stress=1.0, stunned_rest=1.0),)
    healthy, stress, rest = _quantified(()), _quantified(defects), _quantified(defects, at_stress=False)
    assert rest.tpd_percent > 0.7 * stress.tpd_percent > 3
    assert rest.gated.ef_percent < healthy.gated.ef_percent - 5
    middle = [6, 7]
    for measured in ("motion_mm", "thickening_percent"):
        before = polar.segment_means(getattr(healthy.gated, measured))[middle]
        after = polar.segment_means(getattr(rest.gated, measured))[middle]
        assert np.all(after < 0.6 * before), measured
    assert rest.gated.motion_extent_percent > healthy.gated.motion_extent_percent


def test_simulated_classes_differ_as_their_names_say():
    studies = {label: [examine(3, k, label=label, population=CLEAR) for k in range(6)] for label in Label}

    def tpd(label, when):
        return float(np.mean([getattr(study, when).tpd_percent for study in studies[label]]))

    assert tpd(Label.NORMAL, "stress") < 1.5
    assert tpd(Label.ISCHEMIA, "stress") > 2.5 > 1.5 > tpd(Label.ISCHEMIA, "rest")
    assert tpd(Label.INFARCTION, "stress") > 5
    assert tpd(Label.INFARCTION, "rest") > 4
    assert all(not study.defects for study in studies[Label.NORMAL])


def test_drawn_defects_have_the_reversibility_of_their_class():
    rng = np.random.default_rng(1)
    for _ in range(200):
        for doubtful in (False, True):
            ischemia, infarction = (
                draw_defects(rng, label, doubtful=doubtful) for label in (Label.ISCHEMIA, Label.INFARCTION)
            )
            assert all(d.depth_rest <= 0.6 * d.depth_stress for d in ischemia)
            assert all(d.depth_rest >= 0.72 * d.depth_stress for d in infarction)


def test_volumes_and_ejection_fraction_are_those_of_a_heart():
    for study in (examine(9, k, label=Label.NORMAL) for k in range(6)):
        for quantified in (study.stress, study.rest):
            # One heart in eight is small; of small ones programs measure high ejection fractions (partial volume).
            small = study.ventricle.radius_mm < 22.5
            smallest_ml, largest_ml = (12, 40) if small else (25, 150)
            least, most = (50, 90) if small else (25, 82)
            assert smallest_ml < quantified.gated.edv_ml < largest_ml
            assert least < quantified.gated.ef_percent < most
            assert quantified.gated.esv_ml < quantified.volume_ml < quantified.gated.edv_ml * 1.05


def test_wall_coordinates_lead_back_to_the_voxel():
    ventricle = draw_ventricle(np.random.default_rng(5), female=True)
    where = {"voxel_mm": 6.5, "centre_mm": (2.0, -3.0, 1.0)}
    wall = locate(ventricle, **where)
    on_wall = (np.abs(wall.s) < 4) & (wall.p > 0.1) & (wall.p < 0.95)
    place = surface(ventricle, wall.p[on_wall])
    r = place.r + wall.s[on_wall] * place.normal_r
    theta = wall.theta[on_wall]
    xyz = (r * np.cos(theta), r * np.sin(theta), place.z + wall.s[on_wall] * place.normal_z)
    found = voxel_of(ventricle, xyz, **where)
    expected = np.stack(np.unravel_index(wall.index[on_wall], SHAPE))
    assert np.abs(found - expected).max() < 0.5


def test_axes_are_the_inverse_of_voxels():
    ventricle = draw_ventricle(np.random.default_rng(5), female=True)
    where = {"voxel_mm": 6.5, "centre_mm": (2.0, -3.0, 1.0)}
    x, y, z = (np.broadcast_to(axis, SHAPE) for axis in axes_mm(ventricle, **where))
    assert np.allclose(voxel_of(ventricle, (x, y, z), **where), np.indices(SHAPE))


def test_the_surface_runs_from_apex_to_base():
    ventricle = draw_ventricle(np.random.default_rng(2), female=False)
    ends = surface(ventricle, np.array([0.0, 1.0]))
    assert ends.r == pytest.approx([0.0, ventricle.radius_mm])
    assert ends.z == pytest.approx([ventricle.length_mm, -ventricle.base_mm])
    assert arc_mm(ventricle) > ventricle.length_mm


def test_the_heart_axes_are_orthonormal():
    assert np.allclose(PATIENT_AXES @ PATIENT_AXES.T, np.eye(3), atol=2e-3)
    assert np.linalg.det(PATIENT_AXES) == pytest.approx(1, abs=2e-3)


def test_segments_tile_the_map_as_the_aha_numbers_them():
    at = {(0.9, 90): 1, (0.9, 150): 2, (0.9, 210): 3, (0.9, 270): 4, (0.9, 330): 5, (0.9, 30): 6, (0.6, 90): 7}
    at |= {(0.6, 30): 12, (0.3, 90): 13, (0.3, 180): 14, (0.3, 270): 15, (0.3, 0): 16, (0.1, 200): 17}
    for (p, degrees), number in at.items():
        assert polar.segment_numbers(np.array(p), np.radians(degrees)) == number
    assert polar.segment_means(np.full((polar.RINGS, polar.ANGLES), 0.4)) == pytest.approx(np.full(17, 0.4))


def test_territories_share_the_map_and_agree_with_the_segments():
    p, theta = np.meshgrid(polar.P, polar.THETA, indexing="ij")
    masks = {t: territory_mask(t, p, theta) for t in Territory}
    assert np.abs(sum(masks.values()) - 1).max() < 0.35
    for territory, mask in masks.items():
        means = polar.segment_means(mask)
        assert {int(k) + 1 for k in np.flatnonzero(means > 0.5)} == set(SEGMENTS[territory])


def test_limits_are_those_of_the_simulated_normal_population():
    for female in (True, False):
        mean, deviation = reference.derive(12, female=female)
        inner = slice(0, limits.TABLE_RINGS - 1)
        kept, limit = (values.reshape(8, 4, 12, 6).mean(axis=(1, 3)) for values in limits.normal(female=female))
        assert np.abs(mean / 1000 - kept)[inner].max() < 0.05
        assert np.abs(deviation / 1000 - (kept - limit) / 3)[inner].max() < 0.03


def test_tpd_is_nothing_at_the_mean_and_all_without_perfusion():
    mean, limit = limits.normal(female=True)
    assert limits.total_perfusion_deficit(mean, female=True) == 0
    assert limits.total_perfusion_deficit(0 * mean, female=True) == pytest.approx(100)
    assert limits.extent_percent(limit - 0.01, female=True) == pytest.approx(100)
    assert limits.segment_scores(0 * mean, female=True).sum() == 68


def test_a_mixed_cohort_holds_equal_thirds_in_random_order():
    labels = [mixed_label(4, k) for k in range(60)]
    assert all(labels.count(label) == 20 for label in Label)
    assert all(set(labels[k : k + 3]) == set(Label) for k in range(0, 60, 3))
    assert labels != [mixed_label(5, k) for k in range(60)]
