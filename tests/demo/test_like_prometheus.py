"""The embedded store beside a real Prometheus with the same samples: the same answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from .conftest import SPAN, T0, Api
from .test_selector import REFUSED

SELECTORS = [
    "foo",
    'foo{a="x"}',
    'foo{a!="x"}',
    'foo{a=~"e.*|g[a-z]p"}',
    'foo{a!~"x|ragged"}',
    'foo{A=""}',
    'foo{A!=""}',
    r'foo{a="q\"\\\n😀é"}',
    r"foo{a='q\x22\134\n\U0001F600\xc3\xa9',}",
    "{zone=~`.+`}",
    '{__name__=~"foo|wild",a!="gap"}',
    '{__name__!="", le="+Inf"}',
    '{__name__=~"sum|ns.*|foo"}',
    "odd",
    "wild",
    "sum",
    "ns:rule:rate5m",
    "none",
]
RANGES = [
    {"start": T0, "end": T0 + SPAN + 600, "step": "15s"},
    {"start": T0 - 100, "end": T0 + SPAN, "step": 60},
    {"start": T0 + 900, "end": T0 + 3100, "step": "1"},
    {"start": T0 + 0.5, "end": T0 + 300.75, "step": "0.25"},
    {"start": "2023-11-14T22:13:21.5Z", "end": "2023-11-15T01:13:21.123456+01:00", "step": "1m30s"},
    {"start": T0 + 3600, "end": T0 + 3600, "step": "1d"},
    {"start": T0 - 9000, "end": T0 - 1, "step": "5m"},
    {"start": T0, "end": T0 + 11_000, "step": 1},
    {"start": f"{T0}.0019", "end": f"{T0 + 900}.9996", "step": "999ms"},
]
TIMES = [T0, T0 + 7.25, T0 + 7.249, T0 + 1299, T0 + 1310.5, T0 + 3600.123, T0 + SPAN, T0 + SPAN + 900]


def in_order(result: list[dict[str, Any]]) -> list[str]:
    """Prometheus leaves the order of an instant vector open."""
    return sorted(json.dumps(row, sort_keys=True) for row in result)


@pytest.mark.parametrize("query", SELECTORS)
def test_instant_queries(embedded: Api, prometheus: Api, query: str) -> None:
    for time in TIMES:
        ours, theirs = (api.data("query", query=query, time=time) for api in (embedded, prometheus))
        assert ours["resultType"] == theirs["resultType"] == "vector"
        assert in_order(ours["result"]) == in_order(theirs["result"]), time


@pytest.mark.parametrize("query", SELECTORS)
def test_range_queries(embedded: Api, prometheus: Api, query: str) -> None:
    points = 0
    for window in RANGES:
        ours, theirs = (api.data("query_range", query=query, **window) for api in (embedded, prometheus))
        assert ours == theirs, window
        points += sum(len(row["values"]) for row in ours["result"])
    assert points > 100 or query == "none"


@pytest.mark.parametrize(
    "params",
    [
        {"match": "foo"},
        {"match": ["foo", 'foo{a="x"}', "wild"]},
        {"match": "{zone!=''}"},
        {"match": "none"},
        {"match": "foo", "start": T0, "end": T0 + SPAN},
        {"match": "foo", "end": T0 - 8000},
        {"match": "foo", "start": T0 + SPAN + 9000},
        {},
    ],
)
def test_series_labels_and_label_values(embedded: Api, prometheus: Api, params: dict[str, object]) -> None:
    paths = ["labels", *(f"label/{name}/values" for name in ("__name__", "a", "zone", "nope"))]
    for path in paths + (["series"] if params else []):
        assert embedded.data(path, **params) == prometheus.data(path, **params), path


REFUSED_BY_BOTH = [
    ("query", {"query": "foo", "time": "yesterday"}),
    ("query", {"query": "foo", "time": "2023-11-14 22:13:40Z"}),
    ("query_range", {"query": "foo", "end": T0, "step": 1}),
    ("query_range", {"query": "foo", "start": T0, "step": 1}),
    ("query_range", {"query": "foo", "start": T0, "end": T0}),
    ("query_range", {"query": "foo", "start": T0, "end": T0, "step": "abc"}),
    ("query_range", {"query": "foo", "start": T0, "end": T0, "step": "1.5s"}),
    ("query_range", {"query": "foo", "start": T0, "end": T0, "step": "-5s"}),
    ("query_range", {"query": "foo", "start": T0, "end": T0, "step": "1e30"}),
    ("query_range", {"query": "foo", "start": T0, "end": T0, "step": 0}),
    ("query_range", {"query": "foo", "start": T0, "end": T0, "step": "0s"}),
    ("query_range", {"query": "foo", "start": T0, "end": T0, "step": -1}),
    ("query_range", {"query": "foo", "start": T0, "end": T0 - 1, "step": 1}),
    ("query_range", {"query": "foo", "start": T0, "end": T0 + 11_001, "step": 1}),
    ("series", {}),
    ("series", {"match": "foo", "start": "x"}),
    ("labels", {"end": "x"}),
    ("label/a-b/values", {}),
]


@pytest.mark.parametrize(("path", "params"), REFUSED_BY_BOTH)
def test_refusals(embedded: Api, prometheus: Api, path: str, params: dict[str, object]) -> None:
    ours, theirs = embedded.get(path, **params), prometheus.get(path, **params)
    assert (ours.status_code, ours.headers["content-type"]) == (400, "application/json")
    assert (theirs.status_code, theirs.headers["content-type"]) == (400, "application/json")
    # "Invalid time value for 'time'" is said by some calls of Prometheus and not by others.
    plain = theirs.text.replace(f"Invalid time value for '{_named(theirs.text)}': ", "")
    assert ours.json() == json.loads(plain)


def _named(text: str) -> str:
    return next((name for name in ("time", "start", "end") if f"'{name}'" in text), "")


def test_what_no_promql_may_say_is_refused_at_the_same_place(embedded: Api, prometheus: Api) -> None:
    """Of the texts that both refuse; the rest is PromQL that only a real Prometheus answers."""
    both = 0
    for text, _ in REFUSED:
        ours, theirs = (api.get("query", query=text) for api in (embedded, prometheus))
        assert ours.status_code == 400
        assert ours.json().keys() == {"status", "errorType", "error"}
        if theirs.status_code == 400:
            both += 1
            place = theirs.json()["error"].split(" parse error")[0]
            assert ours.json()["error"].split(" parse error")[0] == place, text
    assert both > 30


def test_forms_are_posted(embedded: Api, prometheus: Api) -> None:
    for api in (embedded, prometheus):
        for path, form in (
            ("query", {"query": "foo", "time": T0 + 60}),
            ("query_range", {"query": "foo", "start": T0, "end": T0 + 60, "step": 5}),
            ("series", {"match[]": ["foo", "wild"]}),
            ("labels", {"match[]": "foo"}),
        ):
            # A form wins over the same name in the URL.
            posted = requests.post(f"{api.url}/api/v1/{path}?query=none", data=form, timeout=60)
            assert posted.status_code == 200, posted.text
            asked = {k.removesuffix("[]"): v for k, v in form.items()}
            assert posted.json()["data"] == api.data(path, **asked)
        for page in ("/-/healthy", "/-/ready", "/"):
            assert requests.get(api.url + page, timeout=60).ok
