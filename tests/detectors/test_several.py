"""Several detectors on one query."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import ValidationError

from sentio.contracts import Forecaster
from sentio.detectors.several import Several
from sentio.state import SeriesStatus
from sentio.types import ANOMALY, LOWER, SCORE, UPPER, YHAT, Panel
from tests.contract.detector_checks import after, panel
from tests.contract.test_catalog import make
from tests.here import Here

SHORT, LONG = {"type": "gaussian1d", "batch": 50}, {"type": "gaussian1d", "threshold": 0.9}


def several(**options) -> Several:
    return Several(Several.Options.model_validate_json(json.dumps(options)), Here())


def test_each_says_what_it_says_alone():
    history = panel(3, 300)
    fresh = after(history, 20)
    both = several(of={"short": SHORT, "long": LONG})
    _, scores = both.score(both.fit(history), fresh)
    for name, block in (("short", SHORT), ("long", LONG)):
        alone = type(make("detectors", "gaussian1d"))
        rest = {key: value for key, value in block.items() if key != "type"}
        detector = alone(alone.Options(**rest), Here())
        _, single = detector.score(detector.fit(history), fresh)
        for output, values in single.outputs.items():
            np.testing.assert_array_equal(scores.outputs[f"{name}.{output}"], values)
    np.testing.assert_array_equal(scores.outputs[SCORE], scores.outputs[f"short.{SCORE}"])
    np.testing.assert_array_equal(scores.outputs[ANOMALY], scores.outputs[f"short.{ANOMALY}"])


@pytest.mark.parametrize(
    ("combine", "of"), [("max", np.maximum), ("min", np.minimum), ("mean", lambda a, b: (a + b) / 2)]
)
def test_scores_are_combined(combine, of):
    history = panel(3, 300)
    fresh = after(history, 20)
    fresh.values[1, 5] = 200
    both = several(of={"short": SHORT, "long": LONG}, combine=combine)
    _, scores = both.score(both.fit(history), fresh)
    expected = of(scores.outputs[f"short.{SCORE}"], scores.outputs[f"long.{SCORE}"])
    np.testing.assert_allclose(scores.outputs[SCORE], expected, rtol=1e-15)
    np.testing.assert_array_equal(scores.outputs[ANOMALY], (expected > 1).astype(float))
    assert scores.outputs[ANOMALY][1, 5] == 1


def test_one_judges_what_another_says():
    """The chain gives what the second gives on the first one's output."""
    history = panel(2, 300)
    fresh = after(history, 40)
    chain = several(of={"far": LONG, "odd": {"type": "gaussian1d", "batch": 60}}, inputs={"odd": "far.distance"})
    nothing = Panel(history.keys, history.times[:0], history.values[:, :0])
    first, second = (several(of={"x": block}) for block in (LONG, {"type": "gaussian1d", "batch": 60}))
    # The first has learned from all of the history when it is asked; the second from what it said of it.
    state = chain.fit(history)
    _, scores = chain.score(state, fresh)
    begun, said = first.score(first.fit(nothing), history)
    _, later = first.score(begun, fresh)
    heard, _ = second.score(second.fit(nothing), Panel(history.keys, history.times, said.outputs["x.distance"]))
    _, expected = second.score(heard, Panel(history.keys, fresh.times, later.outputs["x.distance"]))
    np.testing.assert_array_equal(scores.outputs["far.distance"], later.outputs["x.distance"])
    # The first says nothing of the history before it has learned; with all of it as one batch, nothing at all.
    np.testing.assert_array_equal(scores.outputs[f"odd.{SCORE}"], expected.outputs[f"x.{SCORE}"])


def test_with_a_forecaster_first_it_is_one():
    history = panel(3, 300)
    fresh = after(history)
    both = several(of={"prophet": {"type": "prophet"}, "gauss": SHORT})
    assert isinstance(both, Forecaster)
    assert not both.learns_as_it_goes
    state = both.fit(history)
    _, scores = both.score(state, fresh)
    ahead = both.forecast(state, fresh.times)
    np.testing.assert_array_equal(ahead.yhat, scores.outputs[YHAT])
    assert {YHAT, LOWER, UPPER, f"prophet.{YHAT}", "gauss.distance"} <= scores.outputs.keys()
    assert not isinstance(several(of={"gauss": SHORT, "prophet": {"type": "prophet"}}), Forecaster)
    assert not isinstance(several(of={"prophet": {"type": "prophet"}, "gauss": SHORT}, combine="max"), Forecaster)


