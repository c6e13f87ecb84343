"""One set of samples, in the embedded store and in a real Prometheus, both asked over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from sentio.demo.api import api
from sentio.demo.prometheus_process import PrometheusProcess
from sentio.demo.series import Series
from sentio.demo.tsdb import Tsdb
from sentio.server import Server
from sentio.types import SECOND, SeriesKey
from tests.servers import need_prometheus

T0 = 1_700_000_000
"""Seconds; the samples lie in the two hours from here on."""
SPAN = 7200
ODD = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e308, -1e308, 5e-324, 1e-6, 9.9e-7, 1e-7, 1e-5, 1e21, 1e20, 1e16]
ODD += [123456789012345680000.0, 0.1 + 0.2, 9007199254740993.0, 1 / 3, 100.0, -2.5, 1e15, 123456.789]


@dataclass(frozen=True)
class Api:
    """A Prometheus API at ``url``."""

    url: str

    def get(self, path: str, **params: object) -> requests.Response:
        """``match`` stands for ``match[]``, which Python cannot name."""
        named = {"match[]" if name == "match" else name: value for name, value in params.items()}
        return requests.get(f"{self.url}/api/v1/{path}", params=named, timeout=60)

    def data(self, path: str, **params: object) -> Any:
        response = self.get(path, **params)
        assert response.status_code == 200, response.text
        body = response.json()
        assert body.pop("status") == "success"
        return body["data"]


def series(labels: dict[str, str], seconds: np.ndarray, values: np.ndarray) -> Series:
    """``seconds`` are relative to `T0`."""
    ms = np.rint((T0 + seconds) * 1000).astype(np.int64)
    return Series(SeriesKey.of(labels), ms * (SECOND // 1000), values.astype(float))


def samples() -> list[Series]:
    """Regular, with gaps above the lookback, irregular, ending early; odd labels; odd numbers."""
    rng = np.random.default_rng(7)
    grid = np.arange(7.25, SPAN, 15)
    gap = grid[(grid < 1000) | (grid > 2000) & (grid < 2400) | (grid > 2750)]
    ragged = np.unique(np.round(rng.uniform(0, SPAN, 300), 3))
    wild = rng.uniform(-1, 1, 500) * 10.0 ** rng.integers(-320, 308, 500)
    named = [
        ({"__name__": "foo", "a": "x", "zone": "1"}, grid, rng.normal(size=len(grid))),
        ({"__name__": "foo", "a": "gap"}, gap, rng.normal(size=len(gap))),
        ({"__name__": "foo", "a": "ragged", "A": "upper"}, ragged, rng.normal(size=len(ragged))),
        ({"__name__": "foo", "a": 'q"\\\n😀é', "_b": "1"}, grid, np.round(rng.normal(size=len(grid)) * 1e6)),
        ({"__name__": "foo", "a": "early"}, grid[:9], np.arange(9)),
        ({"__name__": "odd", "a": "x"}, grid[: len(ODD)], np.array(ODD)),
        ({"__name__": "wild"}, np.arange(500) * 14 + 3.5, wild),
        ({"__name__": "sum", "a": "1.5", "le": "+Inf"}, grid, np.arange(len(grid))),
        ({"__name__": "ns:rule:rate5m", "zone": "2"}, grid, np.arange(len(grid)) * 0.1),
    ]
    return [series(*each) for each in named]


@pytest.fixture(scope="session")
def embedded() -> Iterator[Api]:
    store = Tsdb()
    for each in samples():
        store.extend(each)
    with Server(api(store, lambda: T0 + 100.0)) as server:
        yield Api(server.url)


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    need_prometheus()
    folder: Path = tmp_path_factory.mktemp("prometheus")
    process = PrometheusProcess(folder, "127.0.0.1:1", None, 600.0)
    process.load(samples())
    with process:
        yield Api(process.url)
