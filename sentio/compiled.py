"""Compiles the kernels: loops over samples that NumPy cannot do in one pass."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

import numba

log = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])

_compile = partial(
    numba.njit,
    # Numba lets go of the interpreter's lock meanwhile; one thread, for the worker pool has the cores already.
    nogil=True,
    # Division by zero gives an infinity, as everywhere in NumPy.
    error_model="numpy",
    # Sums may be taken in another order, the same on every run, so that they are vectorised; NaN stays NaN.
    fastmath={"reassoc", "contract"},
)


def kernel(function: F) -> F:
    """``function`` compiled by Numba at its first call, and kept on disk for the next process.

    Where: NUMBA_CACHE_DIR, else beside the module, else in the user's cache folder. Where none of them can be written
    it is compiled anew in each process.
    """
    try:
        return cast(F, _compile(cache=True)(function))
    except RuntimeError as error:
        log.warning("%s is compiled anew at each start (%s); NUMBA_CACHE_DIR is expected", function.__name__, error)
        return cast(F, _compile()(function))
