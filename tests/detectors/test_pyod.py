"""The detector `pyod`: Anomstack's figures, its windows and what becomes of models that are not known."""

from __future__ import annotations

import subprocess
import sys
import warnings
from concurrent.futures import CancelledError, Executor, Future

import numpy as np
import pandas as pd
import pytest

from sentio.detectors.pyod import Pyod
from sentio.detectors.pyod.cache import Cache, digest
from sentio.detectors.pyod.features import features, tail, together
from sentio.detectors.pyod.models import fitted, made, names
from sentio.detectors.pyod.options import Model, Preprocess, PyodOptions
from sentio.errors import WorkerDiedError
from sentio.evaluation.inline import Inline
from sentio.executor import WorkerPool
from sentio.state import SeriesStatus, State
from sentio.types import ANOMALY, SCORE, SECOND, Panel, Scores, SeriesKey

HOUR = 3600 * SECOND
START = 1_704_067_200 * SECOND  # 2024-01-01
COLUMN = Preprocess(lags=0)
ALONE = ["CBLOF", "COPOD", "ECOD", "GMM", "HBOS", "IForest", "INNE", "KDE", "KNN", "LODA", "LOF", "MCD", "OCSVM", "PCA"]


def golden() -> Panel:
    """As the figures of Anomstack 2026 with PyOD 3.6.7 were made: a day's wave, and a step at the last hour."""
    hours = np.arange(200)
    values = 10 + np.sin(2 * np.pi * hours / 24) + np.random.RandomState(0).normal(0, 0.1, 200)
    values[-1] += 8
    return Panel((SeriesKey("m"),), START + HOUR * hours, values[None])


def columns(panel: Panel, first: int, end: int) -> Panel:
    return Panel(panel.keys, panel.times[first:end], panel.values[:, first:end])


def noise(series: int = 2, samples: int = 260) -> Panel:
    rng = np.random.default_rng(5)
    values = np.sin(np.arange(samples) / 9) + rng.normal(0, 0.2, (series, samples))
    values[:, -3] += 5
    keys = tuple(SeriesKey("m", (("i", str(i)),)) for i in range(series))
    return Panel(keys, START + 60 * SECOND * np.arange(samples), values)


def detector(*models: str, executor: Executor | None = None, **options) -> Pyod:
    if models:
        options["models"] = tuple(Model(name=name) for name in models)
    return Pyod(PyodOptions(**options), executor or Inline())


def last(scores: Scores, name: str = "score") -> list[float]:
    return scores.outputs[name][0, -5:].tolist()


def same(one: Scores, other: Scores) -> None:
    for name, output in one.outputs.items():
        np.testing.assert_array_equal(output, other.outputs[name], err_msg=name)


# --- Anomstack's figures ---------------------------------------------------------------------------------------


def test_the_rows_of_features_are_anomstacks() -> None:
    whole = golden()
    times, rows = features(whole.times[:180], whole.values[0, :180], Preprocess())
    assert rows.shape == (172, 6)
    assert times[0] == START + 8 * HOUR
    np.testing.assert_allclose(rows[0], [-0.0042, -0.034, 0.0546, 0.0901, 0.2513, 0.2516], atol=5e-5)
    assert features(whole.times[-25:], whole.values[0, -25:], Preprocess())[1].shape == (17, 6)


@pytest.mark.parametrize(
    ("models", "expected", "before"),
    [
        (("PCA", "KNN"), [0.447, 0.553, 0.42, 0.431, 1.0], None),
        (("PCA",), [0.775, 0.9208, 0.84, 0.8491, 1.0], 0.9223),
        (("KNN",), [0.1181, 0.1843, 0.0, 0.0136, 1.0], 0.4254),
    ],
)
def test_the_scores_are_anomstacks(models, expected, before) -> None:
    judge = Pyod(PyodOptions(models=tuple(Model(name=n, params={"contamination": 0.01}) for n in models)), Inline())
    whole = golden()
    _, scores = judge.score(judge.fit(columns(whole, 0, 180)), columns(whole, 175, 200))
    assert np.isfinite(scores.outputs["score"]).all()
    assert last(scores) == pytest.approx(expected, abs=0.002)
    if before is not None:  # of the 17 rows that Anomstack makes of the 25 samples
        assert scores.outputs["score"][0, 8:-1].max() == pytest.approx(before, abs=0.002)


