"""How the page looks: the small picture of a series, and the style."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from sentio.web.picture import picture
from sentio.web.runbook import PAGE as RUNBOOK
from sentio.web.style import STYLE


@pytest.mark.parametrize("seed", range(5))
def test_a_picture_is_sound_and_marks_what_lies_outside(seed):
    rng = np.random.default_rng(seed)
    values = np.array([rng.normal(0, 2, 60), np.zeros(60), -np.ones(60), np.ones(60)])
    values[:, rng.random(60) < 0.2] = np.nan
    values[0, rng.random(60) < 0.2] = np.nan
    drawing = ET.fromstring(picture(values))  # noqa: S314 # our own text
    assert len(drawing.findall("circle")) == int((np.abs(values[0]) > 1).sum())
    assert "nan" not in picture(values)


def test_a_sample_between_gaps_is_drawn():
    values = np.full((4, 5), np.nan)
    values[0] = [0, np.nan, 2, np.nan, np.nan]
    values[1] = [1, 1, np.nan, 2, 2]
    drawing = ET.fromstring(picture(values))  # noqa: S314 # our own text
    expected, came = (path.get("d") for path in drawing.findall("path"))
    assert came == "M0.0 33.0h.01M110.0 3.0h.01"
    assert expected == "M0.0 18.0L55.0 18.0M165.0 3.0L220.0 3.0"
    assert "stroke-linecap:round" in STYLE, "or a dot has no size"


def test_there_is_no_picture_of_nothing():
    assert picture(np.full((4, 60), np.nan)) == ""
    assert "svg" in picture(np.array([[1.0] * 60] * 4))


def test_what_is_beyond_single_precision_is_not_drawn():
    values = np.array([[1.0, np.inf, -np.inf, 9.0], [1.0] * 4, [0.0] * 4, [2.0] * 4])
    drawing = picture(values)
    assert "inf" not in drawing
    assert drawing.count("<circle") == 1


def test_nothing_is_wider_than_a_telephone():
    """Or it is cut off there: what is, as the table, moves within ``main``."""
    assert re.search(r"main\{[^}]*overflow-x:auto", STYLE)
    assert re.search(r"header\{[^}]*flex-wrap:wrap", STYLE)
    for style in (STYLE, RUNBOOK):
        assert max(map(int, re.findall(r"min(?:-width:|max\()(\d+)px", style)), default=0) <= 200
        assert not re.search(r"columns:\d+[;}]", style), "where there is no room for two there is one"
