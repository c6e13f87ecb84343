"""The lasso in the slope changes, for one σ."""

from __future__ import annotations

import numpy as np

from sentio.compiled import kernel, reduction
from sentio.detectors.prophet.linear import backward, cholesky, forward
from sentio.types import Floats, Ints

_INNER = 500
"""Steps for one σ; some 20 are usual."""
_KKT = 1e-7
"""How far a gradient may be from its condition, as part of the penalty."""
_ROUNDING = 2e-15


@kernel
def lasso(q: Floats, c: Floats, penalty: float, x: Floats) -> bool:
    """The minimum of ``½xᵀQx − cᵀx + penalty·Σ|x|`` from the start ``x``, into it; whether it was found.

    Feature-sign search (Lee, Battle, Raina and Ng 2007): guess which coefficients are not zero and their signs, solve,
    and go there, or to where the first sign on the way changes for the better.
    """
    size = len(x)
    sign = np.sign(x)
    gradient = np.empty(size)
    rounding = _gradient(q, c, x, gradient)
    lower, inverse = np.empty((size, size)), np.empty(size)
    target = np.empty(size)
    active = np.empty(size, np.int64)
    for _ in range(_INNER):
        tolerance = max(_KKT * penalty, _ROUNDING * rounding)
        settled = True
        for i in range(size):
            if sign[i] != 0 and abs(gradient[i] + penalty * sign[i]) > tolerance:
                settled = False
        if settled:
            new, largest = -1, penalty + tolerance
            for i in range(size):
                if sign[i] == 0 and abs(gradient[i]) > largest:
                    new, largest = i, abs(gradient[i])
            if new < 0:
                return True
            sign[new] = -np.sign(gradient[new])
        number = 0
        for i in range(size):
            if sign[i] != 0:
                active[number] = i
                number += 1
        if not _solve_active(q, c, penalty, sign, active, number, lower, inverse, target):
            return False
        _approach(q, gradient, penalty, active, number, target, x, sign)
        rounding = _gradient(q, c, x, gradient)
    return False


@reduction
def _gradient(q: Floats, c: Floats, x: Floats, gradient: Floats) -> float:
    """``Qx − c``; the largest sum of sizes in it, of which rounding is a part."""
    largest = 0.0
    for i in range(len(x)):
        total, size = 0.0, abs(c[i])
        for j in range(len(x)):
            part = q[i, j] * x[j]
            total += part
            size += abs(part)
        gradient[i] = total - c[i]
        largest = max(largest, size)
    return largest


@kernel
def _solve_active(
    q: Floats,
    c: Floats,
    penalty: float,
    sign: Floats,
    active: Ints,
    number: int,
    lower: Floats,
    inverse: Floats,
    target: Floats,
) -> bool:
    """The minimum over the ``active`` ones if their signs stay: ``target [number]``."""
    more = 0.0
    while True:
        for a in range(number):
            for b in range(a + 1):
                lower[a, b] = q[active[a], active[b]]
            lower[a, a] *= 1 + more
            target[a] = c[active[a]] - penalty * sign[active[a]]
        if cholesky(lower, number, inverse):
            break
        # Two changepoints so near one another that their columns differ by rounding alone.
        more = 1e-13 if more == 0 else 100 * more
        if more > 1e-3:
            return False
    forward(lower, inverse, number, target)
    backward(lower, inverse, number, target)
    return True


@kernel
def _approach(
    q: Floats,
    gradient: Floats,
    penalty: float,
    active: Ints,
    number: int,
    target: Floats,
    x: Floats,
    sign: Floats,
) -> None:
    """Move ``x`` to ``target``, or to the best of the places on the way where a coefficient becomes zero."""
    agree = True
    for a in range(number):
        if target[a] * sign[active[a]] <= 0:
            agree = False
    if agree:
        for a in range(number):
            x[active[a]] = target[a]
        return
    along, curve = 0.0, 0.0
    for a in range(number):
        i, move = active[a], target[a] - x[active[a]]
        along += gradient[i] * move
        total = 0.0
        for b in range(number):
            total += q[i, active[b]] * (target[b] - x[active[b]])
        curve += move * total
    best, part, stops = np.inf, 1.0, -1
    for candidate in range(number + 1):
        share = 1.0
        if candidate < number:
            here = x[active[candidate]]
            move = target[candidate] - here
            if here == 0 or move == 0:
                continue
            share = -here / move
            if not 0 < share < 1:
                continue
        value = share * along + 0.5 * share * share * curve
        for a in range(number):
            if a != candidate:
                value += penalty * abs(x[active[a]] + share * (target[a] - x[active[a]]))
        if value < best:
            best, part, stops = value, share, candidate
    for a in range(number):
        i = active[a]
        x[i] = 0.0 if a == stops and part < 1 else x[i] + part * (target[a] - x[i])
        sign[i] = np.sign(x[i])
