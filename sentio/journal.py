"""What must not be lost between two saves of the store: the alerts that stand, and the messages that wait.

A file beside the store, written when an alert level changes, a message comes or one has gone; these are rare. What one
tick changes of the first two is one transaction, and is on the disk before any of its messages is sent: so whenever a
kill comes, either both are known or neither is, and in the latter case nobody was told anything. A thread writes, for
ticks wait for no disk.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from sentio.database import DAMAGES, Database, Form, packed, unpacked
from sentio.errors import StoreError
from sentio.guard import News
from sentio.reports import Report
from sentio.state import State
from sentio.telemetry import Telemetry
from sentio.waiting import as_report, as_state

log = logging.getLogger(__name__)

_MOST = 256 * 2**20
"""Bytes. What is more is not written, and told of as a disk that is full."""
_AGAIN_S, _LAST_S = 5.0, 2.0
"""Seconds until what could not be written is tried again, and for whoever waits for the end."""
_FORM = Form(
    1,
    {
        "alerts": "pipeline TEXT PRIMARY KEY, arrays BLOB NOT NULL",
        "waiting": """
            id       INTEGER PRIMARY KEY,
            sink     TEXT NOT NULL,
            pipeline TEXT NOT NULL,
            at       INTEGER NOT NULL,
            arrays   BLOB NOT NULL
        """,
    },
    synced=True,
    mode=0o600,
    most=_MOST,
)


@dataclass(frozen=True, slots=True)
class Post:
    """A report that waits for the receiver ``sink``."""

    sink: str
    report: Report


@dataclass(slots=True, eq=False)
class Entry:
    """What is written at once. ``alerts``: by pipeline, of the series that have had one. ``posts``: what waits from
    now on, by number; ``gone``: what does no longer. ``written`` once it is, or cannot be for now."""

    alerts: dict[str, State] = field(default_factory=dict)
    posts: dict[int, Post] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    written: threading.Event = field(default_factory=threading.Event)

    def __bool__(self) -> bool:
        return bool(self.alerts or self.posts or self.gone)


class Journal:
    """The file at ``path``; safe for use by several threads. Raises `StoreError` where no file can be had."""

    def __init__(self, path: Path, telemetry: Telemetry) -> None:
        self._file = Database(path, _FORM)
        self._database, self._telemetry = self._file.connection, telemetry
        if self._file.set_aside:
            telemetry.set_aside.inc()
        self._alerts: dict[str, State] = {}
        self._damaged: set[str] = set()
        self._changed = threading.Condition()
        self._pending: list[Entry] = []
        self._closing = False
        self._thread: threading.Thread | None = None
        self._news = News(f"store {path}")
        self._read_alerts()
        self._waiting = self._read_waiting()
        self._numbers = count(max(self._waiting, default=0) + 1)

    def alerts(self, pipeline: str) -> State | None:
        """What was written last of the series of ``pipeline`` that have had an alert; None where nothing was."""
        return self._alerts.get(pipeline)

    def all_alerts(self) -> dict[str, State]:
        """`alerts` of every pipeline, by name."""
        return dict(self._alerts)

    def lost(self, pipeline: str) -> bool:
        """Whether nobody knows any more what was told of the alerts of ``pipeline``."""
        return pipeline not in self._alerts and (self._file.set_aside is not None or pipeline in self._damaged)

    def waiting(self) -> dict[int, Post]:
        """What waited when the file was opened, the oldest first; once."""
        waiting, self._waiting = self._waiting, {}
        return waiting

    def number(self) -> int:
        """For the next post."""
        return next(self._numbers)

    def write(self, entry: Entry) -> None:
        """Have it written soon; returns at once."""
        if not entry:
            entry.written.set()
            return
        with self._changed:
            if self._closing:
                entry.written.set()
                return
            self._alerts.update(entry.alerts)
            self._pending.append(entry)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Write what is left, in two seconds at most."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread:
            self._thread.join(_LAST_S)
            if self._thread.is_alive():
                return  # the disk hangs; its file is in use
        self._file.close()

    # The thread.

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._closing)
                entries, self._pending = self._pending, []
            if not entries:
                return
            whole = _together(entries)
            done = self._commit(whole)
            for entry in entries:
                entry.written.set()  # where it is not, too: an alert must not wait for a disk that is full
            if done:
                continue
            with self._changed:
                if self._changed.wait_for(lambda: self._closing, _AGAIN_S):
                    return
                self._pending.insert(0, whole)

    def _commit(self, entry: Entry) -> bool:
        try:
            alerts = [(alias, packed(state, small=True)) for alias, state in entry.alerts.items()]
            posts = [
                (number, post.sink, post.report.pipeline, post.report.at, packed(as_state(post.report), small=True))
                for number, post in entry.posts.items()
            ]
            with self._database as transaction:
                # First what makes room, which a full file needs for the rest.
                transaction.executemany("DELETE FROM waiting WHERE id = ?", [(number,) for number in entry.gone])
                transaction.executemany("INSERT OR REPLACE INTO alerts VALUES (?, ?)", alerts)
                transaction.executemany("INSERT OR REPLACE INTO waiting VALUES (?, ?, ?, ?, ?)", posts)
        except (sqlite3.Error, OverflowError, MemoryError) as error:
            self._telemetry.saves.labels("failed").inc()
            text = f"alerts are not written ({error}), so a kill may lose some; room and permission are expected"
            self._news.bad("failed", text)
            return False
        except Exception:
            # A defect of ours: tried again it would fail again, and what comes after it must not pay for it.
            self._telemetry.saves.labels("failed").inc()
            log.exception("store %s: alerts are not written", self._file.path)
            return True
        self._news.good()
        return True

    # At the start.

    def _read_alerts(self) -> None:
        for alias, data in self._rows("SELECT pipeline, arrays FROM alerts"):
            with self._row("alerts", "pipeline", alias):
                self._damaged.add(alias)
                self._alerts[alias] = unpacked(data)

    def _read_waiting(self) -> dict[int, Post]:
        found: dict[int, Post] = {}
        query = "SELECT id, sink, pipeline, at, arrays FROM waiting ORDER BY id"
        for number, sink, alias, at, data in self._rows(query):
            with self._row("waiting", "id", number):
                found[number] = Post(sink, as_report(alias, at, unpacked(data)))
        return found

    def _rows(self, query: str) -> list[Any]:
        try:
            return self._database.execute(query).fetchall()
        except sqlite3.Error as error:
            self._file.close()
            text = f"store {self._file.path}: cannot be read ({error}); a file that is whole is expected"
            raise StoreError(text) from error

    @contextmanager
    def _row(self, table: str, column: str, of: object) -> Iterator[None]:
        """For reading one: where it is damaged, that is counted and said, and the row let go."""
        try:
            yield
        except (*DAMAGES, TypeError) as error:
            self._telemetry.set_aside.inc()
            log.warning("store %s: %s of %s is damaged (%s); it is let go", self._file.path, table, of, error)
            with suppress(sqlite3.Error), self._database as transaction:
                transaction.execute(f"DELETE FROM {table} WHERE {column} = ?", (of,))  # noqa: S608 # names of ours


def beside(store: Path, telemetry: Telemetry) -> Journal | None:
    """The journal of the store at that path; None where there can be none, which is said: alerts go out without it."""
    try:
        return Journal(store.with_name(f"{store.name}-alerts"), telemetry)
    except StoreError as error:
        telemetry.set_aside.inc()
        log.error("%s; a kill may lose alerts", error)
        return None


def _together(entries: list[Entry]) -> Entry:
    """All of them as one: what came and has gone meanwhile is not written at all."""
    whole = Entry()
    for entry in entries:
        whole.alerts.update(entry.alerts)
        whole.posts.update(entry.posts)
        for number in entry.gone:
            if whole.posts.pop(number, None) is None:
                whole.gone.add(number)
    return whole
