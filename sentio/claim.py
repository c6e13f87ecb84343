"""One Sentio at a time on a store: two would save over one another, and send one another's messages."""

from __future__ import annotations

import fcntl
import logging
from pathlib import Path

from sentio.errors import StoreError

log = logging.getLogger(__name__)


class Claim:
    """The store at ``path`` is this process's until it is let go of, or the process ends, however it does.

    Raises `StoreError` where another process has it, or no file can be had beside it.
    """

    def __init__(self, path: Path) -> None:
        beside = path.with_name(f"{path.name}.lock")
        try:
            beside.parent.mkdir(parents=True, exist_ok=True)
            # Not the store itself: to close any file of it would take SQLite's own locks away.
            self._file = beside.open("ab")
        except OSError as error:
            text = f"store {path}: cannot be opened ({error}); a path that may be written is expected"
            raise StoreError(text) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            expected = "an end of that one, or another store.path, is expected"
            raise StoreError(f"store {path}: another Sentio is at work with it; {expected}") from error
        except OSError as error:  # not every file system knows locks
            log.warning("store %s: whether another Sentio is at work with it cannot be known (%s)", path, error)

    def release(self) -> None:
        """Again, too."""
        self._file.close()
