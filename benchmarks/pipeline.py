"""What do 20, 200 and 2,000 series cost, from the reading to the page, in seconds and in memory?

One day at one sample a minute, from a real Prometheus. Beside Sentio, the first Sentio's way of doing it, in the
same run. Each is measured in a fresh process, and its memory is that of the process and all its descendants.
"""

from __future__ import annotations

import argparse
import dataclasses
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.figures import Reach, number, parser, table, verdict
from benchmarks.memory import Usage, cpu_seconds

SIZES, QUICK_SIZES = (20, 200, 2000), (8, 24)
SAMPLE = 40
"""Where the first Sentio has more series than `FULL`, it is measured on so many of them."""
FULL = 200

_DAY_S, _STEP_S = 86_400, 60
_LATER_S = 1_200
"""Loaded beyond the day that is learned, for the score ticks after it."""
_TICKS = 7
_SCRAPES = 25
_TIMEOUT_S = 30
_LIMIT_S = 900

Figures = dict[str, Any]


def main() -> int:
    """The table of all sizes, and whether the reaches are kept."""
    arguments = _arguments()
    if arguments.measure:
        measure = {"sentio": measure_sentio, "first": measure_first}[arguments.measure]
        print(json.dumps(measure(arguments.url, arguments.series)))
        return 0
    pairs = [_pair(size) for size in (QUICK_SIZES if arguments.quick else SIZES)]
    _stages([ours for ours, _ in pairs])
    _first([theirs for _, theirs in pairs])
    _beside(pairs)
    return verdict([] if arguments.quick else _reaches(pairs))


def _arguments() -> argparse.Namespace:
    made = parser(__doc__)
    made.add_argument("--measure", choices=("sentio", "first"), help=argparse.SUPPRESS)
    made.add_argument("--url", help=argparse.SUPPRESS)
    made.add_argument("--series", type=int, help=argparse.SUPPRESS)
    return made.parse_args()


def _pair(size: int) -> tuple[Figures, Figures]:
    from benchmarks.datasource import serving
    from sentio.types import SECOND, Window

    times = Window.ending(time.time_ns(), (_DAY_S + _LATER_S) * SECOND, _STEP_S * SECOND)
    with serving(size, times) as source:
        print(f"{size} series × {_DAY_S // _STEP_S} samples, from {source.name}", flush=True)
        return _fresh("sentio", source.url, size), _fresh("first", source.url, size)


def _fresh(which: str, url: str, series: int) -> Figures:
    """What ``which`` measures in a process of its own, and the ``peak`` bytes of that and its descendants."""
    command = [sys.executable, "-m", "benchmarks.pipeline", "--measure", which, "--url", url, "--series", str(series)]
    with tempfile.TemporaryDirectory() as folder:  # where the first Sentio leaves its files
        environment = os.environ | {"TMPDIR": folder}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        try:
            with Usage(process.pid) as usage:
                said, _ = process.communicate(timeout=_LIMIT_S)
        finally:
            process.kill()
    if process.returncode:
        raise SystemExit(f"{which}, {series} series: exit code {process.returncode}")
    return {**json.loads(said.splitlines()[-1]), "peak": usage.peak}


def measure_first(url: str, series: int) -> Figures:
    """One scrape of the first Sentio."""
    started = time.perf_counter()
    from benchmarks import first
    from benchmarks.datasource import LABEL, METRIC

    start = time.perf_counter() - started
    sample = series if series <= FULL else SAMPLE
    done = first.scrape(url, METRIC, LABEL, sample)
    return {**dataclasses.asdict(done), "sample": sample, "start": start, "total": done.total}


def measure_sentio(url: str, series: int) -> Figures:
    """The stages of Sentio's first training, then score ticks and scrapes."""
    from sentio import build
    from sentio.detectors.prophet.interval import band_table
    from sentio.flagged import Flagged
    from sentio.history import History
    from sentio.pipeline import Memory, learn, read_fresh, score, train
    from sentio.runner import Tick
    from sentio.sinks.exposition import Exposition
    from sentio.state import SeriesStatus, State
    from sentio.telemetry import Telemetry
    from sentio.types import SECOND, Window

    config = _config(url)
    seconds: Figures = {"series": series}
    telemetry = Telemetry()
    exposition = Exposition(ttl=lambda _: 3600 * SECOND, legacy=lambda _: None)
    pool = build.executor(config)
    runner = build.runner(
        config,
        "bench",
        executor=pool,
        sinks=(exposition,),
        telemetry=telemetry,
        pause=time.sleep,
        save=lambda _: None,
    )
    line, timing = runner.line, runner.timing
    history = History(step=timing.step, length=timing.window, max_points=timing.max_points, keep=timing.model_ttl)
    now = time.time_ns() - _LATER_S * SECOND
    with _timed(seconds, "start"):
        pool.submit(os.getpid).result()
        band_table(0.99)
    used = cpu_seconds()
    with _timed(seconds, "read"):
        learn(line, history, now, lambda: True, Flagged(timing.step, timing.window))
        assert len(history.keys) == series, f"{len(history.keys)} series were read; {series} are expected"
    with _timed(seconds, "fit"):
        state = State((), {})
        for fitted in train(line, history, history.keys, now):
            state = state.merge(fitted)
        assert (state["status"] == SeriesStatus.READY).all(), "some series were not fitted"
    with _timed(seconds, "score"):
        fresh, failure = read_fresh(line, Window.ending(now, timing.step, timing.step))
        assert failure is None, failure
        _, report, _ = score(line, Memory(state), fresh, fresh.keys, now)
    with _timed(seconds, "publish"):
        exposition.emit(report)
    seconds["cpu"] = cpu_seconds() - used
    pool.shutdown(wait=False)
    seconds["total"] = sum(seconds[name] for name in ("read", "fit", "score", "publish"))
    runner.restore(state, now)
    seconds["tick"] = statistics.median(
        _time(lambda at=now + i * timing.step: runner.score(at, Tick())) for i in range(1, _TICKS + 1)
    )
    return seconds | _scrape(exposition, telemetry)


