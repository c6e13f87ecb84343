"""What a file has, read again where the file has changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from sentio.errors import SourceError

T = TypeVar("T")


class Kept(Generic[T]):
    """What ``read`` makes of the file ``path``, as long as it is the same file, its size and its time of change too."""

    def __init__(self, path: Path, read: Callable[[Path], T]) -> None:
        self._path, self._read = path, read
        self._found: tuple[tuple[int, ...], T] | None = None

    def now(self) -> T:
        """Raises `SourceError` where the file is not there or cannot be opened, and what ``read`` raises."""
        try:
            there = self._path.stat()
            # Before it is read: what is appended meanwhile makes another stamp, and is read next time.
            stamp = there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns
            if self._found is None or self._found[0] != stamp:
                self._found = stamp, self._read(self._path)
        except FileNotFoundError as error:
            raise SourceError(f"{self._path}: is not there; a file is expected", reason="not_found") from error
        except OSError as error:
            text = f"{self._path}: cannot be read ({error.strerror}); a file that can be is expected"
            raise SourceError(text, reason="unreachable") from error
        return self._found[1]
