"""The simulated containers as a page that Prometheus scrapes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sentio.demo.simulator import CPU, FAULT, MEMORY, Simulator
from sentio.types import SECOND

Clock = Callable[[], float]
"""Seconds since the Unix epoch."""

HELP = {
    CPU: "CPU usage of a simulated container, in percent of one core.",
    MEMORY: "Memory usage of a simulated container, in bytes.",
    FAULT: "1 while the demo makes this container misbehave, which shows in all of its metrics; else 0.",
}


class Containers(Collector):
    """Every series of ``simulator`` at one time: the clock's, read once a scrape."""

    def __init__(self, simulator: Simulator, clock: Clock) -> None:
        self._simulator = simulator
        self._clock = clock

    def describe(self) -> Iterable[Metric]:
        """Without it, registering would collect once, with a clock that nobody meant to be read."""
        return [GaugeMetricFamily(name, text) for name, text in HELP.items()]

    def collect(self) -> Iterable[Metric]:
        now = np.array([round(self._clock() * SECOND)], np.int64)
        keys = self._simulator.keys + self._simulator.truth_keys
        values = np.concatenate([self._simulator.values(now), self._simulator.truth(now)])[:, 0]
        families: dict[str, GaugeMetricFamily] = {}
        for key, value in zip(keys, values.tolist(), strict=True):
            family = families.get(key.name)
            if family is None:
                names = [name for name, _ in key.labels]
                family = families[key.name] = GaugeMetricFamily(key.name, HELP[key.name], labels=names)
            family.add_metric([text for _, text in key.labels], value)
        return families.values()


def exporter(simulator: Simulator, clock: Clock) -> Starlette:
    """The application; ``/metrics`` in whichever text format the scraper asks for."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Containers(simulator, clock))

    def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"Content-Type": content_type})

    return Starlette(routes=[Route("/metrics", metrics)])
