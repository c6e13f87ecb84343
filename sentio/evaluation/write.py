"""Writes what a backtest has scored, one CSV file a series."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from sentio.errors import EvaluationError
from sentio.evaluation.evaluate import Judged
from sentio.types import SECOND, Floats

log = logging.getLogger(__name__)

_HEAD = "time,score,value,yhat,lower,upper,anomaly"
_UNUSABLE = re.compile(r"[^\w.,=+@{}-]+")
_LONGEST = 200
"""Bytes, which leaves room for a number and the ending."""


def make_folder(folder: Path) -> None:
    """So that what cannot be written to is known before a long replay. Raises `EvaluationError`."""
    with _told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


def write_scores(folder: Path, judged: Iterable[Judged]) -> None:
    """``folder/SET/SERIES.csv`` with a line for each sample that was scored: time in seconds since 1970, score,
    value, yhat, lower, upper, anomaly; empty where there is nothing to say. Where two names make one name of a file,
    the later one gets a number, and the log says which.

    Raises `EvaluationError` where it cannot be written.
    """
    taken: dict[Path, int] = {}
    with _told(folder):
        for one in judged:
            wanted = folder / _file_name(one.group) / f"{_file_name(one.name)}.csv"
            path = _untaken(wanted, taken)
            if path != wanted:
                log.warning("%s of %s is in %s: another series has %s", one.name, one.group, path, wanted.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_text(one), "utf-8")


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EvaluationError(f"--out {folder}: cannot be written ({error.strerror}); a folder is expected") from error


def _untaken(path: Path, taken: dict[Path, int]) -> Path:
    """``path``, with a number where it is ``taken`` (each path with the last number that was tried for it)."""
    found = path
    while found in taken:
        taken[path] += 1
        found = path.with_name(f"{path.stem}-{taken[path]}{path.suffix}")
    taken[found] = 1
    return found


def _file_name(name: str) -> str:
    # By bytes: a file system counts these, and a letter may be four.
    return _UNUSABLE.sub("_", name).encode()[:_LONGEST].decode(errors="ignore").strip(".") or "_"


def _text(one: Judged) -> str:
    scored = np.flatnonzero(np.isfinite(one.score))
    columns = [
        [_seconds(at) for at in one.times[scored].tolist()],
        *(_texts(c[scored]) for c in (one.score, one.values, one.yhat, one.lower, one.upper, one.anomaly)),
    ]
    return "\n".join([_HEAD, *map(",".join, zip(*columns, strict=True))]) + "\n"


def _seconds(at: int) -> str:
    whole, rest = divmod(at, SECOND)
    return f"{whole}.{rest:09d}".rstrip("0") if rest else str(whole)


def _texts(values: Floats) -> list[str]:
    # repr: the shortest text that is read back as the same double.
    return ["" if value != value else repr(value) for value in values.tolist()]
