"""A SQLite file of Sentio's own: versioned, atomic, never a pickle.

What is written are arrays as an ``.npz``, which NumPy reads back without ever running code. Writes are transactions in
WAL mode, so a kill at any moment leaves the last complete one. A file that cannot be used is set aside under another
name, never deleted, and the start goes on with an empty one.
"""

from __future__ import annotations

import io
import logging
import os
import sqlite3
import time
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentio.errors import StoreError
from sentio.state import State

log = logging.getLogger(__name__)

_BUSY_S = 5.0
_PAGE = 4096
_NO_FORMAT = "unsupported file format"
"""SQLite's word, as of its own mistakes, for a header that is damaged there."""

DAMAGES = (
    sqlite3.Error, ValueError, KeyError, OSError, EOFError, StopIteration,
    zipfile.BadZipFile, zlib.error, RuntimeError,
)  # fmt: skip
"""What reading a damaged row may raise: the last one of a flag that says that it is encrypted."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a file of ``version`` looks like. ``tables``: name → columns. ``synced``: each transaction is on the disk
    when it has ended, not only in the system's hands. ``mode``: who may read a new one, within the umask. ``most``
    bytes that it may have; 0 for any number."""

    version: int
    tables: Mapping[str, str]
    synced: bool = False
    mode: int = 0o666
    most: int = 0


class Database:
    """The file at ``path``; its folder is made. Raises `StoreError` where no file can be had."""

    def __init__(self, path: Path, form: Form) -> None:
        self.path, self._form = path, form
        self.set_aside: Path | None = None
        """Where an unusable file was moved, if there was one."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.connection = self._open_or_set_aside()
        except (OSError, sqlite3.Error) as error:
            text = f"store {path}: cannot be opened ({error}); a path that may be written is expected"
            raise StoreError(text) from error

    def close(self) -> None:
        self.connection.close()

    def _open_or_set_aside(self) -> sqlite3.Connection:
        try:
            return self._open()
        except UnicodeDecodeError:  # SQLite's own word on what is damaged has the damage in it
            why = "it is damaged: its tables cannot be read"
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and str(error) != _NO_FORMAT:
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
        # SQLite would make it with the mode that the umask gives; what it makes beside it has the mode of this one.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, self._form.mode))
        database = sqlite3.connect(self.path, timeout=_BUSY_S, check_same_thread=False)
        try:
            self._check_or_make(database)
        except BaseException:
            database.close()
            raise
        return database

    def _check_or_make(self, database: sqlite3.Connection) -> None:
        form = self._form
        (version,) = database.execute("PRAGMA user_version").fetchone()
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        new = version == 0 and not tables
        if not new and version != form.version:
            raise sqlite3.DatabaseError(f"its version is {version}; {form.version} is expected")
        if not new and tables != set(form.tables):
            raise sqlite3.DatabaseError(f"it holds {', '.join(sorted(tables))}; {', '.join(form.tables)} is expected")
        # Only now that it is known to be ours: this writes to the file.
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA synchronous = {'FULL' if form.synced else 'NORMAL'}")
        if form.most:
            database.execute(f"PRAGMA max_page_count = {form.most // _PAGE}")
            database.execute(f"PRAGMA journal_size_limit = {form.most}")
        if not new:
            (said,) = database.execute("PRAGMA quick_check(1)").fetchone()
            if said != "ok":
                raise sqlite3.DatabaseError(f"it is damaged: {said}")
            return
        with database:
            database.execute("BEGIN")  # Python's own transactions leave tables out
            for name, columns in form.tables.items():
                database.execute(f"CREATE TABLE {name} ({columns}) STRICT")
            database.execute(f"PRAGMA user_version = {form.version}")


def packed(state: State, *, small: bool = False) -> memoryview:
    """``state`` as the bytes of an ``.npz``, without a copy of them; ``small``: compressed, which takes longer."""
    out = io.BytesIO()
    (np.savez_compressed if small else np.savez)(out, allow_pickle=False, **state.to_arrays())
    return out.getbuffer()


def unpacked(data: bytes) -> State:
    """What `packed` made bytes; raises one of `DAMAGES` where they are not."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return State.from_arrays(arrays)