def test_the_default_flags_the_step_alone() -> None:
    judge, whole = detector(), golden()
    _, scores = judge.score(judge.fit(columns(whole, 0, 180)), columns(whole, 180, 200))
    assert np.flatnonzero(scores.outputs[ANOMALY][0]).tolist() == [19]
    assert scores.outputs[SCORE][0, -1] == 1 / 0.8


def test_a_score_at_the_threshold_is_anomalous() -> None:
    judge, whole = detector(threshold=1.0), golden()
    _, scores = judge.score(judge.fit(columns(whole, 0, 180)), columns(whole, 180, 200))
    assert last(scores)[-1] == 1.0
    assert last(scores, ANOMALY) == [0, 0, 0, 0, 1]
    assert last(scores, SCORE)[-1] > 1


def test_how_scores_become_one() -> None:
    whole, said = golden(), {}
    for how in ("mean", "max", "min"):
        judge = detector(combine=how)
        _, scores = judge.score(judge.fit(columns(whole, 0, 180)), columns(whole, 180, 200))
        said[how] = scores.outputs["score"][0]
    np.testing.assert_allclose(said["mean"], (said["max"] + said["min"]) / 2, rtol=1e-12)
    assert said["max"][-2] == pytest.approx(0.8491, abs=0.002)
    assert said["min"][-2] == pytest.approx(0.0136, abs=0.002)


# --- features --------------------------------------------------------------------------------------------------


def by_pandas(times, values, how: Preprocess) -> pd.DataFrame:
    series = pd.Series(values, pd.DatetimeIndex(times))
    if how.resample is not None:
        series = series.resample(pd.Timedelta(how.resample, "ns")).agg(
            "mean" if how.aggregate == "mean" else lambda bin_: bin_.sum()
        )[:-1]
    if how.diff:
        series = series.diff(how.diff)
    series = series.rolling(how.smooth).mean()
    return pd.DataFrame({f"lag_{i}": series.shift(i) for i in range(how.lags + 1)}).dropna()


@pytest.mark.parametrize(
    "how",
    [
        Preprocess(),
        Preprocess(diff=0, smooth=1, lags=0),
        Preprocess(diff=3, smooth=4, lags=2),
        Preprocess(resample="5m"),
        Preprocess(resample="5m", aggregate="sum", diff=0),
    ],
)
def test_the_rows_are_those_of_pandas(how) -> None:
    whole = noise(1)
    gaps = np.ones(260, bool)
    gaps[[3, 50, 51]] = False
    gaps[100:112] = False  # two empty bins
    times, values = whole.times[gaps], whole.values[0, gaps]
    _, rows = features(times, values, how)
    expected = by_pandas(times, values, how).to_numpy()
    assert len(expected) > 20
    np.testing.assert_allclose(rows, expected, atol=1e-12)


