"""Durations and sizes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentio.config.durations import (
    MILLISECOND,
    format_duration,
    format_size,
    parse_delay,
    parse_duration,
    parse_size,
)
from sentio.config.listen import parse_listen
from sentio.types import SECOND

DAY = 86_400 * SECOND
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what a container listens on


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("1ms", MILLISECOND),
        ("500ms", SECOND // 2),
        ("15s", 15 * SECOND),
        ("5m", 300 * SECOND),
        ("1h30m", 5400 * SECOND),
        ("14d", 14 * DAY),
        ("1w", 7 * DAY),
        ("1y", 365 * DAY),
        ("1y2w3d4h5m6s7ms", (365 + 14 + 3) * DAY + 14_706 * SECOND + 7 * MILLISECOND),
        ("90m", 5400 * SECOND),
        ("100y", 36_500 * DAY),
    ],
)
def test_a_duration(text: str, length: int) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        (15, "is 15"),
        (1.5, "is 1.5"),
        (0, "is 0"),
        (True, "is true"),
        (None, "is empty"),
        ([], "is a list"),
        ("", 'is ""'),
        ("15", 'is "15"'),
        ("1.5h", 'is "1.5h"'),
        ("30m1h", 'is "30m1h"'),
        ("1h1h", 'is "1h1h"'),
        ("-5m", 'is "-5m"'),
        (" 5m", 'is " 5m"'),
        ("5 m", 'is "5 m"'),
        ("5M", 'is "5M"'),
        ("5m\n", r'is "5m\n"'),
        ("٥m", 'is "٥m"'),
        ("5µs", 'is "5µs"'),
        ("9" * 6000 + "s", 'is "' + "9" * 59 + '…"'),
    ],
)
def test_no_duration(value: object, wrong: str) -> None:
    with pytest.raises(ValueError, match="duration") as refused:
        parse_duration(value)
    assert str(refused.value) == f"{wrong}; a duration such as 15s, 5m or 14d is expected"


def test_zero_and_too_long() -> None:
    assert parse_delay("0s") == 0
    with pytest.raises(ValueError, match=r'^is "0s"; a duration above 0, such as 15s, 5m or 14d, is expected$'):
        parse_duration("0s")
    with pytest.raises(ValueError, match=r'^is "101y"; a duration of at most 100y is expected$'):
        parse_duration("101y")


@given(st.integers(0, 100 * 365 * 86_400_000))
def test_duration_round_trip(milliseconds: int) -> None:
    length = milliseconds * MILLISECOND
    assert parse_delay(format_duration(length)) == length


@pytest.mark.parametrize(
    ("length", "text"),
    [(0, "0s"), (5400 * SECOND, "1h30m"), (14 * DAY, "14d"), (SECOND // 2, "500ms"), (60 * SECOND, "1m")],
)
def test_a_formatted_duration(length: int, text: str) -> None:
    assert format_duration(length) == text


@pytest.mark.parametrize("length", [-SECOND, 1, MILLISECOND + 1])
def test_what_cannot_be_formatted(length: int) -> None:
    with pytest.raises(ValueError, match="whole milliseconds from 0 up are expected"):
        format_duration(length)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1B", 1), ("64MiB", 64 * 2**20), ("1GB", 10**9), ("2kB", 2000), ("2KB", 2000), ("3KiB", 3072)],
)
def test_a_size(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("value", [64, "64", "0B", "1.5GiB", "64 MiB", "64mib", "-1B", "", None])
def test_no_size(value: object) -> None:
    with pytest.raises(ValueError, match=r"; a size such as 64MiB or 1GB is expected$"):
        parse_size(value)


@given(st.integers(1, 2**50))
def test_size_round_trip(size: int) -> None:
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0.0.0.0:8000", (EVERYWHERE, 8000)),
        (":8000", (EVERYWHERE, 8000)),
        ("localhost:0", ("localhost", 0)),
        ("[::]:65535", ("::", 65535)),
    ],
)
def test_listen(text: str, address: tuple[str, int]) -> None:
    assert parse_listen(text) == address


@pytest.mark.parametrize("value", [8000, "8000", "host", "host:", "::1:8000", "a:65536", "http://a:1", "a b:1", None])
def test_no_listen(value: object) -> None:
    with pytest.raises(ValueError, match=r"; host:port such as 0\.0\.0\.0:8000 is expected$"):
        parse_listen(value)
