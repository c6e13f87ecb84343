"""Windows of time against a plain account of Kapacitor's: one series, one point at a time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sentio import timewindow
from sentio.timewindow import TimeWindow
from sentio.types import SECOND

GO_ZERO = -62_135_596_800
"""Where Go's Time.Truncate counts from, in seconds since 1970."""


def plain(points, period: int, every: int, align: bool, fill: bool):
    """(index of the point, tmax, values) of each window that is emitted; all times in whole seconds."""

    def truncated(t: int) -> int:
        return t - (t - GO_ZERO) % every if align and every else t

    buffer, emitted, end = [], [], None
    for i, (t, value) in enumerate(points):
        if end is None:
            end = truncated(t + period) if fill else truncated(t + every)
            if fill and align and end <= t + period:
                end += every
        if every == 0:
            buffer.append((t, value))
            if t >= end:
                buffer = [p for p in buffer if p[0] > t - period]
                emitted.append((i, t, [v for _, v in buffer]))
                end = t
        else:
            if t >= end:
                buffer = [p for p in buffer if p[0] >= end - period]
                emitted.append((i, end, [v for _, v in buffer]))
                end = truncated(t + every)
            buffer.append((t, value))
    return [one for one in emitted if one[2]]


def ours(times, values, window: TimeWindow, cuts=(), again=None):
    """[column, values] of each window, by series; ``cuts`` are columns at which the work is put down."""
    own = timewindow.blank(len(values))
    found = [[] for _ in values]
    again = np.zeros(values.shape, bool) if again is None else again
    for first, end in itertools.pairwise([0, *cuts, len(times)]):
        part = slice(first, end)
        windows = timewindow.follow(own, window, times[part] * SECOND, values[:, part], again[:, part])
        for s, j in zip(*np.nonzero(windows.end > windows.first), strict=True):
            found[s].append((first + j, windows.line[s, windows.first[s, j] : windows.end[s, j]].tolist()))
    return found, own


def window(period: int, every: int, align: bool, fill: bool) -> TimeWindow:
    return TimeWindow(period=f"{period}s", every=f"{every}s", align=align, fill_period=fill)


CASES = [
    (*lengths, align, fill)
    for lengths in ((300, 300), (600, 60), (60, 600), (100, 0), (7, 5), (604_800, 86_400))
    for align, fill in itertools.product((False, True), repeat=2)
]


@pytest.mark.parametrize(("period", "every", "align", "fill"), CASES)
def test_they_are_kapacitors(period, every, align, fill):
    rng = np.random.default_rng(period + every)
    steps = rng.choice([1, 2, 15, max(1, every), 2 * period], 400, p=[0.4, 0.2, 0.3, 0.05, 0.05])
    times = 1_700_000_003 + np.cumsum(steps)
    values = rng.normal(size=(3, len(times)))
    values[1, rng.random(len(times)) < 0.4] = np.nan
    values[2, :50], values[2, 100:200] = np.nan, np.nan
    found, _ = ours(times, values, window(period, every, align, fill))
    in_pieces, _ = ours(times, values, window(period, every, align, fill), cuts=(1, 2, 60, 61, 250, 399))
    assert in_pieces == found
    for row, emitted in zip(values, found, strict=True):
        there = np.flatnonzero(np.isfinite(row))
        expected = plain(list(zip(times[there].tolist(), row[there].tolist(), strict=True)), period, every, align, fill)
        assert emitted == [(there[i], of) for i, _, of in expected]
        assert expected


def test_an_aligned_week_begins_on_a_monday():
    monday = 1_704_067_200  # 1 January 2024
    times = monday - 3 * 86_400 + 3600 * np.arange(200)
    found, _ = ours(times, np.arange(200.0)[None], window(604_800, 604_800, align=True, fill=False))
    assert [(times[j], len(of)) for j, of in found[0]] == [(monday, 72)]


def test_no_more_is_kept_than_a_window_to_come_may_have():
    times = 1_700_000_000 + np.arange(5000)
    for every, most in ((0, 60), (30, 60), (4000, 60)):
        _, own = ours(times, np.arange(5000.0)[None], window(60, every, align=False, fill=False), cuts=(100, 4990))
        assert own["window_times"].shape == own["window_values"].shape
        assert 0 <= own["window_times"].shape[1] <= most


def test_what_was_followed_is_not_followed_again():
    times, values = 1_700_000_000 + np.arange(20), np.arange(20.0)[None]
    again = np.zeros(values.shape, bool)
    again[0, 5:12] = True
    kept, skipped = times[~again[0]], values[:, ~again[0]]
    one, _ = ours(times, values, window(5, 5, align=False, fill=False), again=again)
    other, _ = ours(kept, skipped, window(5, 5, align=False, fill=False))
    assert [of for _, of in one[0]] == [of for _, of in other[0]]
    assert [times[j] for j, _ in one[0]] == [kept[j] for j, _ in other[0]]
