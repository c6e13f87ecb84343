"""What Sentio publishes, as the gauges that a program without a renderer of its own would keep."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from benchmarks.datasource import key
from sentio.sinks.exposition import FAMILIES

HORIZONS = ("5m", "1h")
"""The default ones."""


def registry(series: int) -> CollectorRegistry:
    """Every family that Sentio publishes for ``series`` series, with the labels it gives them."""
    made = CollectorRegistry()
    for name, text in FAMILIES.items():
        horizons = [{"horizon": h} for h in HORIZONS] if name.startswith("sentio_forecast") else [{}]
        names = [label for label, _ in key(0).labels] + ["metric", "query", *horizons[0]]
        gauge = Gauge(name, text, names, registry=made)
        for i in range(series):
            one = key(i)
            for horizon in horizons:
                gauge.labels(**dict(one.labels), metric=one.name, query="bench", **horizon).set(50 + i / 7)
    return made
