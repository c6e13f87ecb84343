"""What does a score tick cost for each series, at 2,000 and 10,000 of them?

No network: the source decodes an answer that is at hand, one new sample a series. The whole tick is
`sentio.runner.Runner.score`; its steps are timed beside it. Peers: prometheus-api-client's `MetricsList` for the
decoding and Prophet's own `predict` of one row for the band, on fewer series; prometheus_client for a page of as many,
in CPU seconds of one core, in turns.
"""

from __future__ import annotations

import json
import logging
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.datasource import key
from benchmarks.figures import Reach, number, parser, table, verdict
from sentio import build
from sentio.config.model import Pipeline
from sentio.contracts import Forecaster
from sentio.detectors.prophet import Prophet
from sentio.detectors.prophet.options import ProphetOptions
from sentio.detectors.prophet.stan import fit_rows
from sentio.executor import WorkerPool
from sentio.pipeline import Line, Memory, alert, score
from sentio.recent import Recent
from sentio.runner import Runner, Tick
from sentio.sinks.exposition import Exposition
from sentio.sources.prometheus.decode import decode
from sentio.sources.prometheus.interning import Interning
from sentio.state import State
from sentio.telemetry import Telemetry
from sentio.timing import Timing
from sentio.types import SECOND, YHAT, Floats, Ints, Panel, Window

SIZES, QUICK_SIZES = (2_000, 10_000), (200,)
REACH_JUDGE_US = 20
REACH_US = 150
"""A tick over 10,000 series in a tenth of the default 15 s."""
REACH_RENDER = 10
"""How many times as fast as prometheus_client, and Sentio's page is compressed besides."""

_ROUNDS, _QUICK_ROUNDS = 15, 3
_FITTED = 8
"""Series that are fitted; the state of all the others is one of theirs."""
_HISTORY_S, _HISTORY_STEP_S = 2 * 86_400, 120
_PEER_DECODED, _PEER_PREDICTED = 500, 10
"""`MetricsList` gets so many series; `predict` is of one, so often."""
_RENDERINGS = 5
_QUERY = "bench_cpu_usage_percent"
_STEPS = ("decode", "model", "judge and alert", "render")

Seconds = dict[str, float]


def main() -> int:
    """The tables, and whether the reach is kept."""
    quick = parser(__doc__).parse_args().quick
    for name in ("prophet", "prophet.plot", "cmdstanpy"):
        logging.getLogger(name).disabled = True
    learned = _learn()
    rounds = _QUICK_ROUNDS if quick else _ROUNDS
    sizes = QUICK_SIZES if quick else SIZES
    found = {size: measure(learned, size, rounds) for size in sizes}
    head = ["µs a series, median", *_STEPS, "whole tick", "whole tick, ms"]
    rows = [
        [f"{size:,} series", *(number(1e6 * s[name] / size) for name in (*_STEPS, "tick")), number(1e3 * s["tick"])]
        for size, s in found.items()
    ]
    table("Sentio's score tick, one new sample a series", head, rows)
    largest = sizes[-1]
    ours = {name: found[largest][name] / largest for name in _STEPS}
    theirs = {"decode": _metrics_list(), "model": _predict(learned)}
    ours["render"], theirs["render"] = _renderings(learned, largest)
    _beside(ours, theirs)
    reaches = [
        Reach("judging and alerting at 10,000 series", 1e6 * ours["judge and alert"], REACH_JUDGE_US, "µs a series"),
        Reach("score tick at 10,000 series", 1e6 * found[largest]["tick"] / largest, REACH_US, "µs a series"),
        Reach(
            "page of 10,000 series: prometheus_client's CPU time over ours",
            theirs["render"] / ours["render"],
            REACH_RENDER,
            "times",
            above=True,
        ),
    ]
    return verdict([] if quick else reaches)


@dataclass(frozen=True, slots=True)
class Learned:
    """A few fitted series, and the history they were fitted to."""

    options: ProphetOptions
    times: Ints
    values: Floats
    arrays: dict[str, Any]

    def state(self, series: int) -> State:
        """Of ``series`` series, each like one of the fitted."""
        row = np.arange(series) % len(self.values)
        return State(tuple(key(i) for i in range(series)), {name: a[row] for name, a in self.arrays.items()})


def _learn() -> Learned:
    end = time.time_ns() - 3600 * SECOND
    times = Window.ending(end, _HISTORY_S * SECOND, _HISTORY_STEP_S * SECOND).times()
    daily = np.sin(2 * np.pi * (times / SECOND / 86_400))
    values = 50 + 10 * daily + np.random.default_rng(3).normal(0, 2, (_FITTED, len(times)))
    options = ProphetOptions()
    return Learned(options, times, values, fit_rows(options, times, values))


class Canned:
    """A `sentio.contracts.Source` that decodes an answer made beforehand for each time."""

    def __init__(self, series: int, times: list[int]) -> None:
        self.series = series
        self._interning = Interning()
        self._bodies = {at: answer(series, at) for at in times}

    def read(self, query: str, window: Window) -> Panel:
        return decode(self._bodies[window.end], window, query=query, max_series=self.series, interning=self._interning)


def answer(series: int, at: int) -> bytes:
    """What Prometheus answers to a range of the one time ``at`` (ns)."""
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": _result(series, at)}}).encode()


