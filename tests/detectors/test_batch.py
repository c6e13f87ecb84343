"""The engine `batch`: the maximum of Prophet's own posterior, whatever the panel looks like."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from benchmarks.posterior import log_posterior
from sentio.detectors.prophet import Prophet, batch, stan
from sentio.detectors.prophet.design import Design
from sentio.detectors.prophet.model import expected
from sentio.state import SeriesStatus, State
from sentio.types import SECOND, SeriesKey
from tests.detectors.test_prophet import DAY, START
from tests.here import Here

MINUTE = 60 * SECOND


def times(days: float, step_s: int, start: int = START):
    return start + step_s * SECOND * np.arange(int(days * 86_400 / step_s), dtype=np.int64)


def family(at, count: int, seed: int = 7):
    """``[count, n]``: rates, levels with steps, drifts, spikes; each with a daily shape, none alike."""
    rng = np.random.default_rng(seed)
    u = (at - at[0]) / (at[-1] - at[0])
    day = 2 * np.pi * at / DAY
    rows = []
    for i in range(count):
        shape = np.sin(day + rng.uniform(0, 6)) + 0.4 * np.sin(2 * day + rng.uniform(0, 6))
        noise = rng.normal(size=len(at))
        bends = sum(rng.laplace(0, 0.8) * np.maximum(u - s, 0) for s in rng.uniform(0.05, 0.9, 3))
        rows.append(
            [
                100 * np.maximum(1 + 0.4 * shape + 0.5 * bends + 0.08 * noise, 0),
                10 + 2 * shape + 0.5 * noise + 8 * (u > rng.uniform(0.2, 0.8)),
                1e12 + 1e8 * (bends + 0.3 * shape + 0.1 * noise),
                0.05 * np.exp(0.2 * shape + 0.35 * noise) * (1 + (rng.random(len(at)) < 0.003) * 15),
            ][i % 4]
        )
    return np.array(rows)


def pierced(values, share: float, seed: int = 3):
    holes = np.random.default_rng(seed).random(values.shape) < share
    return np.where(holes, np.nan, values)


def yhat(options, arrays, at):
    keys = tuple(SeriesKey("m", (("i", str(i)),)) for i in range(len(arrays["status"])))
    return expected(State(keys, arrays), Design(options), at).yhat


CASES = {
    "a day": ({"daily_seasonality": True}, times(1, 120), 0.0),
    "a week": ({}, times(7, 900), 0.0),
    "three weeks": ({}, times(21, 1800), 0.0),
    "gaps": ({}, times(7, 900), 0.05),
    "half is missing": ({}, times(7, 900), 0.5),
    "most is missing": ({}, times(7, 900), 0.9),
    "few samples": ({"min_samples": 8, "daily_seasonality": False}, times(0.25, 1800), 0.0),
    "flexible": ({"changepoint_prior_scale": 0.5, "n_changepoints": 12, "changepoint_range": 0.9}, times(7, 900), 0.02),
    "many changepoints": ({"n_changepoints": 100, "changepoint_range": 1.0}, times(7, 900), 0.02),
    "seasons of one's own": (
        {
            "weekly_seasonality": False,
            "seasonality_prior_scale": 2.0,
            "seasonalities": [{"name": "hourly", "period": 1 / 24, "fourier_order": 3, "prior_scale": 0.1}],
        },
        times(7, 600),
        0.02,
    ),
    "holidays": ({"holidays": {"country": "DE"}, "holidays_prior_scale": 0.3}, times(45, 3600), 0.02),
    "regressors": (
        {
            "timezone": "Asia/Kolkata",
            "regressors": [
                {"name": "business_hours", "days": ["mon", "tue", "wed", "thu", "fri"], "hours": "9-17:30"},
                {"name": "backup", "hours": "22:30-1", "prior_scale": 0.05},
                {"name": "trend", "days": ["sun"]},
            ],
        },
        times(10, 900),
        0.02,
    ),
    "a clock that is put back": ({"timezone": "Europe/Berlin"}, times(10, 900, 1_729_641_600 * SECOND), 0.02),
    "flat": ({"growth": "flat"}, times(7, 900), 0.02),
}


@pytest.mark.parametrize("name", CASES)
def test_the_posterior_is_at_least_prophets(name):
    given, at, share = CASES[name]
    options = Prophet.Options(**given)
    values = pierced(family(at, 4), share)
    ours, theirs = batch.fit_rows(options, at, values), stan.fit_rows(options, at, values)
    assert ours["status"].tolist() == [SeriesStatus.READY] * 4
    for exact in ("start", "span", "scale", "samples", "first_at", "fitted_at", "least"):
        np.testing.assert_array_equal(ours[exact], theirs[exact], err_msg=exact)
    if options.growth == "linear":
        np.testing.assert_allclose(ours["points"], theirs["points"], rtol=1e-14)
        np.testing.assert_array_equal(ours["rate"], theirs["rate"])
    gain = log_posterior(options, at, values, ours) - log_posterior(options, at, values, theirs)
    assert (gain >= -1e-6 * np.abs(log_posterior(options, at, values, theirs))).all(), gain
    span = np.nanmax(values, axis=1) - np.nanmin(values, axis=1)
    apart = np.nanmax(np.abs(yhat(options, ours, at) - yhat(options, theirs, at)), axis=1) / span
    # Prophet's optimiser stops early where the slope changes' prior has its kink; without slope changes it does not.
    assert np.median(apart) < (1e-4 if options.growth == "flat" else 0.05), apart


def test_without_changepoints_it_is_prophets_line():
    """Prophet has a changepoint at 0 then, and adds its change to the slope."""
    options = Prophet.Options(n_changepoints=0)
    at = times(7, 900)
    values = family(at, 4)
    ours, theirs = batch.fit_rows(options, at, values), stan.fit_rows(options, at, values)
    assert np.isinf(ours["points"]).all()
    assert (ours["delta"] == 0).all()
    np.testing.assert_allclose(ours["k"], theirs["k"], rtol=2e-2)
    span = np.ptp(values, axis=1)[:, None]
    assert np.abs(yhat(options, ours, at) - yhat(options, theirs, at)).max() < 2e-3 * span.max()


def test_a_history_that_begins_in_the_repeated_hour_keeps_its_changepoints():
    # The hour from 2 to 3 comes twice by this clock; by the clock, the first changepoint lies where the history begins.
    at = int(pd.Timestamp("2025-10-26", tz="UTC").value) + 10 * MINUTE * np.arange(200)
    rise = np.where(np.arange(200) < 100, np.arange(200.0), 200 - np.arange(200.0))
    values = (rise + np.random.default_rng(0).normal(size=200))[None]
    options = Prophet.Options(timezone="Europe/Berlin", n_changepoints=500, changepoint_prior_scale=0.5)
    ours, theirs = batch.fit_rows(options, at, values), stan.fit_rows(options, at, values)
    assert ours["points"][0, 0] == 0
    assert ours["points"] == pytest.approx(theirs["points"])
    assert log_posterior(options, at, values, ours)[0] >= log_posterior(options, at, values, theirs)[0]
    assert np.abs(yhat(options, ours, at) - values).mean() < 2


def test_prophets_optimiser_gains_nothing_from_here():
    options = Prophet.Options()
    at = times(7, 900)
    values = pierced(family(at, 4), 0.05)
    ours = batch.fit_rows(options, at, values)
    design = Design(options)
    for i, y in enumerate(values):
        have = np.isfinite(y)
        model = stan._prophet(options)
        used = ours["beta"][i][design.slots["daily"]]
        start = {
            "k": ours["k"][i],
            "m": ours["m"][i],
            "beta": used,
            "delta": ours["delta"][i],
            "sigma_obs": ours["sigma"][i],
        }
        frame = pd.DataFrame({"ds": pd.DatetimeIndex(at[have]), "y": y[have]})
        model.fit(frame, init=start, seed=1)
        again = {name: array[i : i + 1].copy() for name, array in ours.items()}
        again["k"], again["m"] = np.ravel(model.params["k"]), np.ravel(model.params["m"])
        again["sigma"] = np.ravel(model.params["sigma_obs"])
        again["delta"] = model.params["delta"][:1]
        again["beta"][0, design.slots["daily"]] = np.ravel(model.params["beta"])
        mine = {name: array[i : i + 1] for name, array in ours.items()}
        before, after = (log_posterior(options, at, y[None], a)[0] for a in (mine, again))
        assert after - before <= 1e-6 * abs(before)


def test_a_panel_of_unlike_series():
    """Old and young, whole and pierced, long enough for a weekly season and not: each as if it were alone."""
    options = Prophet.Options()
    at = times(21, 1800)
    values = family(at, 8)
    values[1, :-60] = np.nan  # young
    values[2, :-500] = np.nan
    values[3, 300:] = np.nan  # gone
    values[4] = pierced(values[4:5], 0.3)
    values[5, ::2] = np.nan
    values[6, :] = 3.0
    values[7, 20:] = np.nan  # too short
    together = batch.fit_rows(options, at, values)
    words = [SeriesStatus(s).word for s in together["status"].tolist()]
    assert words == ["ready"] * 6 + ["constant", "learning"]
    weekly = Design(options).slots["weekly"]
    assert (together["beta"][:, weekly] != 0).any(axis=1).tolist() == [
        True,
        False,
        False,
        False,
        True,
        True,
        False,
        False,
    ]
    for i in range(len(values)):
        alone = batch.fit_rows(options, at, values[i : i + 1])
        for name in together:
            np.testing.assert_array_equal(together[name][i], alone[name][0], err_msg=name)


def test_samples_that_are_far_apart_have_no_season_of_a_day():
    """Prophet's rule looks at the nearest two samples."""
    options = Prophet.Options(min_samples=5)
    at = times(60, 43_200)
    values = np.full((2, len(at)), np.nan)
    rng = np.random.default_rng(0)
    values[0, ::2] = rng.normal(10, 1, len(at[::2]))  # one a day
    values[1] = rng.normal(10, 1, len(at))  # two a day
    ours, theirs = batch.fit_rows(options, at, values), stan.fit_rows(options, at, values)
    for arrays in (ours, theirs):
        assert (arrays["beta"][:, Design(options).slots["daily"]] != 0).any(axis=1).tolist() == [False, True]
        assert (arrays["beta"][:, Design(options).slots["weekly"]] != 0).any(axis=1).tolist() == [True, True]


