"""When clocks are put forward and back."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfoNotFoundError

import pytest

from sentio.hours import put_forward


def hour(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) // 3600


@pytest.mark.parametrize(
    ("timezone", "begin", "end"),
    [
        ("Europe/Berlin", "2026-03-29T01:00Z", "2026-10-25T01:00Z"),
        ("America/New_York", "2026-03-08T07:00Z", "2026-11-01T06:00Z"),
        # On the half hour: the first hour that has begun by then.
        ("America/St_Johns", "2026-03-08T06:00Z", "2026-11-01T05:00Z"),
        # A summer of the south: it ends first.
        ("Australia/Sydney", "2026-10-03T16:00Z", "2026-04-04T16:00Z"),
    ],
)
def test_clocks_are_put_forward_in_spring_and_back_in_autumn(timezone, begin, end):
    of_the_year = {
        at: by
        for at, by in put_forward(timezone).tolist()
        if hour("2026-01-01T00:00Z") <= at < hour("2027-01-01T00:00Z")
    }
    assert of_the_year == {hour(begin): 1, hour(end): -1}


def test_the_rule_of_today_goes_on():
    assert [hour("2097-03-31T01:00Z"), 1] in put_forward("Europe/Berlin").tolist()


@pytest.mark.parametrize("timezone", ["UTC", "Etc/GMT+5", "Asia/Kolkata"])
def test_a_zone_without_summer_time_has_no_change(timezone):
    assert put_forward(timezone).shape == (0, 2)


def test_half_an_hour_is_none():
    assert not {at for at, _ in put_forward("Australia/Lord_Howe").tolist() if at >= hour("2000-01-01T00:00Z")}


def test_a_country_that_has_moved_to_another_zone():
    # Samoa, across the date line: the clock of one day is as that of the day after.
    assert [hour("2011-12-30T10:00Z"), 24] in put_forward("Pacific/Apia").tolist()


def test_an_unknown_zone():
    with pytest.raises(ZoneInfoNotFoundError, match="Mars/Base"):
        put_forward("Mars/Base")