def _result(series: int, at: int) -> list[dict[str, Any]]:
    values = np.random.default_rng(at % 2**32).normal(50, 10, series).tolist()
    return [
        {"metric": {"__name__": one.name, **dict(one.labels)}, "values": [[at / SECOND, str(value)]]}
        for one, value in zip(map(key, range(series)), values, strict=True)
    ]


def measure(learned: Learned, series: int, rounds: int) -> Seconds:
    """Medians over ``rounds`` ticks, of the whole and of its steps; one tick before them is not counted."""
    pipeline = Pipeline(source="bench", query=_QUERY)
    timing = build.timing(pipeline)
    first = int(learned.times[-1]) // timing.step * timing.step
    times = first + timing.step * np.arange(1, rounds + 2)
    source = Canned(series, times.tolist())
    line = build.line("bench", pipeline, source, Prophet(learned.options, WorkerPool(1)))
    state = learned.state(series)
    ticks = _ticks(line, timing, state, times.tolist())
    steps = _steps(line, state, [Window(at, at, timing.step) for at in times.tolist()])
    return {"tick": statistics.median(ticks[1:])} | {n: statistics.median(s[n] for s in steps[1:]) for n in _STEPS}


def _ticks(line: Line, timing: Timing, state: State, times: list[int]) -> list[float]:
    """Seconds of each whole tick."""
    runner = Runner(line, timing, (_exposition(),), Telemetry(), lambda _: None)
    runner.restore(state, times[0])
    found = [_time(partial(runner.score, at, Tick())) for at in times]
    assert runner.report is not None
    assert np.isfinite(runner.report.scores.outputs[YHAT]).all(), "some series have no band"
    return found


def _steps(line: Line, state: State, windows: list[Window]) -> list[Seconds]:
    """Seconds of each step, for each window; the steps are those of a tick, one after the other."""
    exposition, found, recent = _exposition(), [], Recent()
    assert isinstance(line.detector, Forecaster)
    memory = Memory(state)
    for window in windows:
        started = time.perf_counter()
        fresh = line.source.read(line.query, window)
        decoded = time.perf_counter()
        line.detector.score(state, fresh)
        line.detector.forecast(state, window.end + np.array(line.horizons, np.int64))
        expected = time.perf_counter()
        memory, report, judged = score(line, memory, fresh, fresh.keys, window.end)
        recent.add(report.scores)
        memory, report = alert(line, memory, report, judged, recent.kept)
        alerted = time.perf_counter()
        exposition.emit(report)
        rendered = time.perf_counter()
        # The model is part of what judges, so its time is taken off.
        model = expected - decoded
        steps = (decoded - started, model, alerted - expected - model, rendered - alerted)
        found.append(dict(zip(_STEPS, steps, strict=True)))
    return found


def _exposition() -> Exposition:
    return Exposition(ttl=lambda _: 3600 * SECOND, legacy=lambda _: None)


def _metrics_list() -> float:
    from prometheus_api_client import MetricsList

    body = answer(_PEER_DECODED, time.time_ns())
    return _time(lambda: MetricsList(json.loads(body)["data"]["result"])) / _PEER_DECODED


def _predict(learned: Learned) -> float:
    import pandas as pd
    from prophet import Prophet as Original

    frame = pd.DataFrame({"ds": pd.DatetimeIndex(learned.times), "y": learned.values[0]})
    model = Original(interval_width=learned.options.interval_width).fit(frame)
    # The sample's own time, and the two horizons.
    ahead = learned.times[-1] + np.array([15, 300, 3600]) * SECOND
    row = pd.DataFrame({"ds": pd.DatetimeIndex(ahead)})
    return statistics.median(_time(lambda: model.predict(row)) for _ in range(_PEER_PREDICTED))


def _renderings(learned: Learned, series: int) -> tuple[float, float]:
    """CPU seconds a series of Sentio's page and of prometheus_client's, with as many samples."""
    from prometheus_client import generate_latest

    from benchmarks.gauges import registry

    at = int(learned.times[-1]) // SECOND * SECOND
    pipeline = Pipeline(source="bench", query=_QUERY)
    line = build.line("bench", pipeline, Canned(series, [at]), Prophet(learned.options, WorkerPool(1)))
    fresh = line.source.read(_QUERY, Window(at, at, SECOND))
    _, report, _ = score(line, Memory(learned.state(series)), fresh, fresh.keys, at)
    exposition, made = _exposition(), registry(series)
    exposition.emit(report)  # the text of the labels is made once in a series' life
    ours, theirs = [], []
    for _ in range(_RENDERINGS):
        ours.append(_cpu(lambda: exposition.emit(report)))
        theirs.append(_cpu(lambda: generate_latest(made)))
    each = [_samples(exposition.page(at).text.plain()) / series, _samples(generate_latest(made)) / series]
    return statistics.median(ours) / series, statistics.median(theirs) / series * each[0] / each[1]


def _samples(page: bytes) -> int:
    return sum(not line.startswith(b"#") for line in page.splitlines())


def _cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _beside(ours: Seconds, theirs: Seconds) -> None:
    names = ("MetricsList", "Prophet.predict", "generate_latest")
    rows = [
        [step, number(1e6 * ours[step]), name, number(1e6 * theirs[step]), number(theirs[step] / ours[step])]
        for step, name in zip(theirs, names, strict=True)
    ]
    table("Each step beside a peer; render is in CPU time", ["µs a series", "Sentio", "peer", "peer's", "ratio"], rows)


def _time(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
