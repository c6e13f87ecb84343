"""The bytes of a file of rows, block by block, each a whole number of rows."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from sentio.errors import SensorsError
from sentio.tables.part import fail

STANDARD = "-"

_BLOCK = 1 << 20
_LONGEST = 1 << 20
"""Bytes of a line at most."""
_OPEN = 100
"""Ends of lines in the field that a growing file ends in: with more, a quotation mark is one too many."""
_MARK, _END = 34, 10


class Blocks:
    """Reads ``path``, ``-`` for standard input, once. Each block comes with the number of its first line.

    ``growing``: somebody appends to the file. A last row without the end of its line may be half of one, and is none
    yet. Raises `SensorsError` where it cannot be read.
    """

    def __init__(self, path: str, where: str, *, growing: bool) -> None:
        self._where, self._growing = where, growing
        self._file = _opened(path)

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        line = 1
        while data := self._read(line, self._file.read, _BLOCK):
            if 0 in data:
                yield line, data  # no text, as is told of it where it is read
                return
            data += self._line(line, data)
            data = self._closed(line, data)
            end = _ended(data) if self._growing else len(data)
            if end:
                yield line, data[:end]
            if end < len(data) or not data.endswith(b"\n"):
                return  # the end of the file, as it was: what is appended meanwhile is the rest of a row
            line += data.count(b"\n")

    def _closed(self, line: int, data: bytes) -> bytes:
        """``data`` with further lines, up to the one in which its last field ends."""
        while data.count(b'"') % 2:
            more = self._line(line, data)
            if not more and self._growing and data.count(b"\n", _ended(data)) <= _OPEN:
                return data
            if not more or len(data) > _BLOCK + 2 * _LONGEST:
                fail(self._where, line, "has, in this line or below, a quotation mark that none closes", "a second")
            data += more
        return data

    def _line(self, line: int, data: bytes) -> bytes:
        """The rest of a line, behind ``data``, which begins with ``line``."""
        rest = self._read(line, self._file.readline, _LONGEST)
        if len(rest) == _LONGEST and not rest.endswith(b"\n"):
            fail(self._where, line + data.count(b"\n"), "has a line of more than 1 MiB", "a shorter one")
        return rest

    def _read(self, line: int, read: Any, size: int) -> bytes:
        try:
            return cast(bytes, read(size))
        except (OSError, EOFError, zlib.error) as error:
            text = getattr(error, "strerror", None) or str(error)
            where = f"{self._where}:{line}"
            raise SensorsError(f"{where}: cannot be read ({text}); a CSV file, or one in gzip, is expected") from error

    def close(self) -> None:
        if self._file is not sys.stdin.buffer:
            self._file.close()


def _ended(data: bytes) -> int:
    """How many bytes the rows of ``data`` have that end in it."""
    block = np.frombuffer(data, np.uint8)
    breaks = block == _END
    if _MARK in data:
        breaks &= np.cumsum(block == _MARK, dtype=np.int32) % 2 == 0
    ends = np.flatnonzero(breaks)
    return int(ends[-1]) + 1 if len(ends) else 0


def _opened(path: str) -> BinaryIO:
    if path == STANDARD:
        return sys.stdin.buffer
    if Path(path).is_dir():
        fail(path, 0, "is a folder", "a file")
    try:
        return cast(BinaryIO, gzip.open(path, "rb")) if path.endswith(".gz") else Path(path).open("rb")
    except FileNotFoundError:
        fail(path, 0, "is not there", "a file of samples")
    except OSError as error:
        raise SensorsError(f"{path}: cannot be read ({error.strerror}); a file that can be is expected") from error
