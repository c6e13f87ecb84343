"""What do 10,000 series cost in one whole cycle: to read them, fit all of them and publish, and to do so again?

A week at one sample in five minutes, from a real Prometheus, through the real runner, worker pool (2 processes), store
and page. First as at a start: a score tick, then the training that reads the whole week. Then, one step later: a
training that reads what is new and fits all of them again, and the score tick that publishes what they say.

Measured in a fresh process. Memory is that of the process and all its descendants.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.figures import Reach, number, parser, table, verdict
from benchmarks.memory import Usage

SERIES, QUICK_SERIES = 10_000, 300
DAYS, STEP_S = 7, 300
SAMPLES = DAYS * 86_400 // STEP_S
SAMPLE_BYTES, SERIES_BYTES, BASE_BYTES = 8, 8 * 1024, 400e6
"""What a cycle may take at its peak: for each sample, for each series beside them, and at all."""

_STAGES = ("read", "decode", "history", "fit", "merge", "judge", "render", "gzip", "save", "rest")
_LATER = 4
"""Steps that are loaded beyond the week and its spare part."""
_LIMIT_S = 900

Figures = dict[str, Any]


def main() -> int:
    """The tables, and whether the reach is kept."""
    arguments = _arguments()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.series)))
        return 0
    series = QUICK_SERIES if arguments.quick else SERIES
    found = _fresh(series)
    _print(found)
    limit = series * (SAMPLES * SAMPLE_BYTES + SERIES_BYTES) + BASE_BYTES
    reach = Reach(f"peak memory of {series:,} series", found["peak"] / 1e6, limit / 1e6, "MB")
    return verdict([] if arguments.quick else [reach])


def _arguments() -> argparse.Namespace:
    made = parser(__doc__)
    made.add_argument("--measure", metavar="URL", help=argparse.SUPPRESS)
    made.add_argument("--series", type=int, help=argparse.SUPPRESS)
    return made.parse_args()


def _fresh(series: int) -> Figures:
    """What a process of its own measures, and the ``peak`` bytes of that and its descendants."""
    from benchmarks.datasource import serving
    from sentio.types import SECOND, Window

    spare = DAYS * 86_400 // 100 + (_LATER + 1) * STEP_S
    with serving(series, Window.ending(time.time_ns(), (DAYS * 86_400 + spare) * SECOND, STEP_S * SECOND)) as source:
        print(f"{series:,} series × {SAMPLES:,} samples, from {source.name}", flush=True)
        command = [sys.executable, "-m", "benchmarks.cycle", "--measure", source.url, "--series", str(series)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            with Usage(process.pid) as usage:
                said, _ = process.communicate(timeout=_LIMIT_S)
        finally:
            process.kill()
    if process.returncode:
        raise SystemExit(f"{series} series: exit code {process.returncode}")
    return {**json.loads(said.splitlines()[-1]), "peak": usage.peak}


def measure(url: str, series: int) -> Figures:
    """Seconds ``[wall, CPU]`` of each stage of both cycles."""
    from benchmarks.stages import Stages
    from sentio import build
    from sentio.detectors.prophet.interval import band_table
    from sentio.executor import WorkerPool
    from sentio.held import hold_little
    from sentio.keeper import Keeper
    from sentio.runner import Tick
    from sentio.sinks.exposition import Exposition
    from sentio.store import Store
    from sentio.telemetry import Telemetry
    from sentio.types import SECOND

    hold_little()  # as `sentio serve` does
    with tempfile.TemporaryDirectory(prefix="sentio-bench-") as folder:
        config = _config(url, Path(folder))
        pool, telemetry = build.executor(config), Telemetry()
        assert isinstance(pool, WorkerPool)
        stages = Stages(lambda: pool.processes)
        _watch(stages)
        keeper = Keeper("bench", "", Store(config.store.path), telemetry)
        exposition = Exposition(ttl=lambda _: 3600 * SECOND, legacy=lambda _: None)
        runner = build.runner(
            config,
            "bench",
            executor=pool,
            sinks=(exposition,),
            telemetry=telemetry,
            pause=time.sleep,
            save=keeper.save,
        )
        found: Figures = {"series": series}
        with stages.stage("start"):
            pool.submit(os.getpid).result()
            band_table(0.99)
        found["start"] = stages.spent.pop("start").tolist()
        step = STEP_S * SECOND
        now = (time.time_ns() // step - _LATER) * step
        for name, ticks in (("first", (runner.score, runner.train)), ("next", (runner.train, runner.score))):
            with stages.stage("rest"):
                for tick in ticks:
                    tick(now, Tick())
            found[name] = {stage: spent.tolist() for stage, spent in stages.spent.items()}
            stages.spent.clear()
            now += step
            _check(runner, series, now)
        found |= {"page": exposition.page(now).text.size, "packed": len(exposition.page(now).text.packed)}
        found["store"] = config.store.path.stat().st_size
        pool.shutdown(wait=False)
    return found


def _config(url: str, folder: Path) -> Any:
    from sentio.config.load import load

    text = f"""\
