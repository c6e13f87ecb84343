"""What the API does of its own; `test_like_prometheus.py` compares the rest with a real one."""

from __future__ import annotations

import numpy as np
import pytest
import requests

from sentio.demo.params import parse_duration, parse_time
from sentio.types import SECOND

from .conftest import T0, Api
from .test_selector import ADVICE

MS = SECOND // 1000


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("0", 0),
        ("1700000000.0005", 1_700_000_000_000),
        ("1700000000.9996", 1_700_000_001_000),
        ("-1.5", -1500),
        ("1.7e9", 1_700_000_000_000),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000),
        ("2023-11-14T23:13:20.1239+01:00", 1_700_000_000_123),
        ("2023-11-14T22:13:20.1Z", 1_700_000_000_100),
    ],
)
def test_times(text: str, ms: int) -> None:
    assert parse_time(text) == ms * MS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "NaN",
        "Inf",
        "1e300",
        "1_0",
        " 1",
        "2023-11-14",
        "2023-02-30T00:00:00Z",
        "2023-11-14T22:13:20",
    ],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=rf'^cannot parse "{text}" to a valid timestamp$'):
        parse_time(text)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("15s", 15_000),
        ("1h30m", 5_400_000),
        ("1y2w3d4h5m6s7ms", 31_536_000_000 + 2 * 604_800_000 + 3 * 86_400_000 + 14_706_007),
        ("0", 0),
        ("0.25", 250),
        ("-1", -1000),
    ],
)
def test_durations(text: str, ms: int) -> None:
    assert parse_duration(text) == ms * MS


@pytest.mark.parametrize("text", ["", "s", "1.5s", "30m1h", "-5s", "1 s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=rf'^cannot parse "{text}" to a valid duration$'):
        parse_duration(text)


def test_without_a_time_an_instant_query_is_of_now(embedded: Api) -> None:
    for params in ({}, {"time": ""}):
        (row,) = embedded.data("query", query='foo{a="x"}', **params)["result"]
        assert row["value"][0] == T0 + 100
        assert row == embedded.data("query", query='foo{a="x"}', time=T0 + 100)["result"][0]


def test_promql_beyond_a_selector_is_refused_with_the_way_out(embedded: Api) -> None:
    for path, prefix in (("query", "query"), ("query_range", "query"), ("series", "match[]")):
        refused = embedded.get(path, query="rate(foo[5m])", match="rate(foo[5m])", start=T0, end=T0, step=1)
        assert refused.status_code == 400
        assert refused.json() == {
            "status": "error",
            "errorType": "bad_data",
            "error": f'invalid parameter "{prefix}": 1:5: parse error: unexpected "("; {ADVICE}',
        }


def test_a_step_below_a_millisecond_is_refused(embedded: Api) -> None:
    refused = embedded.get("query_range", query="foo", start=T0, end=T0, step="0.0001")
    assert refused.status_code == 400
    assert refused.json()["error"].startswith('invalid parameter "step": zero or negative')


@pytest.mark.parametrize("text", ["%ff%00", "%F0%9F%98%80{", "foo%7Ba%3D%22%5Cxff%22%7D", "%ED%A0%80"])
def test_bytes_that_are_no_text_do_no_harm(embedded: Api, text: str) -> None:
    answer = requests.get(f"{embedded.url}/api/v1/query?query={text}", timeout=60)
    assert answer.status_code in {200, 400}
    assert answer.json()["status"] in {"success", "error"}


def test_other_addresses_are_not_there(embedded: Api) -> None:
    assert embedded.get("rules").status_code == 404
    assert requests.post(f"{embedded.url}/api/v1/label/a/values", timeout=60).status_code == 405


def test_a_full_range_answer_is_quick(embedded: Api) -> None:
    times = np.array([T0, T0 + 11_000])
    answer = embedded.get("query_range", query='{__name__=~".+"}', start=times[0], end=times[1], step=1)
    assert answer.elapsed.total_seconds() < 2
    assert sum(len(row["values"]) for row in answer.json()["data"]["result"]) > 40_000
