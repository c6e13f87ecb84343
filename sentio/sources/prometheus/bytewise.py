"""The bytes of a text, as the kernel `sentio.sources.prometheus.scan` looks at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

Text = npt.NDArray[np.uint8]
F = TypeVar("F", bound=Callable[..., Any])


def inlined(function: F) -> F:
    """Part of the kernel `scan`. To the letter: where every bit counts, no sum may be taken in another order. And put
    in its place by force: a call would count who refers to the text, which takes longer than most parts do."""
    return cast(F, numba.njit(error_model="numpy", forceinline=True)(function))


def signs(text: bytes) -> Text:
    return np.frombuffer(text, np.uint8)


@inlined
def byte(text: Text, at: int) -> int:
    """The byte at ``at``; past the end 0, which is part of nothing."""
    # Unsigned, because a negative index would count from the end, and Numba would look whether it is one.
    return int(text[np.uint64(at)]) if at < len(text) else 0


@inlined
def begins(text: Text, at: int, word: Text) -> bool:
    """Whether ``word`` begins at ``at``."""
    for i in range(len(word)):  # noqa: SIM110 # Numba compiles a loop
        if byte(text, at + i) != word[i]:
            return False
    return True
