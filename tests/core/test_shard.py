"""Which series are whose: each has one owner, the parts are alike, and few move when there is one more."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentio.errors import SourceError
from sentio.shard import OwnSeries, _jump, own_part, owner
from sentio.state import State
from sentio.types import SECOND, Failure, Keys, Notes, Panel, SeriesKey, Window

MANY = tuple(
    SeriesKey("docker_cpu", (("container_name", f"c{i:05}"), ("instance", f"10.0.{i % 7}.1:9273"), ("job", "docker")))
    for i in range(20_000)
)
WINDOW = Window(0, 30 * SECOND, 15 * SECOND)
TEXTS = st.text(max_size=6)
SOME_KEY = st.builds(
    lambda name, labels: SeriesKey(name, tuple(sorted(labels.items()))), TEXTS, st.dictionaries(TEXTS, TEXTS)
)


def owners(of: int) -> np.ndarray:
    return np.array([owner(key, of) for key in MANY])


@given(SOME_KEY, st.integers(1, 500))
def test_each_has_one_owner_and_moves_only_to_the_new_one(key: SeriesKey, of: int) -> None:
    before, after = owner(key, of), owner(key, of + 1)
    assert 0 <= before < of
    assert after in (before, of)


@given(SOME_KEY, SOME_KEY)
def test_the_owner_depends_on_the_labels_alone(one: SeriesKey, other: SeriesKey) -> None:
    assert owner(one, 1) == 0
    if one == other:
        assert owner(one, 64) == owner(other, 64)


@pytest.mark.parametrize("of", [2, 3, 4, 16])
def test_the_parts_are_alike(of: int) -> None:
    share = np.bincount(owners(of), minlength=of) * of / len(MANY)
    assert share.min() > 0.92
    assert share.max() < 1.08


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_one_more_moves_one_part_and_no_more(of: int) -> None:
    moved = (owners(of) != owners(of + 1)).mean()
    assert moved == pytest.approx(1 / (of + 1), rel=0.08)


def test_label_sets_that_read_alike_are_not() -> None:
    alike = [SeriesKey("m", pairs) for pairs in ((("a", "bc"),), (("ab", "c"),), (("a", "b"), ("c", "")))]
    alike += [SeriesKey("mabc"), SeriesKey("", (("mabc", ""),))]
    assert len({tuple(owner(key, of) for of in range(2, 200)) for key in alike}) == len(alike)


def test_the_hash_never_changes() -> None:
    """With another one each series would be learned anew, by another Sentio."""
    assert [owner(key, 1000) for key in MANY[:6]] == [830, 82, 300, 68, 711, 200]
    assert owner(SeriesKey(""), 1000) == 864
    assert owner(SeriesKey("größe", (("straße", "\ud800"),)), 1000) == 665


@pytest.mark.parametrize(
    ("number", "of", "expected"),
    [(1, 1, 0), (42, 57, 43), (0xDEAD10CC, 1, 0), (0xDEAD10CC, 666, 361), (256, 1024, 520)],
)
def test_the_algorithm_is_the_papers(number: int, of: int, expected: int) -> None:
    """As other implementations of it have it."""
    assert _jump(number, of) == expected


def test_another_process_agrees() -> None:
    """Python's own hash of a text is another one in each."""
    code = "from tests.core.test_shard import owners; print(owners(16).tolist())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == str(owners(16).tolist())


class Answers:
    """A source that answers with these series, and counts."""

    def __init__(self, *answers: Keys, notes: Notes | None = None) -> None:
        self.answers, self.notes = itertools.cycle(answers), notes or Notes()

    def read(self, _query: str, window: Window) -> Panel:
        keys = next(self.answers)
        rows = np.array([[hash(k) % 1000] * len(window) for k in keys], float).reshape(len(keys), len(window))
        return Panel(keys, window.times(), rows, self.notes)


def test_every_series_is_kept_by_one_of_them_as_it_was_read() -> None:
    whole = Answers(MANY).read("q", WINDOW)
    parts = [OwnSeries(Answers(MANY), i, 4).read("q", WINDOW) for i in range(4)]
    assert sum(len(part.keys) for part in parts) == len(MANY)
    assert {key for part in parts for key in part.keys} == set(MANY)
    for i, part in enumerate(parts):
        assert {owner(key, 4) for key in part.keys} == {i}
        np.testing.assert_array_equal(part.values, whole.onto(part.keys).values)
        np.testing.assert_array_equal(part.times, whole.times)


def test_the_notes_stay_those_of_the_answer() -> None:
    notes = Notes((Failure("q", "max_series", "…", 3),), "a warning", 2, 1234)
    assert OwnSeries(Answers(MANY[:9], notes=notes), 0, 4).read("q", WINDOW).notes is notes


def test_none_may_be_left() -> None:
    alone = next(key for key in MANY if owner(key, 2) == 1)
    for keys in ((), (alone,)):
        panel = OwnSeries(Answers(keys), 0, 2).read("q", WINDOW)
        assert (panel.keys, panel.values.shape) == ((), (0, 3))


def test_an_error_goes_through() -> None:
    class Away:
        def read(self, _query: str, _window: Window) -> Panel:
            raise SourceError("away", reason="unreachable")

    with pytest.raises(SourceError, match="away"):
        OwnSeries(Away(), 0, 2).read("q", WINDOW)


def test_a_series_is_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[SeriesKey] = []
    monkeypatch.setattr("sentio.shard.owner", lambda key, of: hashed.append(key) or owner(key, of))
    source = OwnSeries(Answers(MANY[:100], MANY[:200], MANY[50:150]), 0, 4)
    panels = [source.read("q", WINDOW) for _ in range(6)]
    assert len(hashed) == 200
    assert panels[0].keys == panels[3].keys


def test_what_is_remembered_of_labels_that_keep_changing_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentio.shard._SPARE", 100)
    source = OwnSeries(Answers(*(MANY[i : i + 50] for i in range(0, 20_000, 50))), 0, 4)
    for _ in range(400):
        source.read("q", WINDOW)
        assert len(source._known) <= 100 + 5 * 50


def test_a_saved_state_is_cut_to_the_own_part() -> None:
    state = State(MANY[:1000], {"level": np.arange(1000.0), "detail": np.array([f"d{i}" for i in range(1000)])})
    parts = [own_part(state, i, 3) for i in range(3)]
    assert {key for part in parts for key in part.keys} == set(state.keys)
    assert sum(len(part.keys) for part in parts) == 1000
    for i, part in enumerate(parts):
        assert own_part(part, i, 3) is part
        rows = np.array([state.keys.index(key) for key in part.keys])
        np.testing.assert_array_equal(part["level"], rows)
        assert part["detail"].tolist() == [f"d{row}" for row in rows]
    assert own_part(State((), {}), 0, 3).keys == ()
