"""How far off is an hour's forecast, and what does it cost, here and elsewhere? No reach: it is for comparison.

A week of series as servers have them at one sample in five minutes, of which the hour after each of a few times is
held out. Sentio's batch engine and statsforecast's MSTL and AutoETS forecast its 12 samples; PromQL says the mean and
the deviation of the hour before, as many alerts do, in a real Prometheus. All see the same series up to the same times.

The error of a series is the mean absolute one over all that is held out, over the standard deviation of its samples.
CPU seconds are those of one core, for Prometheus the server's; on more series than the errors are, where those cost
too little to be measured. statsforecast has an environment of its own, for it wants another pandas.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import requests

from benchmarks.datasource import LABEL, METRIC, key, serving
from benchmarks.figures import number, parser, table
from benchmarks.series import series, times
from sentio.detectors.prophet import Prophet
from sentio.detectors.prophet.options import ProphetOptions
from sentio.types import SECOND, Floats, Ints, Panel, Window

SERIES, QUICK_SERIES = 400, 80
COMPARED, QUICK_COMPARED = 40, 16
"""The errors are of the first ones; MSTL takes a third of a second for each."""
STATSFORECAST = "statsforecast==2.1.1"

_STEP_S, _DAY = 300, 288
_AHEAD = 12
_ORIGINS, _APART = 4, 72
"""Times to forecast from, and steps between two: a quarter of a day."""
_ROUNDS = 5
_QUERIES = (f"avg_over_time({METRIC}[1h:5m])", f"stddev_over_time({METRIC}[1h:5m])")
_ASKED = 100
_LIMIT_S = 150


@dataclass(frozen=True, slots=True)
class Peer:
    """``forecast [S, O, ahead]`` for the hour after each origin, and the CPU ``seconds`` of one."""

    name: str
    forecast: Floats
    seconds: float


def main() -> int:
    """The table."""
    quick = parser(__doc__).parse_args().quick
    at = times("7 d at 5 min")
    values = series(at, QUICK_SERIES if quick else SERIES, seed=11)
    compared = values[: QUICK_COMPARED if quick else COMPARED]
    ends = len(at) - _AHEAD - _APART * np.arange(_ORIGINS)[::-1]
    peers = [_sentio(at, values, ends)]
    if shutil.which("prometheus") and shutil.which("promtool"):
        peers.append(_promql(at, values, ends))
    else:
        print("PromQL is left out: no prometheus and promtool on PATH")
    if quick:
        print("statsforecast is left out: to install it takes longer than all else here")
    else:
        peers += _statsforecast(compared, ends)
    rows = []
    for peer in peers:
        errors = _errors(peer.forecast[: len(compared)], compared, ends)
        figures = [1e6 * peer.seconds, peer.seconds / peers[0].seconds, *np.quantile(errors, (0.5, 0.9)).tolist()]
        rows.append([peer.name, *map(number, figures)])
    head = ["an hour ahead", "CPU µs a series", "over Sentio's", "error, median", "9 in 10 below"]
    table(
        f"{len(compared)} series × {len(ends)} origins; the error is in standard deviations of the series", head, rows
    )
    return 0


def _errors(forecast: Floats, values: Floats, ends: Ints) -> Floats:
    """``[S]`` for ``forecast [S, O, ahead]``."""
    held_out = np.stack([values[:, end : end + _AHEAD] for end in ends.tolist()], axis=1)
    return np.asarray(np.abs(forecast - held_out).mean(axis=(1, 2)) / values.std(axis=1))


def _sentio(at: Ints, values: Floats, ends: Ints) -> Peer:
    """A fit and a forecast with its band, of the whole panel."""
    prophet = Prophet(ProphetOptions(), ThreadPoolExecutor(1))
    keys = tuple(map(key, range(len(values))))

    def ahead(end: int) -> Floats:
        return prophet.forecast(prophet.fit(Panel(keys, at[:end], values[:, :end])), at[end : end + _AHEAD]).yhat

    forecast = np.stack([ahead(end) for end in ends.tolist()], axis=1)
    seconds = []
    for _ in range(_ROUNDS):
        started = time.process_time()
        ahead(int(ends[-1]))
        seconds.append(time.process_time() - started)
    return Peer("Sentio, batch engine", forecast, statistics.median(seconds) / len(values))


def _promql(at: Ints, values: Floats, ends: Ints) -> Peer:
    """The mean of the last hour for each sample of the next; the cost is that of mean and deviation."""
    with serving(len(values), Window(int(at[0]), int(at[-1]), _STEP_S * SECOND), values) as source:
        last = [at[end - 1] / SECOND for end in ends.tolist()]
        means = np.stack([_asked(source.url, _QUERIES[0], when, len(values)) for when in last], axis=1)
        started = _server_cpu(source.url)
        for _ in range(_ASKED):
            for query in _QUERIES:
                _asked(source.url, query, last[-1], len(values))
        seconds = (_server_cpu(source.url) - started) / _ASKED / len(values)
    return Peer("PromQL, mean and deviation of 1 h", np.repeat(means[:, :, None], _AHEAD, axis=2), seconds)


def _asked(url: str, query: str, when: float, count: int) -> Floats:
    """``[S]``: what Prometheus answers to ``query`` at ``when`` (s)."""
    form: dict[str, str | float] = {"query": query, "time": when}
    answer = requests.get(f"{url}/api/v1/query", params=form, timeout=30).json()
    found = {one["metric"][LABEL]: float(one["value"][1]) for one in answer["data"]["result"]}
    return np.array([found[dict(key(i).labels)[LABEL]] for i in range(count)])


def _server_cpu(url: str) -> float:
    page = requests.get(f"{url}/metrics", timeout=10).text
    return next(float(line.split()[1]) for line in page.splitlines() if line.startswith("process_cpu_seconds_total "))


def _statsforecast(values: Floats, ends: Ints) -> Iterable[Peer]:
    """MSTL and AutoETS, each in one process and thread; none where the package cannot be had."""
    with tempfile.TemporaryDirectory(prefix="sentio-bench-") as name:
        folder = Path(name)
        np.savez(folder / "in.npz", values=values, ends=ends, ahead=_AHEAD, season=_DAY)
        venv.create(folder / "venv", with_pip=True)
        python = str(folder / "venv" / "bin" / "python")
        worker = Path(__file__).with_name("statsforecast_peer.py")
        try:
            _run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", STATSFORECAST)
            _run(python, str(worker), str(folder / "in.npz"), str(folder / "out.npz"))
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            print(f"statsforecast is left out: {error}")
            return []
        with np.load(folder / "out.npz") as out:
            models = [model for model in out.files if not model.endswith(" seconds")]
            return [Peer(f"statsforecast, {m}", out[m], float(out[f"{m} seconds"])) for m in models]


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=_LIMIT_S)


if __name__ == "__main__":
    sys.exit(main())
