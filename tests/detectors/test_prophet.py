"""Prophet as a detector: the same figures as the package's own, for whole panels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sentio.detectors.prophet import Prophet
from sentio.detectors.prophet.design import Design
from sentio.detectors.prophet.stan import _prophet
from sentio.state import SeriesStatus, State
from sentio.types import ANOMALY, LOWER, SCORE, SECOND, UPPER, YHAT, Panel, SeriesKey
from tests.here import Here

DAY = 86_400 * SECOND
START = 1_700_006_400 * SECOND  # a midnight, UTC


def stan(**options) -> Prophet:
    return Prophet(Prophet.Options(engine="stan", **options), Here())


@pytest.fixture(params=["batch", "stan"])
def detector(request):
    """Makes a detector with the engine: what follows holds for both."""
    return lambda **options: Prophet(Prophet.Options(engine=request.param, **options), Here())


def panel(values, step_s: int = 300, start: int = START) -> Panel:
    values = np.atleast_2d(np.asarray(values, float))
    times = start + step_s * SECOND * np.arange(values.shape[1], dtype=np.int64)
    return Panel(tuple(SeriesKey("m", (("i", str(i)),)) for i in range(len(values))), times, values)


def shaped(days: float, step_s: int = 900, seed: int = 1, noise: float = 1.0) -> Panel:
    rng = np.random.default_rng(seed)
    t = START / SECOND + step_s * np.arange(int(days * 86_400 / step_s))
    daily, weekly = np.sin(2 * np.pi * t / 86_400), np.sin(2 * np.pi * t / 604_800)
    trend = np.linspace(0, 6, len(t)) + 5 * np.maximum(0, np.linspace(-1, 1, len(t)))
    return panel([50 + 10 * daily + 4 * weekly + trend + rng.normal(0, noise, len(t))], step_s)


def upstream(history: Panel, options, at, timezone: str = "UTC") -> pd.DataFrame:
    """What the prophet package itself answers for the first series."""
    model = _prophet(options)
    stamps = pd.DatetimeIndex(history.times, tz="UTC").tz_convert(timezone).tz_localize(None)
    frame = pd.DataFrame({"ds": stamps, "y": history.values[0]}).dropna()
    future = pd.DataFrame({"ds": pd.DatetimeIndex(at, tz="UTC").tz_convert(timezone).tz_localize(None)})
    if options.growth == "logistic":
        for f in (frame, future):
            f["cap"], f["floor"] = options.cap, options.floor
    for one in options.regressors:
        for f in (frame, future):
            f[f"regressor_{one.name}"] = [_inside(one, stamp) for stamp in f["ds"]]
    model.fit(frame, seed=options.seed)
    return model.predict(future)


def _inside(regressor, stamp) -> float:
    """The regressor at a wall-clock time, as a person would work it out."""
    begin, end = (pd.Timedelta(minutes=m) for m in regressor.minutes)
    for midnight in (stamp.normalize(), stamp.normalize() - pd.Timedelta(days=1)):
        until = end if end > begin else end + pd.Timedelta(days=1)
        if midnight + begin <= stamp < midnight + until:
            return float(midnight.day_name()[:3].lower() in regressor.days)
    return 0.0


def test_the_golden_figures():
    golden = json.loads(Path("tests/data/prophet_yhat.json").read_text())["result"]
    y = np.array([round(20 + 5 * np.sin((1_700_000_000 + 15 * i) / 300), 4) for i in range(240)])
    history = panel([y], 15, 1_700_000_000 * SECOND)
    for scale, wanted in golden.items():
        prophet = stan(changepoint_prior_scale=float(scale), interval_width=0.8)
        ahead = prophet.forecast(prophet.fit(history), history.times[-1:] + 30 * SECOND)
        assert ahead.yhat[0, 0] == pytest.approx(wanted["yhat"], rel=1e-6)
        half = (wanted["yhat_upper"] - wanted["yhat_lower"]) / 2
        assert ahead.upper[0, 0] - ahead.yhat[0, 0] == pytest.approx(half, rel=0.05)
        assert ahead.yhat[0, 0] - ahead.lower[0, 0] == pytest.approx(half, rel=0.05)


_SEASONS = {"trend": 1 / 3, "cap": 1 / 5, "regressor_n": 1 / 7, "season_trend": 1 / 11}
OPTIONS = {
    "defaults": {},
    "flexible": {"changepoint_prior_scale": 0.5, "n_changepoints": 12, "changepoint_range": 0.9},
    "no changepoints": {"n_changepoints": 0},
    "flat": {"growth": "flat"},
    "logistic": {"growth": "logistic", "cap": 120.0, "floor": 10.0},
    "multiplicative": {"seasonality_mode": "multiplicative"},
    "orders": {"daily_seasonality": 8, "weekly_seasonality": False, "seasonality_prior_scale": 2.0},
    "own seasonality": {
        "seasonalities": [
            {"name": "hourly", "period": 1 / 24, "fourier_order": 3},
            {"name": "shift", "period": 1 / 3, "fourier_order": 2, "mode": "multiplicative", "prior_scale": 0.5},
        ]
    },
    "seasonality with a name that Prophet has": {
        "seasonalities": [{"name": name, "period": period, "fourier_order": 2} for name, period in _SEASONS.items()],
        "regressors": [{"name": "n", "hours": "9-17"}],
    },
    "holidays": {"holidays": {"country": "DE"}},
    "holidays that share a day": {"holidays": {"country": "LV"}},
    "multiplicative holidays": {"holidays": {"country": "US"}, "seasonality_mode": "multiplicative"},
    "regressors": {"regressors": [{"name": "nights", "days": ["mon", "fri"], "hours": "22:30-6", "prior_scale": 0.5}]},
    "multiplicative regressor": {"seasonality_mode": "multiplicative", "regressors": [{"name": "n", "hours": "9-17"}]},
    "time zone": {"timezone": "America/New_York", "holidays": {"country": "US"}},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_yhat_is_prophets_own(name):
    options = Prophet.Options(engine="stan", **OPTIONS[name])
    history = shaped(45 if "holidays" in name or name == "time zone" else 16)
    if name == "flexible":  # and with gaps
        history.values[0, np.random.default_rng(5).random(history.values.shape[1]) < 0.05] = np.nan
    prophet = Prophet(options, Here())
    state = prophet.fit(history)
    at = np.concatenate([history.times[::97], history.times[-1] + 3600 * SECOND * np.arange(1, 60)])
    wanted = upstream(history, options, at, options.timezone)
    found = prophet.forecast(state, at)
    np.testing.assert_allclose(found.yhat[0], wanted["yhat"], rtol=1e-6)
    assert state["status"].tolist() == [SeriesStatus.READY]


def test_a_day_with_two_holidays_has_both():
    design = Design(Prophet.Options(holidays={"country": "HT"}))
    marked = design.matrix(np.array(["2026-01-01", "2026-01-08"], "datetime64[ns]").astype(np.int64)) == 1
    columns = [design.slots[f"holiday {name}"].start for name in ("National Independence Day", "New Year's Day")]
    assert marked[:, columns].tolist() == [[True, True], [False, False]]


@pytest.mark.parametrize("name", ["defaults", "flexible", "flat", "multiplicative", "logistic"])
def test_the_band_is_prophets_own(name):
    """Against the mean of 20 seeded runs: theirs are drawn, ours is their limit."""
    options = Prophet.Options(engine="stan", **OPTIONS[name], interval_width=0.9)
    history = shaped(5, step_s=1800, noise=2.0)
    at = history.times[-1] + 1800 * SECOND * np.arange(1, 97)
    model = _prophet(options)
    frame = pd.DataFrame({"ds": pd.DatetimeIndex(history.times), "y": history.values[0]})
    future = pd.DataFrame({"ds": pd.DatetimeIndex(at)})
    if options.growth == "logistic":
        for f in (frame, future):
            f["cap"], f["floor"] = options.cap, options.floor
    model.fit(frame, seed=options.seed)
    model.uncertainty_samples, model.interval_width = 1000, 0.9
    runs = []
    for seed in range(20):
        np.random.seed(seed)
        drawn = model.predict(future)
        runs.append((drawn["yhat_upper"] - drawn["yhat_lower"]).to_numpy() / 2)
    prophet = Prophet(options, Here())
    ours = prophet.forecast(prophet.fit(history), at)
    ratio = (ours.upper[0] - ours.lower[0]) / 2 / np.mean(runs, axis=0)
    assert np.abs(ratio - 1).max() < 0.06, ratio
    assert np.abs(np.median(ratio) - 1) < 0.02


def test_seasonalities_follow_prophets_rules_for_the_span(detector):
    day = detector().fit(shaped(1))
    fortnight = detector().fit(shaped(15))
    assert (day["beta"] == 0).all()
    weekly, daily = fortnight["beta"][0, 20:26], fortnight["beta"][0, 26:34]
    assert (weekly != 0).all()
    assert (daily != 0).all()
    assert (fortnight["beta"][0, :20] == 0).all()  # yearly needs two years


def test_too_short_constant_and_missing_have_a_state_and_no_exception(detector):
    n = 200
    rows = np.full((6, n), np.nan)
    rows[0, -10:] = 1.5  # too short
    rows[1] = 7.0  # constant
    rows[2] = 0.0  # constant zero
    # rows[3]: nothing at all
    rows[4] = 10 + np.sin(np.arange(n) / 9)
    rows[5, :100] = -3.25  # constant, then gone
    history = panel(rows)
    prophet = detector()
    state = prophet.fit(history)
    words = [SeriesStatus(s).word for s in state["status"].tolist()]
    assert words == ["learning", "constant", "constant", "learning", "ready", "constant"]
    assert state["samples"].tolist() == [10, 200, 200, 0, 200, 100]
    ahead = prophet.forecast(state, history.times[-1:] + DAY)
    np.testing.assert_allclose(ahead.yhat[:, 0], [np.nan, 7, 0, np.nan, ahead.yhat[4, 0], -3.25])
    # A constant has a minimum band: 1 % of it, or a millionth.
    np.testing.assert_allclose(ahead.upper[[1, 2, 5], 0] - ahead.yhat[[1, 2, 5], 0], [0.07, 1e-6, 0.0325])


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12, 1e300])
def test_any_scale_of_values_gives_the_same_model(detector, scale):
    history = shaped(3)
    plain = detector().forecast(detector().fit(history), history.times[-1:] + DAY)
    scaled = Panel(history.keys, history.times, history.values * scale)
    ahead = detector().forecast(detector().fit(scaled), history.times[-1:] + DAY)
    assert ahead.yhat[0, 0] / scale == pytest.approx(plain.yhat[0, 0], rel=0.02)
    assert ahead.lower[0, 0] < ahead.yhat[0, 0] < ahead.upper[0, 0]


def test_the_score_is_the_distance_in_bands(detector):
    history = shaped(4)
    prophet = detector()
    state = prophet.fit(history)
    times = history.times[-1] + 900 * SECOND * np.arange(1, 4)
    ahead = prophet.forecast(state, times)
    half = ahead.upper - ahead.yhat
    fresh = Panel(history.keys, times, ahead.yhat + np.array([[0.5, -1.001, np.nan]]) * half)
    after, scores = prophet.score(state, fresh)
    assert after is state
    np.testing.assert_allclose(scores.outputs[SCORE], [[0.5, 1.001, np.nan]], rtol=1e-9)
    np.testing.assert_array_equal(scores.outputs[ANOMALY], [[0, 1, np.nan]])
    np.testing.assert_array_equal(scores.outputs[YHAT], ahead.yhat)
    np.testing.assert_array_equal(scores.outputs[LOWER], ahead.lower)
    np.testing.assert_array_equal(scores.outputs[UPPER], ahead.upper)


def test_a_sample_beyond_all_measure_has_a_finite_score(detector):
    history = shaped(3)
    state = detector().fit(history)
    _, scores = detector().score(state, Panel(history.keys, history.times[-1:] + DAY, np.array([[1e308]])))
    assert scores.outputs[SCORE].tolist() == [[1e6]]
    assert scores.outputs[ANOMALY].tolist() == [[1.0]]


def test_an_unknown_series_is_not_judged(detector):
    history = shaped(3)
    state = detector().fit(history)
    keys = (SeriesKey("other"), *history.keys)
    _, scores = detector().score(state, Panel(keys, history.times[-1:], np.array([[1.0], [50.0]])))
    assert np.isnan(scores.outputs[SCORE][0, 0])
    assert np.isfinite(scores.outputs[SCORE][1, 0])


def test_nothing_is_known_of_no_series(detector):
    prophet = detector()
    state = prophet.fit(Panel.empty(np.arange(5)))
    assert prophet.forecast(state, np.arange(2)).yhat.shape == (0, 2)
    _, scores = prophet.score(state, panel([[1.0, 2.0]]))
    assert np.isnan(scores.outputs[SCORE]).all()


def test_the_same_data_give_the_same_state(detector):
    history = Panel(
        tuple(SeriesKey("m", (("i", str(i)),)) for i in range(5)),
        shaped(3).times,
        np.vstack([shaped(3, seed=i).values for i in range(5)]),
    )
    whole, again = detector().fit(history), detector().fit(history)
    one_by_one = State((), {})
    for i in range(5):
        one_by_one = one_by_one.merge(detector().fit(history.rows(slice(i, i + 1))))
    for name in whole.arrays:
        np.testing.assert_array_equal(whole[name], again[name])
        np.testing.assert_array_equal(whole[name], one_by_one[name])


def test_one_bad_series_harms_no_other(monkeypatch):
    from sentio.detectors.prophet import stan as engine

    def refuse_fives(options):
        model = real(options)
        fit = model.fit

        def checked(frame, **kwargs):
            if frame["y"].iloc[0] == 5.0:
                raise RuntimeError("Error during optimization")
            return fit(frame, **kwargs)

        model.fit = checked
        return model

    real = engine._prophet
    monkeypatch.setattr(engine, "_prophet", refuse_fives)
    rows = np.vstack([shaped(3, seed=i).values for i in range(3)])
    rows[1, 0] = 5.0
    state = stan().fit(panel(rows, 900))
    assert state["status"].tolist() == [SeriesStatus.READY, SeriesStatus.FAILED, SeriesStatus.READY]
    text = "prophet cannot fit it (RuntimeError: Error during optimization); other options or data are expected"
    assert state["detail"].tolist() == ["", text, ""]


def test_no_temporary_file_is_left(tmp_path, monkeypatch):
    import cmdstanpy

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = set(Path(cmdstanpy._TMPDIR).iterdir())
    stan().fit(shaped(3))
    assert list(tmp_path.iterdir()) == []
    assert set(Path(cmdstanpy._TMPDIR).iterdir()) == before


def test_a_state_survives_being_written_down(detector):
    rows = np.vstack([shaped(3).values, np.full((1, shaped(3).values.shape[1]), 2.0)])
    state = detector().fit(panel(rows, 900))
    again = State.from_arrays(state.to_arrays())
    assert again.keys == state.keys
    at = np.array([START + 10 * DAY])
    np.testing.assert_array_equal(detector().forecast(again, at).lower, detector().forecast(state, at).lower)
