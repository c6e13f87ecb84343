"""States as an earlier version has written them: read by this one, they say the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sentio.detectors.prophet import Prophet
from sentio.state import State
from tests.here import Here

SAVED = sorted(Path("tests/data").glob("prophet_state_*.npz"))


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
def test_a_state_of_an_earlier_version_gives_the_same_bands(path):
    with np.load(path) as file:
        kept = dict(file)
    at, yhat, lower = (kept.pop(name) for name in ("forecast_at", "forecast_yhat", "forecast_lower"))
    state = State.from_arrays(kept)
    prophet = Prophet(Prophet.Options(holidays={"country": "DE"}, timezone="Europe/Berlin"), Here())
    found = prophet.forecast(state, at)
    np.testing.assert_allclose(found.yhat, yhat, rtol=1e-12)
    np.testing.assert_allclose(found.lower, lower, rtol=1e-9)
    assert np.isfinite(yhat).any()
    # And it can be joined with what this version fits.
    assert state.merge(state.select(np.array([0]))).keys == state.keys


def test_there_is_one():
    assert SAVED