@pytest.mark.parametrize("rows", [1, 3, 16, 64])
def test_any_split_gives_the_same_bits(rows):
    options = Prophet.Options()
    at = times(7, 900)
    values = np.vstack([family(at, 16), pierced(family(at, 16), 0.05), pierced(family(at, 32), 0.01, seed=8)])
    whole = batch.fit_rows(options, at, values)
    for first in range(0, len(values), rows):
        part = batch.fit_rows(options, at, np.ascontiguousarray(values[first : first + rows]))
        for name in whole:
            np.testing.assert_array_equal(whole[name][first : first + rows], part[name], err_msg=name)


def test_any_order_gives_the_same_bits():
    options = Prophet.Options()
    at = times(7, 900)
    values = np.vstack([family(at, 16), pierced(family(at, 16), 0.05)])
    order = np.random.default_rng(2).permutation(len(values))
    straight, mixed = batch.fit_rows(options, at, values), batch.fit_rows(options, at, values[order])
    for name in straight:
        np.testing.assert_array_equal(straight[name][order], mixed[name], err_msg=name)


def test_wherever_the_arrays_lie_the_bits_are_the_same():
    """A compiled loop may have two versions, and pick one by the addresses of what it reads and writes."""
    options = Prophet.Options()
    at = times(21, 1800)
    values = family(at, 8)
    values[2, :-500] = np.nan
    values[5, :-300] = np.nan
    values[6] = pierced(values[6:7], 0.6)
    wanted = batch.fit_rows(options, at, values)
    rng, heap = np.random.default_rng(), []
    for _ in range(60):
        heap = [*heap[-40:], *(np.empty(int(rng.integers(1, 9000)), np.uint8) for _ in range(8))]
        found = batch.fit_rows(options, at, values)
        for name in wanted:
            np.testing.assert_array_equal(found[name], wanted[name], err_msg=name)