def test_what_goes_on_is_kept_when_the_others_are_fitted_again():
    history = panel(3, 300)
    fresh = after(history, 30)
    both = several(of={"prophet": {"type": "prophet"}, "gauss": SHORT})
    state, _ = both.score(both.fit(history), fresh)
    again = both.refitted(state, both.fit(Panel(history.keys, history.times[10:], history.values[:, 10:])))
    for name in state.arrays:
        if name.startswith("gauss."):
            np.testing.assert_array_equal(again[name], state[name])
    assert (again["prophet.samples"] == 290).all()
    assert (again["fitted_at"] == history.times[-1]).all()


def test_what_has_failed_begins_anew_with_the_next_training():
    """A class that has raised judges again once the others are fitted again, as one by itself does."""
    picky = {"type": "tests.detectors.test_several:Picky", "batch": 20}
    both = several(of={"rare": {"type": "pyod"}, "own": picky})
    history = panel(2, 300)
    fresh = after(history, 40)
    odd = Panel(fresh.keys, fresh.times, fresh.values * [[-1.0], [1.0]])
    state, _ = both.score(both.fit(history), odd)
    assert state["own.status"].tolist() == [SeriesStatus.FAILED, SeriesStatus.READY]
    assert state["detail"].tolist() == ["Picky.update: ValueError: below zero", ""]
    again = both.refitted(state, both.fit(history))
    assert again["own.status"].tolist() == [SeriesStatus.READY, SeriesStatus.READY]
    assert again["detail"].tolist() == ["", ""]
    assert again["own.samples"].tolist() == [300, 340]


def test_what_has_failed_has_its_series_fitted_anew_where_nothing_else_would():
    """All of them learn as they judge, and a series of theirs that is ready is never fitted again."""
    picky = {"type": "tests.detectors.test_several:Picky", "batch": 20}
    both = several(of={"level": SHORT, "own": picky})
    history = panel(2, 300)
    fresh = after(history, 40)
    state, _ = both.score(both.fit(history), Panel(fresh.keys, fresh.times, fresh.values * [[-1.0], [1.0]]))
    assert state["status"].tolist() == [SeriesStatus.FAILED, SeriesStatus.READY]
    again = both.refitted(state, both.fit(history))
    assert again["status"].tolist() == [SeriesStatus.READY, SeriesStatus.READY]
    assert again["level.samples"].tolist() == [340, 340]


def test_what_is_kept_beside_a_training_is_kept_of_each():
    """A part that keeps something itself is asked for it."""
    alone = make("detectors", "pyod")
    both = several(of={"level": SHORT, "rare": {"type": "pyod"}})
    history = panel(2, 300)
    state, _ = both.score(both.fit(history), after(history, 5))
    single, _ = alone.score(alone.fit(history), after(history, 5))
    again, by_itself = both.refitted(state, both.fit(history)), alone.refitted(single, alone.fit(history))
    np.testing.assert_array_equal(again["rare.tail_times"], by_itself["tail_times"])
    np.testing.assert_array_equal(again["level.samples"], [305, 305])


class Picky:
    def fit(self, x):
        pass

    def update(self, x):
        if x.min() < 0:
            raise ValueError("below zero")

    def score_anomaly(self, x):
        return x * 0 + 0.5


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"of": {}}, "at least 1 item"),
        ({"of": {"a": SHORT}, "inputs": {"b": "a.score"}}, 'is for "b", which is not in of; a is expected'),
        (
            {"of": {"a": SHORT}, "inputs": {"a": "b.score"}},
            'is "b.score"; no output, for there is none before the first',
        ),
        ({"of": {"a": SHORT, "b": SHORT}, "inputs": {"b": "score"}}, "such as a.anomaly_score, is expected"),
        ({"of": {"a.b": SHORT}}, "a label name"),
        ({"of": {"a": {"type": "gausian1d"}}}, "gaussian1d"),
        ({"of": {"a": {"type": "gaussian1d", "forgot": 1}}}, "forgot"),
        ({"of": {"a": SHORT}, "combine": "sum"}, "first"),
    ],
)
def test_what_does_not_fit_is_refused(options, wrong):
    with pytest.raises(ValidationError, match="(?s)" + wrong.replace("(", r"\(")):
        several(**options)
