"""Which samples are left out: by hours, by times, and by what a second query says."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from sentio.exclusion import Exclusion
from sentio.hours import DAY_NAMES, Weekly, wall_clock
from sentio.types import SECOND, Panel, SeriesKey

MINUTE = 60 * SECOND
QUARTER = 15 * MINUTE
A = SeriesKey("m", (("i", "a"), ("job", "x")))
B = SeriesKey("m", (("i", "b"), ("job", "x")))
C = SeriesKey("m")


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


def span(start: str, end: str, step: int = QUARTER) -> np.ndarray:
    return np.arange(ns(start), ns(end), step, dtype=np.int64)


def left_out(exclusion: Exclusion, start: str, end: str) -> set[str]:
    """The times that are left out, as UTC."""
    times = span(start, end)
    some = times[exclusion.at(times)]
    return {datetime.fromtimestamp(t / 1e9, UTC).strftime("%a %H:%M") for t in some.tolist()}


def test_days_and_hours_begin_with_the_first_minute_and_end_before_the_last():
    found = left_out(Exclusion((Weekly(("sat",), 9 * 60, 10 * 60),)), "2026-03-02T00:00Z", "2026-03-09T00:00Z")
    assert found == {"Sat 09:00", "Sat 09:15", "Sat 09:30", "Sat 09:45"}


def test_whole_days():
    found = left_out(Exclusion((Weekly(("sat", "sun"), 0, 24 * 60),)), "2026-03-02T00:00Z", "2026-03-09T00:00Z")
    assert len(found) == 2 * 96
    assert {text[:3] for text in found} == {"Sat", "Sun"}


def test_what_goes_beyond_midnight_is_of_the_day_on_which_it_began():
    found = left_out(Exclusion((Weekly(("fri",), 23 * 60 + 30, 30),)), "2026-03-02T00:00Z", "2026-03-09T00:00Z")
    assert found == {"Fri 23:30", "Fri 23:45", "Sat 00:00", "Sat 00:15"}


@pytest.mark.parametrize(
    ("day", "first", "quarters"),
    [
        ("2026-03-28", "01:00", 8),  # winter: UTC+1
        ("2026-03-29", "01:00", 4),  # from 2:00 to 3:00 there is nothing
        ("2026-03-30", "00:00", 8),  # summer: UTC+2
        ("2026-10-25", "00:00", 12),  # 2:00 to 3:00 twice
    ],
)
def test_hours_follow_the_wall_clock_through_summer_time(day: str, first: str, quarters: int):
    exclusion = Exclusion((Weekly(DAY_NAMES, 2 * 60, 4 * 60),), timezone="Europe/Berlin")
    found = sorted(text[4:] for text in left_out(exclusion, f"{day}T00:00Z", f"{day}T23:00Z"))
    assert (found[0], len(found)) == (first, quarters)


@pytest.mark.parametrize(
    "zone", ["UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Casablanca"]
)
def test_the_wall_clock_is_that_of_the_zone(zone: str):
    times = span("2026-01-01T00:00Z", "2027-01-01T00:00Z", 7 * MINUTE + SECOND)
    wall = wall_clock(times, zone)
    for time, shown in zip(times[::50].tolist(), wall[::50].tolist(), strict=True):
        local = datetime.fromtimestamp(time // SECOND, ZoneInfo(zone)).replace(tzinfo=UTC)
        assert shown == int(local.timestamp()) * SECOND


def test_a_span_has_its_start_and_not_its_end():
    start, end = ns("2026-12-24T00:00Z"), ns("2026-12-24T00:30Z")
    times = np.array([start - 1, start, end - 1, end])
    assert Exclusion(spans=((start, end),)).at(times).tolist() == [False, True, True, False]


def test_nothing_is_no_mask():
    times = span("2026-03-02T00:00Z", "2026-03-03T00:00Z")
    assert Exclusion().mask((A, B), times) is None
    assert Exclusion((Weekly(("sun",), 0, 60),)).mask((A, B), times) is None
    assert Exclusion(when="x").mask((A,), times, Panel((C,), times, np.zeros((1, len(times))))) is None
    assert Exclusion(when="x").mask((A,), times, Panel.empty(times)) is None


def masked(*answers: tuple[SeriesKey, list[float]]) -> list[list[bool]]:
    times = np.arange(3, dtype=np.int64) * SECOND
    when = Panel(tuple(key for key, _ in answers), times, np.array([row for _, row in answers], float))
    mask = Exclusion(when="x").mask((A, B, C), times, when)
    assert mask is not None
    return mask.tolist()


NONE = [False, False, False]


def test_a_series_is_left_out_where_one_with_some_of_its_labels_is_on():
    assert masked((SeriesKey("other", (("i", "a"),)), [0, 1, np.nan])) == [[False, True, False], NONE, NONE]
    assert masked((SeriesKey("", (("job", "x"),)), [-2, 0, 0.5])) == [[True, False, True], [True, False, True], NONE]
    assert masked((SeriesKey("m", A.labels), [1, 0, 0])) == [[True, False, False], NONE, NONE]


def test_a_result_without_labels_is_about_all():
    assert masked((SeriesKey("maintenance"), [1, 0, np.nan])) == 3 * [[True, False, False]]


def test_a_result_with_a_label_that_a_series_lacks_is_not_about_it():
    other = SeriesKey("x", (("i", "a"), ("zone", "z")))
    assert masked((other, [1, 1, 1]), (SeriesKey("x", (("i", "b"),)), [1, 0, 0])) == [NONE, [True, False, False], NONE]


def test_results_add_up():
    one, other, third = SeriesKey("x", (("i", "a"),)), SeriesKey("y", (("i", "a"),)), SeriesKey("", (("job", "x"),))
    found = masked((one, [1, 0, 0]), (other, [0, 1, 0]), (third, [0, 0, 1]))
    assert found == [[True, True, True], [False, False, True], NONE]
