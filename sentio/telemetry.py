"""The table of Sentio's own metrics: labelled by query alias, never by series."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sentio import __version__

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)

_DELIVERIES = (
    "ok", "timeout", "unreachable", "tls", "auth", "not_found", "throttled", "server_error", "redirect", "bad_answer",
    "refused", "not_taken", "too_late", "defect",
)  # fmt: skip
"""How the delivery of an alert may end."""

Ages = Callable[[], Iterable[tuple[str, float | None, float | None]]]
"""Gives (alias, age of the newest sample, age of the oldest model), each in seconds or None."""


class Telemetry:
    """Every metric that Sentio keeps about itself, in one registry."""

    def __init__(self) -> None:
        self.registry = r = CollectorRegistry()
        ProcessCollector(registry=r)
        build = Gauge("sentio_build_info", "What runs here; always 1.", ("version", "python"), registry=r)
        build.labels(__version__, platform.python_version()).set(1)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=r)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=r)

        def seconds(name: str, text: str, *labels: str) -> Histogram:
            return Histogram(name, text, labels, buckets=_SECONDS, registry=r)

        q = "query"
        self.datasource_up = gauge("sentio_datasource_up", "Whether the last read succeeded.", q, "source")
        self.reads = counter("sentio_reads_total", "Reads by outcome: ok, or why they failed.", q, "outcome")
        self.read_retries = counter("sentio_read_retries_total", "Attempts after the first.", q)
        self.read_bytes = counter("sentio_read_bytes_total", "Bytes of answers decoded.", q)
        self.read_seconds = seconds("sentio_read_duration_seconds", "Reads, retries included.", q)
        self.samples = counter("sentio_samples_total", "Samples scored.", q)
        self.dropped = counter("sentio_samples_dropped_total", "Samples that were NaN or infinite.", q)
        self.partial = counter("sentio_partial_answers_total", "Answers with a warning; not trained on.", q)
        self.series = gauge("sentio_series", "Series that arrive, by state.", q, "state")
        text = "Series that stopped arriving for longer than their time to live."
        self.vanished = counter("sentio_series_vanished_total", text, q)
        text = "Single series that could not be read, fitted or published."
        self.series_failures = counter("sentio_series_failures_total", text, q, "reason")
        self.fits = counter("sentio_fits_total", "Series fitted, by the state they got.", q, "state")
        text = "Share of the samples that the band of now is to hold."
        self.nominal_coverage = gauge("sentio_forecast_nominal_coverage_ratio", text, q)
        text = "Share of the due series that this train tick has fitted."
        self.fit_progress = gauge("sentio_train_progress_ratio", text, q)
        text = "Ticks by outcome: ok, failed, abandoned at the deadline, skipped while the last one still ran, late."
        self.ticks = counter("sentio_ticks_total", text, q, "tick", "outcome")
        self.tick_seconds = seconds("sentio_tick_duration_seconds", "Whole ticks.", q, "tick")
        text = "Reports by outcome: ok, or why they were not delivered."
        self.deliveries = counter("sentio_sink_deliveries_total", text, q, "sink", "outcome")
        self.sink_retries = counter("sentio_sink_retries_total", "Attempts after the first.", q, "sink")
        text = "Reports that were let go because the queue was full, or their sink is gone."
        self.sink_dropped = counter("sentio_sink_dropped_total", text, q, "sink")
        self.sink_queue = gauge("sentio_sink_queue_size", "Reports waiting for a sink, or under way to it.", "sink")
        text = "Whether the last configuration was accepted."
        self.reload_ok = gauge("sentio_config_last_reload_successful", text)
        text = "When one was accepted last."
        self.reload_at = gauge("sentio_config_last_reload_success_timestamp_seconds", text)
        self.saves = counter("sentio_store_saves_total", "Saves of states by outcome.", "outcome")
        self.save_seconds = seconds("sentio_store_save_duration_seconds", "Saves of states.")
        text = "Store files, and states in them, that could not be used."
        self.set_aside = counter("sentio_store_set_aside_total", text)
        self.shard = gauge("sentio_shard_info", "Which series are this Sentio's; always 1.", "index", "of")
        self.queue = gauge("sentio_executor_queue_size", "Fit tasks waiting or under way.")
        self.page_bytes = gauge("sentio_page_size_bytes", "The series part of the metrics page.")
        self.scrape_seconds = seconds("sentio_scrape_duration_seconds", "Rendering of the metrics page.")

    def begin(self, alias: str) -> None:
        """Have the counters that alerts ask for at 0. One that appears at 1 has not increased, to Prometheus."""
        for tick, outcome in product(("score", "train"), ("ok", "failed", "abandoned", "skipped", "late")):
            self.ticks.labels(alias, tick, outcome)
        for reason in ("max_series", "duplicate", "histogram", "unknown_metric", "fit", "unknown_output"):
            self.series_failures.labels(alias, reason)
        for outcome in ("ok", "duplicate_labels", "legacy_names"):
            self.deliveries.labels(alias, "exposition", outcome)

    def begin_sink(self, alias: str, sink: str) -> None:
        """The same for a sink of that pipeline's."""
        for outcome in _DELIVERIES:
            self.deliveries.labels(alias, sink, outcome)
        self.sink_retries.labels(alias, sink)
        self.sink_dropped.labels(alias, sink)
        self.sink_queue.labels(sink)

    def forget_sink(self, sink: str) -> None:
        """Drop the gauge of a sink that is gone."""
        self.sink_queue.remove(sink)

    def watch_ages(self, ages: Ages) -> None:
        """Have the ages of data and models worked out at each scrape."""
        self.registry.register(_AgeCollector(ages))

    def forget(self, alias: str) -> None:
        """Drop the gauges of a pipeline that is gone; counters stay, as counters do."""
        for gauge in (self.datasource_up, self.series, self.nominal_coverage, self.fit_progress):
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
