"""Compiles the kernels: loops over samples that NumPy cannot do in one pass."""

from __future__ import annotations

import hashlib
import inspect
import logging
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar, cast, get_args, get_type_hints

import numba
import numpy as np
from numba.core import caching, event

log = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])

_compile = partial(
    numba.njit,
    # Numba lets go of the interpreter's lock meanwhile; one thread, for the worker pool has the cores already.
    nogil=True,
    # Division by zero gives an infinity, as everywhere in NumPy.
    error_model="numpy",
)


class _FirstCompiled(event.Listener):
    """Tells that kernels are compiled, once in a process: nothing else is to be seen meanwhile."""

    def __init__(self) -> None:
        self._told = False

    def on_start(self, event: event.Event) -> None:
        function = event.data["dispatcher"].py_func
        if not self._told and function.__module__.startswith("sentio."):
            self._told = True
            log.info("compiling, which takes some seconds and is kept for the next start; sentio warmup does it before")

    def on_end(self, event: event.Event) -> None:
        """Needs no word."""


class _Cache(caching.FunctionCache):
    """What is compiled, on disk; old as soon as any file of the kernel's folder has changed. Numba alone looks at the
    kernel's own file, and not at those of the parts that it calls."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call] # Numba has no types
        self._cache_file._source_stamp = _of_sources(Path(inspect.getfile(function)).parent)


@cache
def _of_sources(folder: Path) -> str:
    """Another text where any file of ``folder`` is another."""
    text = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        text.update(path.read_bytes())
    return text.hexdigest()


event.register("numba:compile", _FirstCompiled())  # type: ignore[no-untyped-call] # Numba has no types


def kernel(function: F) -> F:
    """``function`` compiled by Numba at its first call, and kept on disk for the next process. It computes to the
    letter, so that the same numbers give the same bits.

    Where it is kept: NUMBA_CACHE_DIR, else beside the module, else in the user's cache folder. Where none of them can
    be written it is compiled anew in each process.
    """
    return _kept(_compile, function)


def record(arrays: type, **shapes: tuple[int, ...]) -> np.dtype[np.void]:
    """What a `kernel` remembers of one series: a field for each of the ``arrays`` that a class declares, of the numbers
    that are written there and the shape that is given here, or one number. The largest come first, so that each lies
    where the processor reads it in one go, and a ``filler`` is the last, so that it does in the next record, too. Where
    NumPy fills up records (``align``) it does not of those that were saved, and Numba takes these for another type.

    An array of it goes from one `part` to another as one pointer. As many arrays of their own as there are fields cost
    more to hand on, and to compile, than most parts do themselves.

    Raises `TypeError` where a shape is no field's, or a name would be taken for what every array has.
    """
    kinds = {name: _number(hint) for name, hint in get_type_hints(arrays).items()}
    fields = [(name, kind, shapes.pop(name, ())) for name, kind in kinds.items()]
    if shapes:
        raise TypeError(f"{arrays.__name__}: a shape is given for {', '.join(shapes)}; fields of it are expected")
    taken = [name for name in kinds if hasattr(np.ndarray, name)]
    if taken:
        raise TypeError(f"{arrays.__name__}: of an array {', '.join(taken)} is another thing; other names are expected")
    fields.sort(key=lambda field: -np.dtype(field[1]).itemsize)
    if rest := -np.dtype(fields).itemsize % 8:
        fields.append(("filler", np.uint8, (rest,)))
    return np.dtype(fields)


def _number(array: Any) -> type[np.generic]:
    """``np.float64`` of ``NDArray[np.float64]``."""
    [kind] = get_args(get_args(array)[1])
    return cast(type[np.generic], kind)


def part(function: F) -> F:
    """A part of a `kernel` in the same folder, to be called by it alone."""
    return cast(F, _compile(no_cpython_wrapper=True, no_cfunc_wrapper=True)(function))


def reduction(function: F) -> F:
    """A `kernel` whose innermost loops add up, and store nothing: they may take the terms in another order, and so
    several at once. It is the same order on every run; in a loop that stores, which of two versions is run depends on
    where the arrays happen to lie."""
    return _kept(partial(_compile, fastmath={"reassoc"}), function)


def _kept(compiled: Callable[..., Any], function: F) -> F:
    dispatcher = compiled()(function)
    try:
        # As `cache=True` does, but for what makes it old.
        dispatcher._cache = _Cache(function)
    except RuntimeError as error:
        log.warning("%s is compiled anew at each start (%s); NUMBA_CACHE_DIR is expected", function.__name__, error)
    return cast(F, dispatcher)
