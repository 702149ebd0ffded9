"""The pages' text can be read: WCAG 2.2, 1.4.3 asks for a contrast of 4.5 to 1. A bar has its number beside it."""

import re
from pathlib import Path

import pytest

import viewer

STYLE = (Path(viewer.__file__).parent / "static" / "style.css").read_text()
DARK, LIGHT = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in STYLE.split("}")[0:2])
THEMES = {"dark": DARK, "light": DARK | LIGHT}
GROUNDS = ("ground", "card", "raised")
WORDS = ("ink", "soft", "quiet", "link", "normal", "ischemia", "infarction", "caution", "alarm", "well")


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", THEMES)
def test_every_text_stands_out_from_every_ground(theme):
    colours = THEMES[theme]
    weak = {(w, g): contrast(colours[w], colours[g]) for w in WORDS for g in GROUNDS}
    assert {pair: round(ratio, 2) for pair, ratio in weak.items() if ratio < 4.5} == {}


def test_the_theme_that_a_reader_chose_is_the_one_that_a_system_asks_for():
    chosen = dict(
        re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", STYLE.partition(':root[data-theme="light"] {')[2].partition("}")[0])
    )
    assert chosen == LIGHT


@pytest.mark.parametrize("theme", THEMES)
def test_what_can_be_pressed_and_each_bar_has_an_edge_that_is_seen(theme):
    """WCAG 2.2, 1.4.11: 3 to 1."""
    colours = THEMES[theme]
    assert min(contrast(colours["edge"], colours[g]) for g in GROUNDS) >= 3
    assert contrast(colours["on-link"], colours["link"]) >= 4.5


def test_the_light_theme_names_every_colour_of_text():
    assert set(WORDS) <= set(LIGHT)
