"""What runs on a worker of the cluster, and how it gets there."""

from __future__ import annotations

import importlib
import importlib.metadata
import pickle
from collections.abc import Callable, Iterable
from typing import Any

from sentio import __version__
from sentio.errors import SentioError

Names = tuple[str, ...]


class _Call:
    """Bytes that make a call when they are read: ``pickle.loads(pickle.dumps(_Call(call)))`` is ``run(call)``.

    So Dask is asked for no more than ``pickle.loads``, which every scheduler and every worker has. A function that a
    worker cannot import would end its whole process, somebody else's work with it; this way it is an error of the task.
    """

    def __init__(self, call: bytes) -> None:
        self._call = call

    def __reduce__(self) -> tuple[Callable[[bytes], bytes], tuple[bytes]]:
        return run, (self._call,)


def packed(function: Callable[..., Any], args: Any, kwargs: Any) -> bytes:
    """The call as an argument for ``pickle.loads`` on a worker, which gives what `outcome` reads. Raises whatever
    pickle says of what cannot be sent."""
    call = pickle.dumps((function, args, kwargs), protocol=pickle.HIGHEST_PROTOCOL)
    return pickle.dumps(_Call(call), protocol=pickle.HIGHEST_PROTOCOL)


def run(call: bytes) -> bytes:
    """Make the call, and tell what it gives or raises. So what Dask itself raises is never the task's own."""
    try:
        function, args, kwargs = pickle.loads(call)  # noqa: S301 # from Sentio, over Dask's own connection
        return pickle.dumps((True, function(*args, **kwargs)), protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 # it belongs to whoever waits for the result
        return _told(error)


def outcome(answer: bytes) -> Any:
    """What the call gave. Raises what it raised."""
    done, value = pickle.loads(answer)  # noqa: S301 # from a worker that is trusted with the work itself
    if done:
        return value
    raise value


def look(preload: Names, packages: Names) -> dict[str, str]:
    """Import what tasks will need, and tell which versions of ``packages`` are here."""
    for module in preload:
        importlib.import_module(module)
    return versions(packages)


def versions(packages: Iterable[str]) -> dict[str, str]:
    """What decides whether a worker's results are those of this process."""
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"sentio": __version__, **found}


def _told(error: Exception) -> bytes:
    """As it is, where it can be sent and read again."""
    try:
        told = pickle.dumps((False, error), protocol=pickle.HIGHEST_PROTOCOL)
        pickle.loads(told)  # noqa: S301 # what was written a line above
    except Exception:  # noqa: BLE001 # an exception's own __reduce__ may raise anything at all
        return pickle.dumps((False, SentioError(f"{type(error).__name__}: {error}")))
    return told
