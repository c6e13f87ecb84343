"""What the store keeps of one pipeline: taken from it at the start, saved as it goes, and once more at the end."""

from __future__ import annotations

import logging
import threading
import time

from sentio.errors import StoreError
from sentio.scheduler import clock
from sentio.state import State
from sentio.store import Store
from sentio.telemetry import Telemetry

log = logging.getLogger(__name__)


class Keeper:
    """What the store keeps of one runner, under the fingerprint of what that was made from, until it is closed."""

    def __init__(self, alias: str, fingerprint: str, store: Store, telemetry: Telemetry) -> None:
        self._alias, self._fingerprint, self._store, self._telemetry = alias, fingerprint, store, telemetry
        self._lock = threading.Lock()
        self._closed = False

    def load(self) -> State | None:
        try:
            return self._store.load(self._alias, self._fingerprint)
        except StoreError as error:
            self._telemetry.set_aside.inc()
            log.warning("%s", error)
            return None

    def misfit(self, error: Exception) -> None:
        """Count and tell that the state that was loaded is of no use."""
        self._telemetry.set_aside.inc()
        log.warning(
            "store %s: the state of %s does not fit (%s: %s); it will be learned anew",
            self._store.path, self._alias, type(error).__name__, error,
        )  # fmt: skip

    def save(self, state: State) -> None:
        with self._lock:
            self._save(state)

    def close(self, state: State) -> None:
        """Save for the last time: a training of a runner that was dropped may end after its successor has saved."""
        with self._lock:
            try:
                self._save(state)
            finally:
                self._closed = True

    def _save(self, state: State) -> None:
        if self._closed or not state.keys:
            return
        started = time.perf_counter()
        try:
            self._store.save(self._alias, self._fingerprint, state, clock())
        except StoreError as error:
            self._telemetry.saves.labels("failed").inc()
            log.error("%s", error)
            return
        self._telemetry.saves.labels("ok").inc()
        self._telemetry.save_seconds.observe(time.perf_counter() - started)
