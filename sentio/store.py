"""What outlives a restart: the states, in SQLite, one row each. A file that cannot be used is set aside."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from sentio.database import DAMAGES, Database, Form, packed, unpacked
from sentio.errors import StoreError
from sentio.types import State

VERSION = 1
_FORM = Form(
    VERSION,
    {
        "states": """
            pipeline    TEXT PRIMARY KEY,
            fingerprint TEXT NOT NULL,
            saved_at    INTEGER NOT NULL,
            arrays      BLOB NOT NULL
        """
    },
)


class Store:
    """The file at ``path``; safe for use by several threads. Raises `StoreError` where no file can be had."""

    def __init__(self, path: Path) -> None:
        self.path = path
        file = Database(path, _FORM)
        self._database = file.connection
        self.set_aside = file.set_aside
        """Where an unusable file was moved, if there was one."""
        self._lock = threading.Lock()

    def save(self, pipeline: str, fingerprint: str, state: State, now: int) -> None:
        """Keep ``state`` in place of the pipeline's last one. Raises `StoreError`."""
        row = (pipeline, fingerprint, now, packed(state))
        try:
            with self._lock, self._database as transaction:
                transaction.execute("INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?)", row)
        except (sqlite3.Error, OverflowError, MemoryError) as error:  # the last two: more than a row can hold
            text = (
                f"store {self.path}: the state of {pipeline} is not saved ({error}); room and permission are expected"
            )
            raise StoreError(text) from error

    def load(self, pipeline: str, fingerprint: str) -> State | None:
        """The state that was saved last; None where there is none, or it was made with other options.

        Raises `StoreError` where the row is damaged.
        """
        try:
            with self._lock:
                row = self._database.execute(
                    "SELECT fingerprint, arrays FROM states WHERE pipeline = ?", (pipeline,)
                ).fetchone()
            if row is None or row[0] != fingerprint:
                return None
            return unpacked(row[1])
        except DAMAGES as error:
            text = f"store {self.path}: the state of {pipeline} is damaged ({error}); it will be learned anew"
            raise StoreError(text) from error

    def close(self) -> None:
        with self._lock:
            self._database.close()