def _config(url: str) -> Any:
    from sentio.config.load import load

    text = f"""\
sources: {{prometheus: {{type: prometheus, url: {url}}}}}
pipelines:
  bench:
    source: prometheus
    query: bench_cpu_usage_percent
    step: 1m
    train: {{window: 1d}}
"""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sentio.yml"
        path.write_text(text, "utf-8")
        return load([path], {})


def _scrape(exposition: Any, telemetry: Any) -> Figures:
    """The route itself, over a socket, with nothing else to do."""
    from sentio.web.app import make_server

    parts: Any = SimpleNamespace(exposition=exposition, telemetry=telemetry)
    with make_server(parts, "127.0.0.1", 0, lifecycle=False) as server:
        client = http.client.HTTPConnection(server.host, server.port, timeout=30)
        times, body = [], b""
        for _ in range(_SCRAPES):
            started = time.perf_counter()
            client.request("GET", "/metrics", headers={"Accept-Encoding": "gzip"})
            body = client.getresponse().read()
            times.append(time.perf_counter() - started)
        client.close()
    text = exposition.page(time.time_ns()).text
    return {"scrape": statistics.median(times), "page": text.size, "packed": len(body)}


@contextmanager
def _timed(into: Figures, name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    into[name] = time.perf_counter() - started


def _time(work: Any) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _stages(found: list[Figures]) -> None:
    names = ("start", "read", "fit", "score", "publish", "total", "tick")
    head = ["Sentio, s", *names, "CPU s", "peak MiB"]
    rows = [
        [f"{f['series']:,} series", *(number(f[n]) for n in names), number(f["cpu"]), number(f["peak"] / 2**20)]
        for f in found
    ]
    table(
        "Stages of a first training; total and CPU s are read to publish, tick is a later score tick (median)",
        head,
        rows,
    )


def _first(found: list[Figures]) -> None:
    names = ("start", "read", "fit", "predict", "render", "total")
    head = ["first Sentio, s", *names, "measured", "CPU s", "peak MiB"]
    rows = [
        [
            f"{f['series']:,} series", *(number(f[n]) for n in names),
            f"{f['sample']:,}", number(f["cpu"]), number(f["peak"] / 2**20),
        ]
        for f in found
    ]  # fmt: skip
    title = "The first Sentio's scrape; fit, predict, render and their CPU s are scaled from the series measured"
    table(title, head, rows)


def _beside(pairs: list[tuple[Figures, Figures]]) -> None:
    names = ("Sentio s", "first s", "ratio", "ratio of CPU s", "Sentio's scrape ms", "first's", "page KiB", "gzip KiB")
    rows = [
        [
            f"{ours['series']:,}", number(ours["total"]), number(theirs["total"]),
            f"{theirs['total'] / ours['total']:.1f}", f"{theirs['cpu'] / ours['cpu']:.1f}",
            number(1000 * ours["scrape"]), number(1000 * theirs["total"]),
            number(ours["page"] / 1024), number(ours["packed"] / 1024),
        ]
        for ours, theirs in pairs
    ]  # fmt: skip
    table("Side by side: read to publish, and what one scrape costs", ["series", *names], rows)
    _, theirs = pairs[-1]
    most = _TIMEOUT_S * theirs["series"] / theirs["total"]
    print(f"in a scrape timeout of {_TIMEOUT_S} s the first Sentio manages {most:.0f} series on this machine\n")


def _reaches(pairs: list[tuple[Figures, Figures]]) -> Iterator[Reach]:
    for ours, theirs in pairs:
        size = f"{ours['series']:,} series"
        yield Reach(f"first Sentio over Sentio, {size}", theirs["total"] / ours["total"], 1.5, "times", above=True)
    ours, _ = pairs[-1]
    yield Reach("score tick at 2,000 series", ours["tick"], 1.5, "s")
    yield Reach("scrape at 2,000 series", 1000 * ours["scrape"], 50, "ms")
    yield Reach("peak memory at 2,000 series", ours["peak"] / 2**20, 1024, "MiB")


if __name__ == "__main__":
    sys.exit(main())
