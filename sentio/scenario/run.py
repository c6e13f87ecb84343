"""Runs a scenario: act after act, the pieces of each when they are due, and the truth about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sentio.scenario.loader import Loader
from sentio.scenario.timeline import Act, Piece
from sentio.scenario.truth import Truth
from sentio.scenario.words import announced
from sentio.types import SECOND

_LOOK_S = 0.1
"""How often it is asked whether to end: a signal that only sets a flag wakes nobody."""
_CHECK_S = 2.0


class Run:
    """One run. ``ended`` says whether somebody wants it to end, ``say`` gets a line for each act."""

    def __init__(
        self, acts: Sequence[Act], loader: Loader, truth: Truth, ended: Callable[[], bool], say: Callable[[str], None]
    ) -> None:
        self._acts = acts
        self._loader = loader
        self._truth = truth
        self._ended = ended
        self._say = say
        self._on: list[Piece] = []
        self._began = 0.0

    def run(self) -> bool:
        """Whether it went to its end. However it ends, nothing of it is left then. Raises `LoadError`."""
        self._began = time.monotonic()
        try:
            return all(self._play(act) for act in self._acts)
        finally:
            self._truth.show(None)
            self._end(self._on)

    def _play(self, act: Act) -> bool:
        """Whether it was played to its end."""
        times = sorted({act.start, act.end, *(at for piece in act.pieces for at in (piece.start, piece.end))})
        for at in times:
            if not self._reach(at):
                return False
            self._end([piece for piece in self._on if piece.end <= at])
            if at == act.start:
                self._say(announced(act, time.time()))
                self._truth.show(act)
            for piece in act.pieces:
                if piece.start == at:
                    # Before it is on: one that began only half is ended, too.
                    self._on.append(piece)
                    self._loader.begin(piece)
        return True

    def _reach(self, at: int) -> bool:
        """Waits until that time of the run; whether nobody wanted an end before it."""
        looked = time.monotonic()
        while (left := self._began + at / SECOND - time.monotonic()) > 0:
            if self._ended():
                return False
            time.sleep(min(left, _LOOK_S))
            if time.monotonic() - looked >= _CHECK_S:
                self._loader.check()
                looked = time.monotonic()
        return not self._ended()

    def _end(self, pieces: Sequence[Piece]) -> None:
        self._loader.end(pieces)
        self._on = [piece for piece in self._on if piece not in pieces]
