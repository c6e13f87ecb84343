"""An executor that does the work where it is asked for it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

T = TypeVar("T")


class Inline(Executor):
    """Runs each task in `submit`. A replay is one of many in a pool already: it has no use for processes of its own."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        result: Future[T] = Future()
        try:
            result.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 # it belongs to whoever asks for the result
            result.set_exception(error)
        return result
