"""What a detector should find at this time, as a page that Prometheus scrapes."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sentio.scenario.timeline import Act

METRIC = "sentio_scenario_active"
_HELP = "1 while a phase of a scenario is under way, for each thing that should be found in the course of it."


class Truth(Collector):
    """One series for each expectation of the act under way; none when there is no act.

    ``run`` is the start of the run, as text: it tells the runs of one scenario apart.
    """

    def __init__(self, scenario: str, run: str) -> None:
        self._scenario = scenario
        self._run = run
        self._act: Act | None = None

    def show(self, act: Act | None) -> None:
        self._act = act

    def describe(self) -> Iterable[Metric]:
        return [GaugeMetricFamily(METRIC, _HELP)]

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(METRIC, _HELP)
        for labels in self._labels(self._act):
            family.add_sample(METRIC, {"scenario": self._scenario, "run": self._run, **labels}, 1)
        return [family]

    @staticmethod
    def _labels(act: Act | None) -> Iterable[dict[str, str]]:
        if act is None:
            return
        if not act.expected:
            yield {"phase": act.name, "expect": "normal", "container_name": act.container}
        for one in act.expected:
            yield {
                "phase": act.name,
                "expect": one.verdict,
                "container_name": one.container,
                "query": one.query,
            }


def exporter(truth: Truth) -> Starlette:
    """The application; ``/metrics`` in whichever text format the scraper asks for."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(truth)

    def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"Content-Type": content_type})

    return Starlette(routes=[Route("/metrics", metrics)])
