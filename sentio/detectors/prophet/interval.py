"""How wide Prophet's band is, in closed form.

Prophet draws the trend's future as a Poisson process of slope changes: ``rate`` of them per unit of scaled
time, each Laplace with scale λ, a change at ``u`` moving the trend by ``δ·(H − u)`` at the horizon ``H``; the
observation adds N(0, σ²) (Taylor and Letham 2018, *Forecasting at scale*, section 3.1.4; Prophet's
``sample_predictive_trend``). In units of σ the deviation has the characteristic function

    exp(−ω²/2) · exp(a·(atan(bω)/(bω) − 1)),   a = rate·H,   b = λH/σ

so its quantiles depend on ``a`` and ``b`` alone. They are found once per interval width, by inverting that
function (Gil-Pelaez 1951), and kept as a table; a band for any series and horizon is then one interpolation,
and the same on every run, where Prophet's own are 1,000 random draws.
"""

from __future__ import annotations

from functools import lru_cache
from math import erf, sqrt
from statistics import NormalDist

import numpy as np

from sentio.types import Floats, Ints

_DECADES = (-3.0, 3.0)
_KNOTS = 37
_STEP = 0.2
_MOST_NODES = 2000
_HALVINGS = 14


class BandTable:
    """Half widths of the central interval that holds ``width`` (0 to 1) of the outcomes."""

    def __init__(self, width: float) -> None:
        self.normal = NormalDist().inv_cdf((1 + width) / 2)
        self._axis = np.linspace(*_DECADES, _KNOTS)
        knots = 10.0**self._axis
        self._ratio = np.array([_row(a, knots, width) for a in knots])

    def half_width(self, a: Floats, b: Floats) -> Floats:
        """In units of σ, for ``a`` and ``b`` of any one shape. For both from 1e-3 to 1e3 it is right within 1 %, but
        where ``b`` is above 1 and ``a`` about 1 − width: there the quantile jumps, and it may be 10 % off."""
        i, u = self._place(a)
        j, v = self._place(b)
        r = self._ratio
        ratio = (r[i, j] * (1 - u) + r[i + 1, j] * u) * (1 - v) + (r[i, j + 1] * (1 - u) + r[i + 1, j + 1] * u) * v
        with np.errstate(over="ignore", invalid="ignore"):
            spread = np.sqrt(1 + 2 * a * b**2 / 3)
            # Below the table nothing but the noise is left.
            negligible = (a * b**2 < 1e-6) | (a < 10.0 ** _DECADES[0])
            return np.asarray(np.where(negligible, self.normal, ratio * spread))

    def _place(self, x: Floats) -> tuple[Ints, Floats]:
        with np.errstate(divide="ignore"):
            at = (np.log10(x) - _DECADES[0]) / (_DECADES[1] - _DECADES[0]) * (_KNOTS - 1)
        at = np.clip(np.nan_to_num(at, nan=0.0), 0, _KNOTS - 1.000001)
        whole = at.astype(np.int64)
        return whole, at - whole


@lru_cache(maxsize=16)
def band_table(width: float) -> BandTable:
    """The table for one width, made at its first use (under a second)."""
    return BandTable(width)


def _row(a: float, b: Floats, width: float) -> Floats:
    """Quantiles over the standard deviation, for one ``a`` and all ``b``."""
    spread = np.sqrt(1 + 2 * a * b**2 / 3)[:, None]
    # The part without any slope change is normal and taken off analytically; what is left decays like 1/ν.
    none = np.exp(-a)
    reach = np.minimum(np.maximum(8.5 * spread, 40.0), _STEP * _MOST_NODES)
    nodes = (np.arange(_MOST_NODES) + 0.5) * _STEP
    nodes = nodes[: int(np.ceil(reach.max() / _STEP))]
    omega = nodes / spread
    v = b[:, None] * omega
    rest = np.exp(-(omega**2) / 2) * (np.exp(a * (np.arctan(v) / v - 1)) - none)
    weight = rest / nodes * (2 * _STEP / np.pi)

    def held(x: Floats) -> Floats:
        return np.asarray((np.sin(nodes * x[:, None]) * weight).sum(axis=1) + none * _normal_mass(x * spread[:, 0]))

    # Chebyshev's inequality bounds the quantile of whatever distribution.
    low, high = np.zeros(len(b)), np.full(len(b), 1 / np.sqrt(1 - width))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = held(middle) < width
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    at_low, at_high = held(low), held(high)
    between = np.clip((width - at_low) / np.maximum(at_high - at_low, 1e-12), 0, 1)
    return np.asarray(low + (high - low) * between)


def _normal_mass(x: Floats) -> Floats:
    """P(|N(0, 1)| < x)."""
    return np.array([erf(v / sqrt(2)) for v in x.tolist()])
