"""The decoder alone: any valid answer gives the same numbers, any other a `SourceError` that says what is wrong."""

from __future__ import annotations

import contextlib
import importlib
import json
import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentio.errors import SourceError
from sentio.sources.prometheus import stream
from sentio.sources.prometheus.decode import decode
from sentio.sources.prometheus.interning import Interning
from sentio.types import MILLISECOND, SECOND, Panel, SeriesKey, Window

module = importlib.import_module("sentio.sources.prometheus.decode")
WINDOW = Window(100 * SECOND, 120 * SECOND, 5 * SECOND)


@pytest.fixture(autouse=True, scope="module", params=[0, 1 << 40], ids=["stream first", "plain"])
def way(request: pytest.FixtureRequest) -> Iterator[None]:
    """All of it in both ways, whatever the size of an answer."""
    stream.warm()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_LARGE", request.param)
        yield


def read(body: bytes | str | object, window: Window = WINDOW, max_series: int = 100) -> Panel:
    if isinstance(body, str):
        body = body.encode()
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decode(data, window, query="m", max_series=max_series, interning=Interning())


def matrix(*result: object, **more: object) -> dict[str, object]:
    return {"status": "success", "data": {"resultType": "matrix", "result": list(result)}, **more}


def one(values: object, **labels: object) -> dict[str, object]:
    return matrix({"metric": labels, "values": values})


# Whatever is valid arrives.

names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]*", fullmatch=True)
label_sets = st.dictionaries(names, st.text(st.characters(exclude_categories=["Cs"])), max_size=4)
windows = st.builds(
    lambda first, step, count: Window(
        first * MILLISECOND, (first + step * (count - 1)) * MILLISECOND, step * MILLISECOND
    ),
    st.integers(0, 4_000_000_000_000),
    st.integers(1, 86_400_000),
    st.integers(1, 12),
)
numbers = st.floats(width=64)


def go_float(value: float) -> str:
    """As Go's ``strconv`` would: NaN, +Inf, -Inf, or the shortest digits that are read back the same."""
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"


@st.composite
def answers(draw: st.DrawFn) -> tuple[Window, list[tuple[dict[str, str], list[float | None]]]]:
    window = draw(windows)
    labels = draw(st.lists(label_sets, max_size=5, unique_by=SeriesKey.of))
    row = st.lists(st.none() | numbers, min_size=len(window), max_size=len(window))
    return window, [(own, draw(row)) for own in labels]


@given(answers(), st.booleans())
def test_any_matrix_gives_the_same_numbers(
    answer: tuple[Window, list[tuple[dict[str, str], list[float | None]]]], ascii_only: bool
) -> None:
    window, rows = answer
    times = (window.times() // MILLISECOND).tolist()
    result = [
        {"metric": own, "values": [[ms / 1000, go_float(v)] for ms, v in zip(times, row, strict=True) if v is not None]}
        for own, row in rows
    ]
    panel = read(json.dumps(matrix(*result), ensure_ascii=ascii_only), window)
    assert panel.keys == tuple(SeriesKey.of(own) for own, _ in rows)
    assert panel.times.tolist() == window.times().tolist()
    expected = [[v if v is not None and math.isfinite(v) else math.nan for v in row] for _, row in rows]
    np.testing.assert_array_equal(panel.values, np.array(expected).reshape(panel.values.shape))
    assert panel.notes.dropped == sum(v is not None and not math.isfinite(v) for _, row in rows for v in row)
    assert panel.notes.failures == ()
    assert panel.notes.partial == ""


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, st.sampled_from(["answer", "data", "result", "series", "metric", "values", "sample", "warnings"]))
def test_whatever_is_put_in_it_is_a_panel_or_a_source_error(strange: object, place: str) -> None:
    bodies = {
        "answer": strange,
        "data": {"status": "success", "data": strange},
        "result": {"status": "success", "data": {"resultType": "matrix", "result": strange}},
        "series": matrix(strange),
        "metric": matrix({"metric": strange, "values": [[100, "1"]]}),
        "values": one(strange),
        "sample": one([strange]),
        "warnings": matrix(warnings=strange),
    }
    with contextlib.suppress(SourceError):
        panel = read(bodies[place])
        assert panel.values.shape == (len(panel.keys), len(WINDOW))
        for key in panel.keys:
            str(key).encode()  # as it must be to be published


