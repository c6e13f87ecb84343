"""What outlives a restart: the states, in SQLite. Versioned, atomic, never a pickle.

A state is one row: its arrays as an ``.npz``, which NumPy reads back without ever running code. Saves are
transactions in WAL mode, so a kill at any moment leaves the last complete one. A file that cannot be used is
set aside under another name, never deleted, and the start goes on with an empty one.
"""

from __future__ import annotations

import io
import logging
import sqlite3
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from sentio.errors import StoreError
from sentio.types import State

log = logging.getLogger(__name__)

VERSION = 1
_BUSY_S = 5.0
_SCHEMA = """
CREATE TABLE states (
    pipeline    TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    saved_at    INTEGER NOT NULL,
    arrays      BLOB NOT NULL
) STRICT
"""
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
        self.set_aside: Path | None = None
        """Where an unusable file was moved, if there was one."""
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = self._open_or_set_aside()
        except (OSError, sqlite3.Error) as error:
            text = f"store {path}: cannot be opened ({error}); a path that may be written is expected"
            raise StoreError(text) from error

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
            with np.load(io.BytesIO(row[1]), allow_pickle=False) as arrays:
                return State.from_arrays(arrays)
        except (
            sqlite3.Error,
            ValueError,
            KeyError,
            OSError,
            EOFError,
            zipfile.BadZipFile,
            StopIteration,
        ) as error:
            text = f"store {self.path}: the state of {pipeline} is damaged ({error}); it will be learned anew"
            raise StoreError(text) from error

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _open_or_set_aside(self) -> sqlite3.Connection:
        try:
            return self._open()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise  # no permission, no room: the file itself may be sound
            why = str(error)
        aside = self.path.with_name(f"{self.path.name}.unusable-{time.strftime('%Y%m%dT%H%M%S')}")
        self.path.rename(aside)
        for suffix in ("-wal", "-shm"):
            rest = self.path.with_name(self.path.name + suffix)
            if rest.exists():
                rest.rename(aside.with_name(aside.name + suffix))
        self.set_aside = aside
        log.warning("store %s: %s; it is set aside as %s, and the start goes on without it", self.path, why, aside)
        return self._open()

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=_BUSY_S, check_same_thread=False)
        try:
            (version,) = database.execute("PRAGMA user_version").fetchone()
            (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
            new = version == 0 and tables == 0
            if not new and version != VERSION:
                raise sqlite3.DatabaseError(f"its version is {version}; {VERSION} is expected")
            # Only now that it is known to be ours: this writes to the file.
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            if new:
                with database:
                    database.execute(_SCHEMA)
                    database.execute(f"PRAGMA user_version = {VERSION}")
            else:
                (said,) = database.execute("PRAGMA quick_check(1)").fetchone()
                if said != "ok":
                    raise sqlite3.DatabaseError(f"it is damaged: {said}")
        except BaseException:
            database.close()
            raise
        return database