def test_a_bin_is_known_at_the_first_sample_after_its_end() -> None:
    how = Preprocess(resample="5m", diff=0, smooth=1, lags=0)
    times = START + 60 * SECOND * np.array([0, 1, 4, 6, 9, 17])
    when, rows = features(times, np.array([1.0, 2, 3, 5, 7, 9]), how)
    assert rows.ravel().tolist() == [2, 6]
    assert ((when - START) // SECOND // 60).tolist() == [6, 17]


def test_what_is_together_is_in_the_order_of_time_and_the_new_wins() -> None:
    old, new = (np.array([1, 3, 5]), np.array([1.0, 3, 5])), (np.array([2, 3, 9]), np.array([20.0, 30, 90]))
    times, values = together(old, new)
    assert times.tolist() == [1, 2, 3, 5, 9]
    assert values.tolist() == [1, 20, 30, 5, 90]


def test_the_tail_is_short_and_enough() -> None:
    whole = noise(1)
    for how in (Preprocess(), Preprocess(resample="5m"), Preprocess(diff=9, smooth=9, lags=9)):
        cut = 250
        kept = tail(whole.times[:cut], whole.values[0, :cut], how)
        assert len(kept[0]) < 120
        _, short = features(*together(kept, (whole.times[cut:], whole.values[0, cut:])), how)
        _, long = features(whole.times, whole.values[0], how)
        np.testing.assert_array_equal(short[-2:], long[-2:])


# --- cuts, restarts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"diff": 0, "smooth": 7, "lags": 2},
        {"resample": "5m", "lags": 2},
        {"resample": "3m", "aggregate": "sum", "lags": 2},
    ],
)
def test_any_cut_and_any_restart_give_the_same_bits(how) -> None:
    whole = noise(2, 320)
    whole.values[0, 150] = np.nan
    whole.values[1, 235:250] = np.nan
    first = detector(preprocess=Preprocess(**how))
    state = first.fit(columns(whole, 0, 220))
    assert (state["status"] == SeriesStatus.READY).all()
    _, at_once = first.score(state, columns(whole, 220, 320))
    parts = []
    for begin, end in [(220, 221), (221, 237), (237, 240), (240, 260), (260, 261), (261, 320)]:
        after_a_restart = detector(preprocess=Preprocess(**how))
        state, scores = after_a_restart.score(State.from_arrays(state.to_arrays()), columns(whole, begin, end))
        parts.append(scores)
    for name, output in at_once.outputs.items():
        assert np.isfinite(output).sum() > 20
        np.testing.assert_array_equal(np.concatenate([p.outputs[name] for p in parts], axis=1), output)


def test_a_sample_that_comes_again_is_judged_alike() -> None:
    whole, judge = noise(), detector()
    state, first = judge.score(judge.fit(columns(whole, 0, 250)), columns(whole, 250, 260))
    again, second = judge.score(state, columns(whole, 250, 260))
    same(first, second)
    for name, array in state.arrays.items():
        np.testing.assert_array_equal(again[name], array)


@pytest.mark.parametrize("name", ALONE)
def test_a_model_is_the_same_after_a_restart_and_sample_by_sample(name) -> None:
    whole = noise(1)
    judge = detector(name, executor=Inline())
    state = judge.fit(columns(whole, 0, 240))
    assert state["detail"].tolist() == [""]
    np.random.seed(1)
    _, one = judge.score(state, columns(whole, 240, 260))
    np.random.seed(2)
    _, other = detector(name).score(State.from_arrays(state.to_arrays()), columns(whole, 240, 260))
    assert np.isfinite(one.outputs["score"]).all()
    same(one, other)
    for i in range(240, 260):
        state, single = judge.score(state, columns(whole, i, i + 1))
        assert single.outputs["score"][0, 0] == one.outputs["score"][0, i - 240]
    said = one.outputs["score"][0]
    assert said[-3:].max() > said[:10].max()  # the spike


def test_a_model_of_one_column() -> None:
    judge, whole = detector("MAD", preprocess=COLUMN), noise(1)
    _, scores = judge.score(judge.fit(columns(whole, 0, 240)), columns(whole, 240, 260))
    assert scores.outputs["score"][0, -3] == 1.0


def test_the_seed_matters_where_a_model_has_one() -> None:
    whole = noise(1)
    said = []
    for seed in (1, 1, 2):
        judge = detector("IForest", seed=seed)
        _, scores = judge.score(judge.fit(columns(whole, 0, 240)), columns(whole, 240, 260))
        said.append(scores.outputs["score"])
    np.testing.assert_array_equal(said[0], said[1])
    assert (said[0] != said[2]).any()


def test_a_model_takes_the_seed_unless_it_is_given_one() -> None:
    assert made("IForest", {}, 5).random_state == 5
    assert made("IForest", {"random_state": 8}, 5).random_state == 8


def test_a_model_without_a_seed_of_its_own_is_the_same_each_time() -> None:
    rows = np.random.default_rng(1).normal(size=(60, 3))
    scores = []
    for state in (1, 2):
        np.random.seed(state)
        scores.append(fitted("IForest", {"random_state": None}, 5, rows).decision_scores_)
    np.testing.assert_array_equal(*scores)


