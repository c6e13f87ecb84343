"""Memory that the C library holds for the next time: glibc's `malloc`; with another one nothing is done.

What a panel of thousands of series takes is large arrays that come and go with each tick. glibc learns from the first
that is freed to keep their room, up to 32 MiB each, where small things soon lie in between.
"""

from __future__ import annotations

import ctypes
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Of `mallopt` (malloc.h)."""
_LARGE, _SPARE = 1 << 20, 4 << 20
"""Bytes: what is so large has room of its own, which goes when it does; and what may be free at the end of the rest."""


def hold_little() -> None:
    """From now on; to be called before there is much."""
    library = _library()
    if library is not None:
        library.mallopt(_MMAP_THRESHOLD, _LARGE)
        library.mallopt(_TRIM_THRESHOLD, _SPARE)


def give_back() -> None:
    """Give to the system what nobody uses now."""
    library = _library()
    if library is not None:
        library.malloc_trim(0)


def _library() -> Any:
    try:
        library = ctypes.CDLL(None)
    except OSError:
        return None
    return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None
