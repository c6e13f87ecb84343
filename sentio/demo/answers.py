"""Answers of the store as the JSON of Prometheus's HTTP API.

Written piece by piece: a range answer may hold a hundred thousand points, and a general encoder would want
each of them as a Python list.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np

from sentio.demo.text import time_texts, value_texts
from sentio.demo.tsdb import Answer
from sentio.types import SeriesKey


def vector(answer: Answer) -> bytes:
    """An instant answer; ``answer.times`` is one time."""
    (time,) = time_texts(answer.times)
    texts = value_texts(answer.values[:, 0])
    rows = [
        f'{{"metric":{_labels(key)},"value":[{time},"{text}"]}}' for key, text in zip(answer.keys, texts, strict=True)
    ]
    return _result("vector", rows)


def matrix(answer: Answer) -> bytes:
    """A range answer; a series has points where it is present."""
    times = time_texts(answer.times)
    rows = []
    for key, values, present in zip(answer.keys, answer.values, answer.present, strict=True):
        at = times if present.all() else [times[i] for i in np.flatnonzero(present).tolist()]
        points = ",".join(map('[%s,"%s"]'.__mod__, zip(at, value_texts(values[present]), strict=True)))
        rows.append(f'{{"metric":{_labels(key)},"values":[{points}]}}')
    return _result("matrix", rows)


def label_sets(keys: Iterable[SeriesKey]) -> bytes:
    return _success(f"[{','.join(map(_labels, keys))}]")


def texts(values: Iterable[str]) -> bytes:
    """Label names, or label values."""
    return _success(json.dumps(list(values), separators=(",", ":")))


def error(problem: str) -> bytes:
    return f'{{"status":"error","errorType":"bad_data","error":{json.dumps(problem)}}}'.encode()


def _result(kind: str, rows: list[str]) -> bytes:
    return _success(f'{{"resultType":"{kind}","result":[{",".join(rows)}]}}')


def _success(data: str) -> bytes:
    return f'{{"status":"success","data":{data}}}'.encode()


def _labels(key: SeriesKey) -> str:
    name = {"__name__": key.name} if key.name else {}
    return json.dumps(name | dict(key.labels), separators=(",", ":"))
