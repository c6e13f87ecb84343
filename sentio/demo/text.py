"""Numbers and times as Prometheus writes them."""

from __future__ import annotations

import numpy as np

from sentio.types import MILLISECOND, Floats, Ints


def value_texts(values: Floats) -> list[str]:
    """Each of ``values [n]`` as Go's shortest decimal: positional between 1e-6 and 1e21, else with an
    exponent; ``NaN``, ``+Inf``, ``-Inf``. Python's has the same digits; only the odd ones are rewritten."""
    texts = [text[:-2] if text[-2:] == ".0" else text for text in map(repr, values.tolist())]
    size = np.abs(values)
    for i in np.flatnonzero(~((size == 0) | (size >= 1e-4) & (size < 1e16))).tolist():
        texts[i] = _odd(float(values[i]))
    return texts


def _odd(value: float) -> str:
    if np.isnan(value):
        return "NaN"
    if np.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if not 1e-6 <= abs(value) < 1e21:
        return repr(value)
    return np.format_float_positional(value, unique=True, trim="-")


def time_texts(times: Ints) -> list[str]:
    """Each of ``times [n]`` (ns) in seconds, with milliseconds where there are any."""
    ms = times // MILLISECOND
    if not np.any(ms % 1000):
        return list(map(str, (ms // 1000).tolist()))
    return [str(t // 1000) if t % 1000 == 0 else f"{t / 1000:.3f}" for t in ms.tolist()]