def test_the_random_numbers_of_others_are_left_alone() -> None:
    np.random.seed(7)
    expected = np.random.random()
    np.random.seed(7)
    detector("LODA").fit(noise(1))
    assert np.random.random() == expected


# --- what cannot be learned ------------------------------------------------------------------------------------


def test_what_cannot_be_learned_has_its_reason() -> None:
    whole = noise(5)
    whole.values[0, 13:] = np.nan
    whole.values[1] = 7.0
    whole.values[2, 8:] = np.nan
    whole.values[3] = np.arange(260.0)
    judge = detector(min_samples=9)
    state = judge.fit(whole)
    assert [SeriesStatus(s).word for s in state["status"]] == ["failed", "failed", "learning", "failed", "ready"]
    assert state["samples"].tolist() == [13, 260, 8, 260, 260]
    assert state["detail"][0].startswith("PyOD cannot fit it (ValueError: ")  # five neighbours of five rows
    assert state["detail"][1] == state["detail"][3] == "its features never change; values that do are expected"
    assert state["detail"][[2, 4]].tolist() == ["", ""]
    after, scores = judge.score(state, columns(whole, 250, 260))
    assert np.isnan(scores.outputs[SCORE][:4]).all()
    assert np.isfinite(scores.outputs[SCORE][4]).all()
    assert after["status"].tolist() == state["status"].tolist()


def test_more_lags_than_samples() -> None:
    state = detector(preprocess=Preprocess(lags=100)).fit(columns(noise(1), 0, 103))
    assert state["detail"].tolist() == ["103 samples make 0 rows of features; more samples or fewer lags are expected"]


def test_a_model_that_does_not_fit_the_rows_says_so() -> None:
    state = detector("MAD").fit(noise(1))
    assert state["status"].tolist() == [SeriesStatus.FAILED]
    assert "univariate" in state["detail"][0]


def test_the_newest_samples_are_the_window() -> None:
    whole = noise(1)
    state = detector(train_samples=100).fit(whole)
    assert state["window_count"].tolist() == [100]
    assert state["window_values"].shape == (1, 100)
    assert state["first_at"][0] == whole.times[160]
    np.testing.assert_array_equal(state["window_values"][0], whole.values[0, 160:])


def test_values_without_measure() -> None:
    whole, judge = noise(2), detector()
    whole.values[0, 100], whole.values[0, 255], whole.values[1, 255] = 1e308, -1.7e308, 1.7e308
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, scores = judge.score(judge.fit(columns(whole, 0, 250)), columns(whole, 250, 260))
    assert np.isfinite(scores.outputs[SCORE]).all()
    assert scores.outputs[ANOMALY][1, 5] == 1


def test_nothing_of_pyods_is_heard(capfd) -> None:
    whole = noise(1, 60)
    whole.values[0, 10:30] = 1.0
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        for name in ("RGraph", "MCD", "KPCA", "GMM"):
            judge = detector(name)
            judge.score(judge.fit(columns(whole, 0, 55)), columns(whole, 55, 57))
    assert [str(w.message) for w in heard] == []
    assert capfd.readouterr() == ("", "")


# --- where it is fitted ----------------------------------------------------------------------------------------


class Counting(Inline):
    def __init__(self) -> None:
        self.tasks = 0

    def submit(self, fn, /, *args, **kwargs):
        self.tasks += 1
        return super().submit(fn, *args, **kwargs)


class Failing(Executor):
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def submit(self, _fn, /, *_args, **_kwargs):
        result: Future = Future()
        result.set_exception(self.error)
        return result


def test_models_that_are_known_are_not_fitted_again() -> None:
    whole, executor = noise(6), Counting()
    judge = detector(executor=executor)
    state = judge.fit(columns(whole, 0, 250))
    assert executor.tasks == 2  # four series and two
    for i in range(250, 260):
        state, _ = judge.score(state, columns(whole, i, i + 1))
    assert executor.tasks == 2


