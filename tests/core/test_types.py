"""The nouns."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentio.state import State, merged
from sentio.types import SECOND, Panel, SeriesKey, Window, positions, stack

LABELS = st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=8), max_size=4)


def keys(*names: str) -> tuple[SeriesKey, ...]:
    return tuple(SeriesKey(name) for name in names)


def state(names: str, **arrays) -> State:
    return State(keys(*names), {name: np.array(a) for name, a in arrays.items()})


@given(st.integers(0, 2**60), st.integers(1, 10**13), st.integers(1, 10**12), st.integers(1, 500))
def test_a_window_ends_on_its_grid_and_splits_without_gap_or_double(now, length, step, points):
    length = min(length, 3000 * step)
    window = Window.ending(now, length, step)
    times = window.times()
    assert (times % step == 0).all()
    assert len(times) == len(window)
    if len(times):
        assert now - step < times[-1] <= now
        assert times[0] == times[-1] - length // step * step
    parts = [part.times() for part in window.split(points)]
    assert all(len(part) <= points for part in parts)
    np.testing.assert_array_equal(np.concatenate([*parts, []]), times)


def test_a_window_without_a_step_is_refused():
    with pytest.raises(ValueError, match=r"^window: step is 0 ns; it must be above 0$"):
        Window(0, 10, 0)


@given(st.lists(LABELS, max_size=6))
def test_a_state_keeps_whatever_labels_when_written_down(label_sets):
    series = tuple(dict.fromkeys(SeriesKey.of({"__name__": "m", **ls}) for ls in label_sets))
    before = State(
        series, {"x": np.arange(len(series) * 2.0).reshape(-1, 2), "text": np.array(["é"] * len(series), "U3")}
    )
    after = State.from_arrays(before.to_arrays())
    assert after.keys == series
    for name in before.arrays:
        np.testing.assert_array_equal(after[name], before[name])


def test_a_key_is_the_same_whatever_the_order_and_empty_labels():
    assert SeriesKey.of({"b": "2", "__name__": "m", "a": "1", "c": ""}) == SeriesKey("m", (("a", "1"), ("b", "2")))
    assert str(SeriesKey("m", (("a", 'q"\\\n'),))) == r'm{a="q\"\\\n"}'


def test_keys_share_their_texts():
    one, other = (SeriesKey.of({"".join("job"): "".join(["no", "de"]), "i": str(i)}) for i in range(2))
    assert one.labels[1][1] is other.labels[1][1]


def test_merging_puts_newer_rows_in_place_and_new_ones_after():
    both = state("ab", x=[1.0, 2.0], t=["", "u"]).merge(state("bc", x=[20.0, 30.0], t=["longer", ""]))
    assert both.keys == keys("a", "b", "c")
    assert both["x"].tolist() == [1, 20, 30]
    assert both["t"].tolist() == ["", "longer", ""]
    assert both.select(np.array([2, 0])).keys == keys("c", "a")


def test_many_are_merged_into_the_first_whatever_the_width_and_the_order():
    parts = [
        state("abc", x=[1.0, 2.0, 3.0], w=[[1], [2], [3]], t=["", "u", ""]),
        State(()),
        state("dc", x=[np.float32(40), np.float32(30)], w=[[4, 4], [3, 3]], t=["longer", ""]),
        state("e", x=[5.0], w=[[5, 5, 5]], t=["x"]),
        state("a", x=[10.0], w=[[9]], t=["é"]),
    ]
    one = merged(parts)
    assert parts == []
    assert one.keys == keys("a", "b", "c", "d", "e")
    assert one["x"].tolist() == [10, 2, 30, 40, 5]
    assert one["w"].tolist() == [[9, 0, 0], [2, 0, 0], [3, 3, 0], [4, 4, 0], [5, 5, 5]]
    assert one["t"].tolist() == ["é", "u", "", "longer", "x"]


def test_merging_holds_no_more_than_one_array_twice():
    def made(first: int, rows: int) -> State:
        series = tuple(SeriesKey(f"{i}") for i in range(first, first + rows))
        return State(series, {f"{i}": np.ones((rows, 100)) for i in range(20)})

    tracemalloc.start()
    try:
        parts = [made(100, 1000), *(made(i, 100) for i in range(0, 1000, 100))]
        before, array = tracemalloc.get_traced_memory()[0], 1100 * 100 * 8
        tracemalloc.reset_peak()
        one = merged(parts)
        more = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert more < 2 * array, "the whole has 20 of them"
    assert len(one.keys) == 1100
    assert all((a == 1).all() for a in one.arrays.values())


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: state("ab", x=[1.0]), "state: array x has 1 rows; 2 are expected"),
        (lambda: state("a", x=[object()]), "state: array x holds objects; a state is plain numbers and text"),
        (lambda: state("a", x=[1]).merge(state("b", y=[1])), "state: they hold different arrays; states of one detector are expected"),  # noqa: E501 # the whole text
        (lambda: Panel(keys("a"), np.arange(3), np.zeros((1, 2))), "panel: values have the shape (1, 2); 1 series × 3 times are expected"),  # noqa: E501 # the whole text
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(make, text):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 # the whole text is compared below
        make()
    assert str(caught.value) == text


def test_panels_are_stacked_over_time_with_gaps_where_a_series_is_absent():
    first = Panel(keys("a", "b"), np.array([1, 2]) * SECOND, np.array([[1.0, 2], [3, 4]]))
    second = Panel(keys("b", "c"), np.array([3]) * SECOND, np.array([[5.0], [6.0]]))
    both = stack([first, second])
    assert both.keys == keys("a", "b", "c")
    np.testing.assert_array_equal(both.values, [[1, 2, np.nan], [3, 4, 5], [np.nan, np.nan, 6]])
    assert both.onto(keys("c", "x")).values[:, 2].tolist()[0] == 6
    assert np.isnan(both.onto(keys("x")).values).all()
    assert positions(keys("b", "x"), both.keys).tolist() == [1, -1]
