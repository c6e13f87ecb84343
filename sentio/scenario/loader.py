"""What puts load on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Protocol

from sentio.errors import SentioError
from sentio.scenario.timeline import Piece, Stress

_MARGIN_S = 10
"""A piece is ended when it is due; by itself it ends only where nobody came to do so."""


class LoadError(SentioError):
    """Load could not be put on, went by itself, or could not be taken off."""


class Loader(Protocol):
    """Puts pieces on and takes them off. All of its methods raise `LoadError`."""

    def prepare(self, containers: Iterable[str], /) -> None:
        """Before the first piece: says what is lacking."""

    def begin(self, piece: Piece) -> None:
        """Returns once it has begun."""

    def end(self, pieces: Sequence[Piece]) -> None:
        """Returns once nothing is left of them; also of those that `begin` failed for."""

    def check(self) -> None:
        """Raises when a piece that is on has gone by itself: what is told about it would be no truth."""

    def close(self) -> None:
        """After the last piece."""


def arguments(name: str, piece: Piece, stress: Stress) -> list[str]:
    """Of the program ``load``, in ``scenarios/workload``."""
    longest = math.ceil(piece.seconds) + _MARGIN_S
    return [name, str(longest), str(stress.cpu), str(stress.memory), f"{stress.disk:.6g}"]
