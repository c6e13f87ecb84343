"""Detectors of one's own in datastream.io's words: what they are told, when, and what becomes of their faults."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

import numpy as np
import pandas as pd
import pytest

from sentio import catalog
from sentio.config.adapter import DetectorBlock
from sentio.errors import ConfigError
from sentio.state import SeriesStatus
from sentio.types import ANOMALY, SCORE
from tests.configs.own.detectors import Share

from .drive import cut, flags, panel, written_down

HERE = __name__
FILE = "tests/configs/own/detectors.py"
RNG = np.random.default_rng(11)


def own(name: str, **options: object):
    """As a configuration makes it; of this module where ``name`` has no path."""
    path = name if ":" in name else f"{HERE}:{name}"
    block = DetectorBlock.of({"type": path, **options})
    return catalog.resolve("detectors", path)(block.options, None)


class Diary:
    """Tells what it was told, all instances in one place."""

    told: list[tuple[str, list[float]]] = []  # noqa: RUF012  # that is the point

    def __init__(self, offset=0.0, names=None):
        self.offset, self.names, self.taught = offset, names, []

    def _note(self, what, x):
        assert isinstance(x, pd.Series)
        assert x.dtype == np.float64
        Diary.told.append((what, x.tolist()))

    def fit(self, x):
        self._note("fit", x)
        self.taught = x.tolist()

    def update(self, x):
        self._note("update", x)
        self.taught = self.taught + x.tolist()

    def score_anomaly(self, x):
        self._note("score", x)
        # What a judgement changes is not learned.
        self.taught.append(-1e9)
        return x.to_numpy() + self.offset + len(self.taught)


@pytest.fixture
def told():
    Diary.told.clear()
    return Diary.told


def test_what_it_is_told_and_when(told):
    made = own("Diary", batch=3)
    whole = panel(np.arange(10.0))
    state = made.fit(cut(whole, 0, 4))
    assert told == [("fit", [0.0, 1.0, 2.0, 3.0])]
    told.clear()
    made.score(state, cut(whole, 4))
    assert told == [
        *(("score", [x]) for x in (4.0, 5.0, 6.0)),
        ("update", [4.0, 5.0, 6.0]),
        *(("score", [x]) for x in (7.0, 8.0, 9.0)),
    ]


def test_after_a_restart_it_is_taught_the_same_again(told):
    whole = panel(np.arange(20.0))
    state = own("Diary", batch=3).fit(cut(whole, 0, 4))
    state, _ = own("Diary", batch=3).score(state, cut(whole, 4, 12))
    told.clear()
    own("Diary", batch=3).score(written_down(state), cut(whole, 12, 13))
    assert told == [
        ("fit", [0.0, 1.0, 2.0, 3.0]),
        ("update", [4.0, 5.0, 6.0]),
        ("update", [7.0, 8.0, 9.0]),
        ("score", [12.0]),
    ]


def test_an_instance_is_taught_no_more_than_the_next_batch(told):
    made = own("Diary", batch=3)
    whole = panel(np.arange(20.0))
    state, _ = made.score(made.fit(cut(whole, 0, 4)), cut(whole, 4, 10))
    told.clear()
    made.score(state, cut(whole, 10, 11))
    assert [what for what, _ in told] == ["update", "score"]


def test_a_missing_sample_is_not_told(told):
    made = own("Diary", batch=2)
    made.score(made.fit(panel([1.0, np.nan, 2.0])), panel([np.nan, 3.0, np.inf, 4.0], start=3))
    assert told == [("fit", [1.0, 2.0]), ("score", [3.0]), ("score", [4.0])]


def test_a_long_life_is_kept_in_part(told):
    made = own("Diary", batch=10, keep=45)
    whole = panel(np.arange(300.0))
    state = made.fit(cut(whole, 0, 100))
    assert told[0] == ("fit", list(np.arange(55.0, 100.0)))
    for at in range(100, 300, 10):
        state, _ = made.score(state, cut(whole, at, at + 10))
        assert state["learned"].tolist() == [45]
        assert state["kept"].shape[1] <= 55
    told.clear()
    own("Diary", batch=10, keep=45).score(state, panel([0.0], start=300))
    assert [(what, len(x)) for what, x in told[:-1]] == [("fit", 15), ("update", 10), ("update", 10), ("update", 10)]
    assert [v for _, x in told[:-1] for v in x] == list(np.arange(255.0, 300.0))


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("keep", [45, 10_000])
def test_nothing_depends_on_what_is_remembered(keep):
    whole = panel(RNG.normal(size=130), RNG.normal(size=130))
    made = own("Diary", batch=10, keep=keep)
    state = made.fit(cut(whole, 0, 30))
    _, at_once = made.score(state, cut(whole, 30))
    parts = []
    for first in range(30, 130, 7):
        state, scores = own("Diary", batch=10, keep=keep).score(
            written_down(state), cut(whole, first, min(130, first + 7))
        )
        parts.append(scores.outputs["score"])
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), at_once.outputs["score"])
    assert len(np.unique(np.round(at_once.outputs["score"][0] - whole.values[0, 30:]))) > 2, "it has learned"


def test_the_arguments_are_those_of_the_signature():
    made = own(f"{FILE}:Band", margin=5, sides="both")
    fresh = panel([104.0, 106.0, -4.0, -6.0, 50.0], start=101)
    _, scores = made.score(made.fit(panel(np.arange(101.0))), fresh)
    assert flags(scores) == [1, 3]
    np.testing.assert_allclose(scores.outputs["score"][0], np.abs(fresh.values[0] - 50) / 55)
    one_sided = own(f"{FILE}:Band", margin=5, sides="above")
    assert flags(one_sided.score(one_sided.fit(panel(np.arange(101.0))), fresh)[1]) == [1]


def test_an_argument_that_was_not_given_is_as_the_class_has_it():
    assert own("Diary", names=["a", {"b": 1}])._options.make().names == ["a", {"b": 1}]
    assert own("Diary")._options.make().offset == 0.0


def test_a_class_without_a_flag_has_both_ends_flagged():
    made = own(f"{FILE}:Share", window=200)
    _, scores = made.score(made.fit(panel(np.arange(200.0))), panel([-1.0, 1.0, 100.0, 197.0, 198.0], start=200))
    np.testing.assert_array_equal(scores.outputs["score"][0], [0.0, 0.01, 0.505, 0.99, 0.995])
    # 0.01 is below one less 0.99 as a computer has it, as in datastream.io.
    assert flags(scores) == [0, 1, 4]
    assert scores.outputs[SCORE][0][2] < 0.02


def test_a_series_that_it_cannot_learn_fails_and_the_others_go_on():
    made = own(f"{FILE}:Fragile", batch=5)
    history = panel(np.arange(10.0), np.arange(10.0) + 5000, np.arange(10.0))
    state = made.fit(history)
    assert state["status"].tolist() == [SeriesStatus.READY, SeriesStatus.FAILED, SeriesStatus.READY]
    assert state["detail"].tolist() == ["", "Fragile.train: ValueError: too large to learn", ""]
    fresh = panel([3.0, 3.0, 3.0], [3.0, 3.0, 3.0], [3.0, 600.0, 3.0], start=10)
    state, scores = made.score(written_down(state), fresh)
    assert state["status"].tolist() == [SeriesStatus.READY, SeriesStatus.FAILED, SeriesStatus.FAILED]
    assert state["detail"][2] == "Fragile.score: KeyError: 'too large to judge'"
    assert np.isfinite(scores.outputs[ANOMALY]).tolist() == [[True] * 3, [False] * 3, [True, False, False]]
    state, scores = made.score(written_down(state), panel([3.0], [3.0], [3.0], start=13))
    assert np.isfinite(scores.outputs[ANOMALY][:, 0]).tolist() == [True, False, False]
    assert state["status"].tolist() == [SeriesStatus.READY, SeriesStatus.FAILED, SeriesStatus.FAILED]


class Several(Share):
    def score(self, _x):
        return [0.5, 0.5]


class Text(Share):
    def score(self, _x):
        return "much"


class Stops(Share):
    def score(self, _x):
        sys.exit(3)


class Calls(Share):
    def score(self, _x):
        raise asyncio.CancelledError


class Unreadable(Share):
    class Error(Exception):
        def __str__(self):
            return self.text

    def score(self, _x):
        raise self.Error


class Opens(Share):
    def score(self, _x):
        raise OSError(os.fsdecode(b"no file m\xfcll"))


class NoCopy(Share):
    def train(self, _x):
        self.lock_ = threading.Lock()


class Silent(Share):
    def score(self, _x):
        return np.nan


class Endless(Share):
    def score(self, _x):
        return np.inf


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("Several", "Several.score: gives 2 values for 1 sample; 1 is expected"),
        ("Text", "Text.score: ValueError: could not convert string to float: 'much'"),
        ("Stops", "Stops.score: SystemExit: 3"),
        ("Calls", "Calls.score: CancelledError: "),
        ("Unreadable", "Unreadable.score: Error: its text cannot be had (AttributeError)"),
        # Text that has no UTF-8 was an error of the page, for all pipelines.
        ("Opens", r"Opens.score: OSError: no file m\udcfcll"),
        ("NoCopy", "NoCopy: a copy: TypeError: cannot pickle '_thread.lock' object"),
    ],
)
def test_what_is_no_judgement(name, detail):
    made = own(name)
    state, scores = made.score(made.fit(panel(np.arange(10.0))), panel([3.0], start=10))
    assert np.isnan(scores.outputs[ANOMALY]).all()
    assert state["status"].tolist() == [SeriesStatus.FAILED]
    assert state["detail"].tolist() == [detail]


def test_nothing_said_is_nothing_judged_and_without_a_bound_is_anomalous():
    for name, expected in (("Silent", np.nan), ("Endless", 1.0)):
        made = own(name)
        state, scores = made.score(made.fit(panel(np.arange(10.0))), panel([3.0], start=10))
        assert state["status"].tolist() == [SeriesStatus.READY]
        np.testing.assert_array_equal(scores.outputs[ANOMALY][0], [expected])
        assert not np.isinf(scores.outputs[SCORE]).any()


def test_the_same_class_gives_the_same_options():
    block = {"type": f"{FILE}:Band", "margin": 2}
    assert DetectorBlock.of(block) == DetectorBlock.of(dict(block))
    assert DetectorBlock.of(block) != DetectorBlock.of(block | {"margin": 3})


def test_a_file_that_has_changed_is_another_class(tmp_path):
    text = (
        "class Mine:\n    def train(self, x): pass\n    def update(self, x): pass\n    def score(self, x): return {}\n"
    )
    file = tmp_path / "mine.py"
    file.write_text(text.format(0.5))
    before = DetectorBlock.of({"type": f"{file}:Mine"})
    assert before == DetectorBlock.of({"type": f"{file}:Mine"})
    file.write_text(text.format(0.6))
    assert before != DetectorBlock.of({"type": f"{file}:Mine"})
    assert "mine" not in sys.modules


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def broken(:\n", "whose file cannot be imported (SyntaxError: invalid syntax"),
        ("raise SystemExit(4)\n", "whose file cannot be imported (SystemExit: 4)"),
        ("import no_such_package\n", "whose file cannot be imported (ModuleNotFoundError: No module named"),
        ("Mine = 5\n", "has no class Mine"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(text)
    modules = set(sys.modules)
    with pytest.raises(ConfigError, match=r"mine\.py:Mine") as refused:
        catalog.resolve("detectors", "mine.py:Mine")
    assert said in str(refused.value)
    if "Mine" not in text:
        assert not [name for name in set(sys.modules) - modules if name.startswith("sentio_own")]


def test_a_file_with_a_dataclass(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n\n\n@dataclass\nclass Mine:\n"
        "    level: float | None = None\n\n    def train(self, x): pass\n    def update(self, x): pass\n"
        "    def score(self, x): return self.level\n"
    )
    made = own(f"{file}:Mine", level=0.995)
    _, scores = made.score(made.fit(panel([1.0, 2.0])), panel([1.0], start=2))
    assert flags(scores) == [0]


def test_a_source_may_be_in_a_file_too(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("from tests.config.adapters import Custom\n")
    assert catalog.resolve("sources", f"{file}:Custom").__name__ == "Custom"


def test_the_example():
    made = own("examples/own_detector.py:GreaterThanMaxRolling", window=100, margin=0.1, batch=50)
    samples = np.random.default_rng(1).uniform(0, 10, size=504)
    samples[[460, 461, 462, 503]] = [12.0, -5.0, 10.2, 30.0]
    whole = panel(samples)
    _, scores = made.score(made.fit(cut(whole, 0, 400)), cut(whole, 400))
    assert flags(scores) == [60, 103]
