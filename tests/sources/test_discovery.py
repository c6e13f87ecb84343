"""A query that names a metric which is not there: that is said, with what is near."""

from __future__ import annotations

import numpy as np
import pytest

from sentio.demo.api import api
from sentio.demo.series import Series
from sentio.demo.tsdb import Tsdb
from sentio.server import Server
from sentio.sources.prometheus import Prometheus
from sentio.sources.prometheus.discovery import Discovery
from sentio.types import SECOND, Failure, SeriesKey, Window

NOW = 1_700_000_000 * SECOND
WINDOW = Window(NOW, NOW + 60 * SECOND, 15 * SECOND)


@pytest.fixture(scope="module")
def source():
    store = Tsdb()
    for name in ("docker_container_cpu_usage_percent", "docker_container_mem_usage", "up"):
        store.extend(Series(SeriesKey(name, (("i", "1"),)), np.array([NOW]), np.array([1.0])))
    with Server(api(store, lambda: NOW / SECOND)) as server:
        yield Prometheus(Prometheus.Options(url=server.url))


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (
            "docker_container_cpu_usage",
            "names the metric docker_container_cpu_usage, which the server does not have; the nearest of its 3 metrics "
            "are docker_container_mem_usage, docker_container_cpu_usage_percent",
        ),
        ('nothing{i="1"}', "names the metric nothing, which the server does not have; it has none like it"),
    ],
)
def test_an_unknown_metric_is_said(source, query, text):
    panel = source.read(query, WINDOW)
    assert panel.keys == ()
    assert panel.notes.failures == (Failure(query, "unknown_metric", text),)


@pytest.mark.parametrize("query", ['up{i="2"}', "up", '{i="2"}'])
def test_a_known_metric_may_give_nothing(source, query):
    assert source.read(query, WINDOW).notes.failures == ()


def test_the_names_are_asked_for_once():
    asked = []
    discovery = Discovery(lambda: asked.append(1) or ["up"])
    for _ in range(5):
        assert discovery.explain("down") is not None
    assert discovery.explain("sum(down)") is None
    assert len(asked) == 1
