"""What outlives a restart: the states, in SQLite, one row each. A file that cannot be used is set aside."""

from __future__ import annotations

import io
import logging
import sqlite3
import threading
from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np

from sentio.database import DAMAGES, Database, Form, unpacked
from sentio.errors import StoreError
from sentio.state import State
from sentio.types import SECOND

log = logging.getLogger(__name__)

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
_KEPT = 14 * 86_400 * SECOND
"""A state is of use for so long where its pipeline comes back: the history that it was learned from is as long."""
_MAKE_ROOM = "INSERT OR REPLACE INTO states VALUES (?, ?, ?, zeroblob(?)) RETURNING rowid"


class _Length(io.RawIOBase):
    """A file that keeps nothing but its length, ``most`` bytes."""

    def __init__(self) -> None:
        self.most = self._at = 0

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._at = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.most}[whence] + offset
        return self._at

    def write(self, data: Any, /) -> int:
        size = memoryview(data).nbytes
        self._at += size
        self.most = max(self.most, self._at)
        return size


class _Row(_Length):
    """A file in the room of a row that is as long as it will be."""

    def __init__(self, room: sqlite3.Blob) -> None:
        super().__init__()
        self._room = room

    def write(self, data: Any, /) -> int:
        self._room.seek(self._at)
        self._room.write(data)
        return super().write(data)


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
        arrays = state.to_arrays()
        size = _Length()
        np.savez(size, allow_pickle=False, **arrays)
        row = (pipeline, fingerprint, now, size.most)
        try:
            with self._lock, self._database as transaction:
                # Room first, then array by array into it: a row that is bound as a whole is copied twice by SQLite.
                [(place,)] = transaction.execute(_MAKE_ROOM, row).fetchall()
                with transaction.blobopen("states", "arrays", place) as room:
                    np.savez(_Row(room), allow_pickle=False, **arrays)
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

    def let_go(self, but: Container[str], now: int) -> None:
        """Forget the states that were not saved for two weeks up to ``now`` ns, ``but`` for those of these pipelines.
        Where that fails they are there at the next start, too."""
        try:
            with self._lock, self._database as transaction:
                old = transaction.execute("SELECT pipeline FROM states WHERE saved_at < ?", (now - _KEPT,)).fetchall()
                for (pipeline,) in old:
                    if pipeline not in but:
                        transaction.execute("DELETE FROM states WHERE pipeline = ?", (pipeline,))
                        text = "store %s: the state of %s, which is no pipeline any more, is let go"
                        log.info(text, self.path, pipeline)
        except sqlite3.Error as error:
            log.warning("store %s: what is old is not let go (%s)", self.path, error)

    def close(self) -> None:
        with self._lock:
            self._database.close()
