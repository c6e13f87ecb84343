"""Several Sentios share the series of one query of a real Prometheus: each series has one of them, at every size."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sentio.demo.series import Series, under_target
from sentio.server import Server
from sentio.service import Service
from sentio.shard import owner
from sentio.types import SECOND, SeriesKey
from tests.servers import Exporter, Page, Prometheus, running_prometheus, until
from tests.service.support import running

METRIC = "the_metric"
HOSTS = {f"h{i:02}" for i in range(40)}
LEAST = {"growth": "flat", "yearly_seasonality": "false", "weekly_seasonality": "false", "daily_seasonality": "false"}
NOWHERE = "http://127.0.0.1:1"


def value(host: str, t: float) -> float:
    return 10.0 * int(host[1:]) + float(np.sin(t / 40))


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with Exporter(METRIC) as exporter:
        for host in HOSTS:
            exporter.series[SeriesKey(METRIC, (("host", host),))] = lambda t, host=host: value(host, t)
        seconds = np.arange(int(time.time()) - 605, int(time.time()) - 5, 2)
        target = {"job": "demo", "instance": exporter.address}
        past = [
            Series(
                under_target(SeriesKey(METRIC, (("host", host),)), target),
                seconds.astype(np.int64) * SECOND,
                np.array([value(host, t) for t in seconds]),
            )
            for host in sorted(HOSTS)
        ]
        folder = tmp_path_factory.mktemp("prometheus")
        with running_prometheus(folder, history=past, exporter=exporter.address) as server:
            yield server


class Replica:
    """One of them, in this process, with a configuration and a store of its own."""

    def __init__(self, folder: Path, url: str, index: int, of: int) -> None:
        folder.mkdir(exist_ok=True)
        self._config, self._url, self.index = folder / f"{index}.yml", url, index
        self._store = folder / f"{index}.db"
        self.configure(of)
        self._open = contextlib.ExitStack()
        self.service: Service
        self._web: Server

    def configure(self, of: int) -> None:
        detector = ", ".join(f"{name}: {option}" for name, option in LEAST.items())
        self._config.write_text(
            f"sources: {{main: {{type: prometheus, url: '{self._url}', timeout: 5s, retries: 0}}}}\n"
            f"pipelines: {{load: {{source: main, query: {METRIC}, step: 2s, detector: {{{detector}}}}}}}\n"
            f"store: {{path: {self._store}}}\n"
            "executor: {workers: 1}\n"
            f"shard: {{index: {self.index}, of: {of}}}\n"
        )

    def start(self, store: Path | None = None) -> Replica:
        if store:
            shutil.copy(store, self._store)
        self.service, self._web = self._open.enter_context(running([self._config]))
        return self

    def resize(self, of: int) -> None:
        self.configure(of)
        assert self.service.reload() is None

    def stop(self) -> Path:
        """Its store, complete."""
        self._open.close()
        return self._store

    @property
    def page(self) -> Page:
        return Page(self._web.url)

    def hosts(self, name: str = "sentio_yhat") -> set[str]:
        return {dict(labels)["host"] for labels in self.page.all(name)}

    @property
    def fits(self) -> float:
        return sum(self.page.all("sentio_fits_total").values())


def shared(replicas: list[Replica], name: str = "sentio_yhat") -> bool:
    """Each series is published, once."""
    parts = [replica.hosts(name) for replica in replicas]
    return sum(map(len, parts)) == len(HOSTS) and set().union(*parts) == HOSTS


def test_none_is_lost_and_none_is_doubled_from_one_to_four_to_three(prometheus: Prometheus, tmp_path: Path) -> None:
    replicas = [Replica(tmp_path, prometheus.url, 0, 1).start()]
    try:
        until(lambda: shared(replicas), 20, "one has them all")
        learned = replicas[0].fits
        replicas[0].resize(4)
        assert len(replicas[0].hosts()) < len(HOSTS), "what another has is gone at once, and its own is there"
        replicas += [Replica(tmp_path, prometheus.url, i, 4).start() for i in (1, 2, 3)]
        until(lambda: shared(replicas), 30, "four share them")
        until(lambda: shared(replicas, "sentio_value"), 10, "and judge what arrives")
        assert replicas[0].fits == learned, "what it keeps is not learned anew"
        four = [replica.hosts() for replica in replicas]
        assert all(four)
        assert [set(replica.page.all("sentio_shard_info", of="4")) for replica in replicas] == [
            {frozenset({("index", str(i)), ("of", "4")})} for i in range(4)
        ]
        replicas.pop().stop()
        for replica in replicas:
            replica.resize(3)
        until(lambda: shared(replicas), 30, "three share them")
        until(lambda: shared(replicas, "sentio_value"), 10, "and judge what arrives")
        three = [replica.hosts() for replica in replicas]
        assert all(before <= after for before, after in zip(four, three, strict=False)), "only those of the last moved"
        assert replicas[0].page.get("sentio_shard_info") == 1
        assert len(replicas[0].service.runners()[0].state.keys) == len(three[0])
    finally:
        for replica in replicas:
            replica.stop()


def test_a_restored_state_is_cut_to_what_is_ones_own(prometheus: Prometheus, tmp_path: Path) -> None:
    """Started over the store of a time when one had them all, with no Prometheus to ask."""
    whole = Replica(tmp_path / "whole", prometheus.url, 0, 1).start()
    until(lambda: shared([whole]), 20, "one has them all")
    keys = whole.service.runners()[0].state.keys
    store = whole.stop()
    replicas = [Replica(tmp_path / "parts", NOWHERE, i, 3).start(store) for i in range(3)]
    try:
        assert shared(replicas)
        for replica in replicas:
            mine = {key for key in keys if owner(key, 3) == replica.index}
            assert set(replica.service.runners()[0].state.keys) == mine
            assert replica.hosts() == {dict(key.labels)["host"] for key in mine}
            assert replica.fits == 0
    finally:
        for replica in replicas:
            replica.stop()


def test_without_a_shard_every_series_is_ones_own(prometheus: Prometheus, tmp_path: Path) -> None:
    replica = Replica(tmp_path, prometheus.url, 0, 1)
    path = tmp_path / "0.yml"
    path.write_text(path.read_text().replace("shard:", "# shard:"))
    replica.start()
    try:
        until(lambda: shared([replica], "sentio_value"), 20, "one has them all")
        assert replica.page.get("sentio_shard_info") is None
    finally:
        replica.stop()
