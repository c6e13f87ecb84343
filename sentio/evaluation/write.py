"""Writes what a backtest has scored, one CSV file a series."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sentio.errors import EvaluationError
from sentio.evaluation.evaluate import Judged
from sentio.types import SECOND, Floats

_HEAD = "time,score,value,yhat,lower,upper,anomaly"
_UNUSABLE = re.compile(r"[^\w.,=+@{}-]+")
_LONGEST = 200


def write_scores(folder: Path, judged: Iterable[Judged]) -> None:
    """``folder/SET/SERIES.csv`` with a line for each sample that was scored: time in seconds since 1970, score,
    value, yhat, lower, upper, anomaly; empty where there is nothing to say.

    Raises `EvaluationError` where it cannot be written.
    """
    try:
        for one in judged:
            path = folder / _file_name(one.group) / f"{_file_name(one.name)}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_text(one), "utf-8")
    except OSError as error:
        raise EvaluationError(f"--out {folder}: cannot be written ({error.strerror}); a folder is expected") from error


def _file_name(name: str) -> str:
    return _UNUSABLE.sub("_", name)[:_LONGEST].strip(".") or "_"


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
