"""Linear algebra on small matrices: sums, and the factors of Cholesky."""

from __future__ import annotations

import numpy as np

from sentio.compiled import reduction
from sentio.types import Array, Floats


@reduction
def dot(a: Floats, b: Floats) -> float:
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@reduction
def total(a: Floats) -> float:
    total = 0.0
    for i in range(len(a)):
        total += a[i]
    return total


@reduction
def cholesky(a: Floats, size: int, inverse: Floats) -> bool:
    """Factor the lower triangle of ``a`` in place, one over its diagonal into ``inverse``; False where it has none."""
    for i in range(size):
        for j in range(i):
            total = a[i, j]
            for k in range(j):
                total -= a[i, k] * a[j, k]
            a[i, j] = total * inverse[j]
        total = a[i, i]
        for k in range(i):
            total -= a[i, k] * a[i, k]
        if not total > 0:
            return False
        a[i, i] = np.sqrt(total)
        inverse[i] = 1 / a[i, i]
    return True


@reduction
def forward(lower: Floats, inverse: Floats, size: int, b: Array) -> None:
    """Solve ``Lx = b`` in place."""
    for i in range(size):
        total = b[i]
        for k in range(i):
            total -= lower[i, k] * b[k]
        b[i] = total * inverse[i]


@reduction
def backward(lower: Floats, inverse: Floats, size: int, b: Array) -> None:
    """Solve ``Lᵀx = b`` in place."""
    for i in range(size - 1, -1, -1):
        total = b[i]
        for k in range(i + 1, size):
            total -= lower[k, i] * b[k]
        b[i] = total * inverse[i]