n = 1440
t = np.arange(n)
rng = np.random.default_rng(5)
ODD = {
    "a perfect line": 5 + 0.01 * t,
    "a perfect sine": 5 + np.sin(2 * np.pi * t / n * 3),
    "a step by a hair": np.where(t < n // 2, 0.0, 1e-9),
    "a flap": np.where(rng.random(n) < 0.5, 1.0, 0.0),
    "spikes": np.where(t % 300 == 7, 1e9, 0.0),
    "a counter that was reset": np.cumsum(rng.poisson(50, n)) % 30_000.0,
    "the last digits of what is huge": 1e15 + rng.integers(0, 8, n),
    "below zero": -20 + rng.normal(size=n),
    "denormal": 1e-310 * rng.integers(1, 9, n),
    "the largest doubles": 1e308 * rng.random(n),
    "a third digit": np.round(rng.normal(0, 1e-3, n), 3),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("share", [0.0, 0.2])
def test_odd_series_have_a_model_and_a_band(name, share):
    """σ of a perfect fit has a floor, so that the posterior has a maximum."""
    options = Prophet.Options()
    at = START + MINUTE * t
    values = pierced(ODD[name][None], share)
    arrays = batch.fit_rows(options, at, values)
    assert arrays["status"].tolist() == [SeriesStatus.READY]
    keys = (SeriesKey("m"),)
    known = expected(State(keys, arrays), Design(options), at)
    span = np.nanmax(values) - np.nanmin(values)
    assert np.isfinite(known.yhat).all()
    # No narrower than a thousandth of the range, and not far from the samples.
    assert (known.half >= 0.999e-3 * span).all()
    assert np.nanmedian(np.abs(known.yhat - values)) <= span


@pytest.mark.parametrize("samples", [2, 3, 4, 5, 7, 12])
def test_few_samples_are_enough_where_that_is_asked_for(samples):
    options = Prophet.Options(min_samples=2)
    at = START + MINUTE * np.arange(50)
    values = np.full((1, 50), np.nan)
    where = np.sort(np.random.default_rng(samples).choice(50, samples, replace=False))
    values[0, where] = np.random.default_rng(1).normal(10, 1, samples)
    ours, theirs = batch.fit_rows(options, at, values), stan.fit_rows(options, at, values)
    assert ours["status"].tolist() == [SeriesStatus.READY]
    np.testing.assert_array_equal(ours["rate"], theirs["rate"])
    np.testing.assert_allclose(ours["points"], theirs["points"], rtol=1e-12)
    assert np.isfinite(yhat(options, ours, at)).all()


def test_what_batch_does_not_cover_goes_to_stan(caplog):
    caplog.set_level(logging.INFO)
    for given, said in (
        ({"growth": "logistic", "cap": 10.0}, "growth logistic"),
        ({"seasonality_mode": "multiplicative"}, "a multiplicative seasonality"),
        (
            {"seasonalities": [{"name": "own", "period": 1, "fourier_order": 2, "mode": "multiplicative"}]},
            "a multiplicative seasonality",
        ),
    ):
        caplog.clear()
        options = Prophet.Options(**given)
        prophet = Prophet(options, Here())
        assert [r.getMessage() for r in caplog.records] == [
            f"prophet: engine batch does not cover {said}; engine stan fits these series"
        ]
        assert Prophet.preload(options) == ("sentio.detectors.prophet.preload_stan",)
        assert prophet.samples_at_once == 0
    caplog.clear()
    Prophet(Prophet.Options(), Here())
    Prophet(Prophet.Options(engine="stan", growth="logistic", cap=10.0), Here())
    assert not caplog.records


def test_a_maximum_that_is_not_found_is_left_to_prophet(monkeypatch):
    options = Prophet.Options()
    at = times(3, 900)
    values = family(at, 3)

    def lost(*given):
        real(*given)
        given[-1].fine[1] = False

    real = batch.fit_series
    monkeypatch.setattr(batch, "fit_series", lost)
    arrays = batch.fit_rows(options, at, values)
    theirs = stan.fit_rows(options, at, values[1:2])
    assert arrays["status"].tolist() == [SeriesStatus.READY] * 3
    for name in theirs:
        np.testing.assert_array_equal(arrays[name][1], theirs[name][0], err_msg=name)
