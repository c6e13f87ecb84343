"""The table of Sentio's own metrics: labelled by query alias, never by series."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sentio import __version__

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)

Ages = Callable[[], Iterable[tuple[str, float | None, float | None]]]
"""Gives (alias, age of the newest sample, age of the oldest model), each in seconds or None."""


class Telemetry:
    """Every metric that Sentio keeps about itself, in one registry."""

    def __init__(self) -> None:
        self.registry = r = CollectorRegistry()
        ProcessCollector(registry=r)
        build = Gauge("sentio_build_info", "What runs here; always 1.", ("version", "python"), registry=r)
        build.labels(__version__, platform.python_version()).set(1)

        self.datasource_up = Gauge(
            "sentio_datasource_up", "Whether the last read succeeded.", ("query", "source"), registry=r
        )
        self.reads = Counter(
            "sentio_reads_total",
            "Reads by outcome: ok, or why they failed.",
            ("query", "outcome"),
            registry=r,
        )
        self.read_retries = Counter("sentio_read_retries_total", "Attempts after the first.", ("query",), registry=r)
        self.read_bytes = Counter("sentio_read_bytes_total", "Bytes of answers decoded.", ("query",), registry=r)
        self.read_seconds = Histogram(
            "sentio_read_duration_seconds",
            "Reads, retries included.",
            ("query",),
            buckets=_SECONDS,
            registry=r,
        )
        self.samples = Counter("sentio_samples_total", "Samples scored.", ("query",), registry=r)
        self.dropped = Counter(
            "sentio_samples_dropped_total", "Samples that were NaN or infinite.", ("query",), registry=r
        )
        self.partial = Counter(
            "sentio_partial_answers_total", "Answers with a warning; not trained on.", ("query",), registry=r
        )
        self.series = Gauge("sentio_series", "Series that arrive, by state.", ("query", "state"), registry=r)
        self.vanished = Counter(
            "sentio_series_vanished_total",
            "Series that stopped arriving for longer than their time to live.",
            ("query",),
            registry=r,
        )
        self.series_failures = Counter(
            "sentio_series_failures_total",
            "Single series that could not be read, fitted or published.",
            ("query", "reason"),
            registry=r,
        )
        self.fits = Counter(
            "sentio_fits_total", "Series fitted, by the state they got.", ("query", "state"), registry=r
        )
        self.fit_progress = Gauge(
            "sentio_train_progress_ratio",
            "Share of the due series that this train tick has fitted.",
            ("query",),
            registry=r,
        )
        self.ticks = Counter(
            "sentio_ticks_total",
            "Ticks by outcome: ok, failed, abandoned at the deadline, skipped while the last one still ran, late.",
            ("query", "tick", "outcome"),
            registry=r,
        )
        self.tick_seconds = Histogram(
            "sentio_tick_duration_seconds", "Whole ticks.", ("query", "tick"), buckets=_SECONDS, registry=r
        )
        self.deliveries = Counter(
            "sentio_sink_deliveries_total",
            "Reports by outcome: ok, or why they were not delivered.",
            ("query", "sink", "outcome"),
            registry=r,
        )
        self.reload_ok = Gauge(
            "sentio_config_last_reload_successful", "Whether the last configuration was accepted.", registry=r
        )
        self.reload_at = Gauge(
            "sentio_config_last_reload_success_timestamp_seconds", "When one was accepted last.", registry=r
        )
        self.saves = Counter("sentio_store_saves_total", "Saves of states by outcome.", ("outcome",), registry=r)
        self.save_seconds = Histogram(
            "sentio_store_save_duration_seconds", "Saves of states.", buckets=_SECONDS, registry=r
        )
        self.set_aside = Counter(
            "sentio_store_set_aside_total",
            "Store files that could not be used and were set aside.",
            registry=r,
        )
        self.queue = Gauge("sentio_executor_queue_size", "Fit tasks waiting or under way.", registry=r)
        self.page_bytes = Gauge("sentio_page_size_bytes", "The series part of the metrics page.", registry=r)
        self.scrape_seconds = Histogram(
            "sentio_scrape_duration_seconds", "Rendering of the metrics page.", buckets=_SECONDS, registry=r
        )

    def watch_ages(self, ages: Ages) -> None:
        """Have the ages of data and models worked out at each scrape."""
        self.registry.register(_AgeCollector(ages))

    def forget(self, alias: str) -> None:
        """Drop the gauges of a pipeline that is gone; counters stay, as counters do."""
        for gauge in (self.datasource_up, self.series, self.fit_progress):
            for labels in [s.labels for m in gauge.collect() for s in m.samples]:
                if labels.get("query") == alias:
                    gauge.remove(*labels.values())


class _AgeCollector(Collector):
    def __init__(self, ages: Ages) -> None:
        self._ages = ages

    def collect(self) -> Iterable[Metric]:
        data = GaugeMetricFamily(
            "sentio_data_age_seconds", "Age of the newest sample that was read.", labels=("query",)
        )
        model = GaugeMetricFamily(
            "sentio_model_age_seconds",
            "Age of the oldest model in use: since its history ended.",
            labels=("query",),
        )
        for alias, data_age, model_age in self._ages():
            if data_age is not None:
                data.add_metric((alias,), data_age)
            if model_age is not None:
                model.add_metric((alias,), model_age)
        yield data
        yield model

    def describe(self) -> Iterable[Metric]:
        return ()
