"""Numbers and times as Go writes them; `test_like_prometheus.py` has a real Go write them."""

from __future__ import annotations

import numpy as np

from sentio.demo.text import time_texts, value_texts
from sentio.types import SECOND


def test_values() -> None:
    numbers = [1.0, -2.5, 0.1, 1e15, 1e16, 1e20, 1e21, 1e-4, 1e-5, 1e-6, 9e-7, 1.5e300, 5e-324, 0.0, -0.0]
    texts = ["1", "-2.5", "0.1", "1000000000000000", "10000000000000000", "100000000000000000000", "1e+21"]
    texts += ["0.0001", "0.00001", "0.000001", "9e-07", "1.5e+300", "5e-324", "0", "-0"]
    assert value_texts(np.array(numbers)) == texts
    assert value_texts(np.array([np.nan, np.inf, -np.inf])) == ["NaN", "+Inf", "-Inf"]
    assert value_texts(np.empty(0)) == []


def test_every_text_is_read_back_as_the_same_number() -> None:
    bits = np.random.default_rng(1).integers(0, 2**63, 20_000, np.int64)
    numbers = bits.view(np.float64)
    numbers = numbers[np.isfinite(numbers)]
    assert np.array_equal(np.array(list(map(float, value_texts(numbers)))), numbers)


def test_times() -> None:
    assert time_texts(np.array([0, 5, 1_700_000_000]) * SECOND) == ["0", "5", "1700000000"]
    ms = np.array([1500, 2000, 1_700_000_000_001, -500]) * (SECOND // 1000)
    assert time_texts(ms) == ["1.500", "2", "1700000000.001", "-0.500"]