sources: {{prometheus: {{type: prometheus, url: {url}}}}}
pipelines:
  bench:
    source: prometheus
    query: bench_cpu_usage_percent
    step: 5m
    train: {{window: 7d, every: 5m}}
store: {{path: {folder / "sentio.db"}}}
executor: {{workers: 2}}
"""
    path = folder / "sentio.yml"
    path.write_text(text, "utf-8")
    return load([path], {})


def _watch(stages: Any) -> None:
    """Which call is of which stage."""
    from sentio.deflated import Deflated
    from sentio.detectors.prophet import Prophet
    from sentio.history import History
    from sentio.keeper import Keeper
    from sentio.sinks.exposition import Exposition
    from sentio.sources import prometheus
    from sentio.state import State

    stages.watch(prometheus.Prometheus, "read", "read")
    stages.watch(prometheus, "decode", "decode")
    for name in ("missing", "add", "settle", "began", "alive", "panel"):
        stages.watch(History, name, "history")
    stages.watch(Prophet, "fit", "fit")
    stages.watch(State, "merge", "merge")
    for name in ("score", "forecast"):
        stages.watch(Prophet, name, "judge")
    stages.watch(Exposition, "emit", "render")
    stages.watch(Deflated, "of", "gzip")
    stages.watch(Keeper, "save", "save")


def _check(runner: Any, series: int, now: int) -> None:
    """All were read, fitted and published."""
    import numpy as np

    from sentio.state import SeriesStatus
    from sentio.types import YHAT

    state, report = runner.state, runner.report
    assert len(state.keys) == series, f"{len(state.keys)} series are known; {series} are expected"
    assert (state["status"] == SeriesStatus.READY).all(), "some series were not fitted"
    assert (state["samples"] >= SAMPLES).all(), f"{state['samples'].min()} samples; {SAMPLES} are expected"
    assert np.isfinite(report.scores.outputs[YHAT]).all(), "some series were published without a band"
    assert (now - state["fitted_at"] == STEP_S * 1_000_000_000).all(), "some series were not fitted anew"


def _print(found: Figures) -> None:
    first, later = found["first"], found["next"]
    names = [name for name in _STAGES if name in first | later]
    rows = [[name, *(number(x) for cycle in (first, later) for x in cycle.get(name, (0, 0)))] for name in names]
    total = [sum(spent[i] for spent in cycle.values()) for cycle in (first, later) for i in (0, 1)]
    rows.append(["whole cycle", *map(number, total)])
    head = ["seconds", "first, wall", "first, CPU", "next, wall", "next, CPU"]
    table("Stages of a cycle; CPU is that of the workers, too", head, rows)
    print(
        f"start {number(found['start'][0])} s; peak memory {number(found['peak'] / 1e6)} MB; "
        f"page {number(found['page'] / 1e6)} MB, {number(found['packed'] / 1e6)} MB packed; "
        f"store {number(found['store'] / 1e6)} MB\n"
    )


if __name__ == "__main__":
    sys.exit(main())
