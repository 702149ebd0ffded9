"""Layouts with rectangles and header criteria: their screens are de-identified as those of circles are."""

from dataclasses import replace

import numpy as np
import pytest

from core.errors import Rejected
from core.types import Reason, View
from dicom_node import layouts
from dicom_node.decode import decode
from dicom_node.deidentify import Key, export_object
from dicom_node.layouts import Criteria, Rectangle
from training.phantom import cohort
from training.phantom.dicom import datasets

KEY = Key(bytes(range(32)))


@pytest.fixture(scope="module")
def screen():
    return datasets(cohort.simulate(11, 3))[list(View).index(View.STRESS_QGS)]


def shipped(name="qps-qgs-1280"):
    return next(layout for layout in layouts.shipped() if layout.name == name)


def test_rectangles_and_their_frames_are_painted_too(screen):
    layout = shipped()
    views = []
    for view in layout.views:
        panels = tuple(Rectangle(panel.name, panel.core) for panel in view.panels)
        views.append(replace(view, panels=panels))
    site = replace(layout, name="site", views=tuple(views))
    framed = decode(screen).copy()
    for panel in site.views[1].panels:
        framed[panel.outline(site.ring.width)] = site.ring.colour
    source = type(screen)()
    source.update(screen)
    source.file_meta = screen.file_meta
    source.PixelData = framed.tobytes()
    out = decode(export_object(source, layouts=(site,), key=KEY).ds)
    kept = np.zeros(out.shape[:2], bool)
    for panel in site.views[1].panels:
        kept[panel.box.slices] = True
        assert (out[panel.outline(site.ring.width)] == site.ring.colour).all()
    assert np.array_equal(out[kept], framed[kept])
    assert not out[site.identity_box.slices].any()


@pytest.mark.parametrize(("keyword", "pattern"), [("ManufacturerModelName", "Phantom"), ("SeriesDescription", "QGS")])
def test_a_layout_that_asks_the_header_knows_the_de_identified_one(screen, keyword, pattern):
    site = replace(shipped(), criteria=Criteria(((keyword, pattern),)))
    assert export_object(screen, layouts=(site,), key=KEY).view == View.STRESS_QGS


def test_a_layout_whose_criteria_do_not_survive_refuses_the_object(screen):
    site = replace(shipped(), criteria=Criteria((("SeriesDescription", "^AC STRESS QGS$"),)))
    with pytest.raises(Rejected) as caught:
        export_object(screen, layouts=(site,), key=KEY)
    assert caught.value.reason == Reason.UNKNOWN_LAYOUT