def test_no_model_is_fitted_where_no_sample_arrived() -> None:
    whole, executor = noise(6), Counting()
    state = detector().fit(columns(whole, 0, 250))
    judge = detector(executor=executor)
    judge.score(state, Panel(whole.keys, whole.times[250:252], np.full((6, 2), np.nan)))
    assert executor.tasks == 0


def test_fitted_in_processes_or_here_it_is_the_same() -> None:
    whole, here = noise(6), detector("IForest", "PCA")
    with WorkerPool(1) as pool:
        there = detector("IForest", "PCA", executor=pool)
        state = there.fit(columns(whole, 0, 250))
        _, one = there.score(state, columns(whole, 250, 260))
    _, other = here.score(here.fit(columns(whole, 0, 250)), columns(whole, 250, 260))
    same(one, other)


def test_a_worker_that_dies_costs_its_series_alone_their_models() -> None:
    whole = noise(2)
    state = detector(executor=Failing(WorkerDiedError("it was killed twice"))).fit(whole)
    assert state["status"].tolist() == [SeriesStatus.FAILED] * 2
    assert state["detail"].tolist() == ["it was killed twice"] * 2

    ready = detector().fit(columns(whole, 0, 250))
    after, scores = detector(executor=Failing(WorkerDiedError("again"))).score(ready, columns(whole, 250, 260))
    assert np.isnan(scores.outputs[SCORE]).all()
    assert after["status"].tolist() == [SeriesStatus.FAILED] * 2
    assert after["detail"].tolist() == ["again"] * 2
    assert ready["status"].tolist() == [SeriesStatus.READY] * 2


@pytest.mark.parametrize("error", [CancelledError(), RuntimeError("the worker pool is shut down")])
def test_a_pool_that_closes_ends_the_tick(error) -> None:
    with pytest.raises(type(error)):
        detector(executor=Failing(error)).fit(noise(2))


def test_the_models_used_longest_ago_are_let_go(monkeypatch) -> None:
    monkeypatch.setattr("sentio.detectors.pyod.cache._LEAST", 3)
    cache = Cache()
    windows = [digest((np.array([i]), np.array([float(i)]))) for i in range(4)]
    for i, window in enumerate(windows[:3]):
        cache.put(window, (i,))
    cache.get(windows[0])
    cache.put(windows[3], (3,))
    assert [cache.get(w) for w in windows] == [(0,), None, (2,), (3,)]
    cache.room_for(2)
    cache.put(windows[1], (1,))
    assert [cache.get(w) for w in windows] == [(0,), (1,), (2,), (3,)]


# --- without PyOD ----------------------------------------------------------------------------------------------


def test_the_module_needs_no_pyod() -> None:
    code = "import sys; sys.modules['pyod'] = None; import sentio.detectors.pyod; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_models_that_there_are() -> None:
    there = names()
    assert set(ALONE) | {"MAD"} <= set(there)
    assert not {"BaseDetector", "COF", "SOS", "LSCP", "XGBOD"} & set(there)


@pytest.mark.parametrize("preprocess", [Preprocess(), Preprocess(resample="5m")])
def test_samples_that_come_during_a_training_are_known_after_it(preprocess: Preprocess) -> None:
    """A training takes seconds, and samples are scored meanwhile: the next is told by its difference from them."""
    whole = noise()
    rare = detector("PCA", preprocess=preprocess)
    old = rare.fit(columns(whole, 0, 200))
    old, _ = rare.score(old, columns(whole, 200, 240))
    fitted = rare.fit(columns(whole, 0, 230))
    after, _ = rare.score(fitted, columns(whole, 230, 240))
    _, expected = rare.score(after, columns(whole, 240, 260))
    _, found = rare.score(rare.refitted(old, fitted), columns(whole, 240, 260))
    same(found, expected)
    _, without = rare.score(fitted, columns(whole, 240, 260))
    assert not np.array_equal(without.outputs["score"], expected.outputs["score"], equal_nan=True)
    # A series that was not known before, or of which nothing has come since, is as it was fitted.
    assert rare.refitted(old.select(np.array([0])), fitted)["tail_count"].shape == (2,)
    assert rare.refitted(rare.fit(columns(whole, 0, 200)), fitted) is fitted