@given(st.binary(max_size=200))
def test_bytes_that_are_no_answer(body: bytes) -> None:
    with pytest.raises(SourceError):
        read(body)


# What is not valid is named.


def broken_json(size: int, why: str) -> str:
    return f"answered JSON that breaks off or is damaged after {size} bytes ({why}); a complete one is expected"


def no_series(shown: object) -> str:
    return f"series 0 of the answer is {str(shown)!r}; metric and values are expected"


def no_samples(why: str) -> str:
    return f'answered samples that cannot be read ({why}); [seconds, "number"] is expected'


def off_grid(at: str) -> str:
    times = "times from 100.000 in steps of 5 s are expected"
    return f"answered a sample at {at}, which was not asked for; {times}"


def data(kind: str, **result: object) -> dict[str, object]:
    return {"status": "success", "data": {"resultType": kind, **result}}


NUMBER = "could not convert string to float: 'x'"
TOO_LARGE = "int too large to convert to float"
NO_LABELS = {"values": []}
HALF = "\ud83d"
NOT_JSON = {
    "nothing": (b"", broken_json(0, "Expecting value: line 1 column 1 (char 0)")),
    "cut": (b'{"status"', broken_json(9, "Expecting ':' delimiter: line 1 column 10 (char 9)")),
    "html": (b"  <html>x", "answered a web page ('<html>x'…); the address of a Prometheus API is expected"),
}
BAD = {
    "a list": ([], "answered '[]'; an answer with status success is expected"),
    "an error": ({"status": "error"}, 'answered \'{"status": "error"}\'; an answer with status success is expected'),
    "no data": ({"status": "success"}, "answered no data; a matrix is expected"),
    "a vector": (data("vector", result=[]), "answered a vector; a matrix is expected"),
    "a scalar": (data("scalar", result=[1, "1"]), "answered a scalar; a matrix is expected"),
    "no result": (data("matrix"), "answered a matrix without its result; a list of series is expected"),
    "a series that is text": (matrix("x"), no_series("x")),
    "a series without labels": (matrix(NO_LABELS), no_series(NO_LABELS)),
    "labels that are a list": (matrix({"metric": []}), no_series({"metric": []})),
    "a label that is a number": (one([], a=1), no_series({"metric": {"a": 1}, "values": []})),
    "a label that is a list": (one([], a=[]), no_series({"metric": {"a": []}, "values": []})),
    "a label without a name": (one([], **{"": "x"}), no_series({"metric": {"": "x"}, "values": []})),
    "half a character": (one([], a=HALF), no_series({"metric": {"a": HALF}, "values": []})),
    "values that are a number": (one(1), no_samples("object of type 'int' has no len()")),
    "a sample that is a number": (one([1]), no_samples("'int' object is not subscriptable")),
    "a sample without a value": (one([[100]]), no_samples("list index out of range")),
    "a value that is a word": (one([[100, "x"]]), no_samples(NUMBER)),
    "a time that is a word": (one([["x", "1"]]), no_samples(NUMBER)),
    "a value of 400 digits": (one([[100, 10**400]]), no_samples(TOO_LARGE)),
    "a time of 400 digits": (one([[10**400, "1"]]), no_samples(TOO_LARGE)),
    "a time off the grid": (one([[101.5, "1"]]), off_grid("101.500")),
    "a time before the window": (one([[95, "1"]]), off_grid("95.000")),
    "a time after the window": (one([[125, "1"]]), off_grid("125.000")),
    "a time beyond all": (one([[1e300, "1"]]), off_grid(f"{1e300:.3f}")),
    "a time that is no number": (one([[math.nan, "1"]]), off_grid("nan")),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", [*NOT_JSON, *BAD])
def test_a_bad_shape_is_named(name: str) -> None:
    body, text = {**NOT_JSON, **BAD}[name]
    with pytest.raises(SourceError) as refused:
        read(body)
    assert str(refused.value) == text
    assert refused.value.reason == ("not_json" if name in NOT_JSON else "bad_answer")
    assert refused.value.permanent == (name == "html")


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_brackets_without_end(opening: str) -> None:
    with pytest.raises(
        SourceError, match=r"^answered JSON that breaks off or is damaged after \d+ bytes \(.+\); a comp"
    ):
        read(opening * 200_000)


def test_an_empty_answer() -> None:
    panel = read(matrix())
    assert panel.keys == ()
    assert panel.times.tolist() == WINDOW.times().tolist()


def test_a_series_without_samples_is_a_row_without_samples() -> None:
    panel = read(one([], a="x"))
    assert panel.keys == (SeriesKey("", (("a", "x"),)),)
    assert np.isnan(panel.values).all()


def test_an_empty_label_value_is_no_label() -> None:
    panel = read(one([[100, "1"]], __name__="m", a=""))
    assert panel.keys == (SeriesKey("m"),)


def test_what_is_beyond_max_series_is_a_failure() -> None:
    rows = [{"metric": {"i": str(i)}, "values": [[100, "1"]]} for i in range(5)]
    assert read(matrix(*rows), max_series=5).notes.failures == ()
    panel = read(matrix(*rows), max_series=4)
    assert [key.labels[0][1] for key in panel.keys] == ["0", "1", "2", "3"]
    (failure,) = panel.notes.failures
    assert str(failure.text).startswith("gives 5 series, and max_series is 4: the last 1 are left out;")
    assert failure.count == 1
    assert [f.count for f in read(matrix(*rows), max_series=2).notes.failures] == [3]


@pytest.mark.parametrize(
    ("more", "partial"),
    [
        ({}, ""),
        ({"warnings": None}, ""),
        ({"warnings": []}, ""),
        ({"warnings": ["one", "two"]}, "one; two"),
        ({"warnings": "one"}, "one"),
        ({"warnings": ['PromQL info: metric might not be a counter, name does not end in _total: "x" (1:6)']}, ""),
        ({"warnings": ['PromQL warning: bucket label "le" is missing', "7 more warning annotations omitted"]}, ""),
        ({"warnings": ["PromQL info: as it is", "store s3 is gone"]}, "store s3 is gone"),
        ({"warnings": ["PromQL info: as it is"], "isPartial": True}, "the server calls its answer partial"),
        ({"warnings": ["x" * 600]}, "x" * 500),
        ({"infos": ["metric might not be a counter"]}, ""),
        ({"isPartial": False}, ""),
        ({"isPartial": True}, "the server calls its answer partial"),
        ({"isPartial": True, "warnings": ["one"]}, "one"),
    ],
)
def test_warnings(more: dict[str, object], partial: str) -> None:
    assert read(matrix(**more)).notes.partial == partial


def test_equal_label_sets_are_one_object() -> None:
    interning = Interning()
    body = json.dumps(one([[100, "1"]], a="x")).encode()
    first, second = (decode(body, WINDOW, query="m", max_series=9, interning=interning) for _ in range(2))
    assert first.keys[0] is second.keys[0]
    interning.forget_beyond(1)
    third = decode(body, WINDOW, query="m", max_series=9, interning=interning)
    assert third.keys[0] is first.keys[0]
    interning.forget_beyond(0)
    fourth = decode(body, WINDOW, query="m", max_series=9, interning=interning)
    assert fourth.keys[0] is not first.keys[0]
