"""What does it cost to decode the answer for 10,000 series with a day of samples, one in five minutes?

No network: the answer is at hand, written as Prometheus writes it, with full doubles. Peers: orjson, whose lists are
then put into NumPy, with Python's garbage collector as it is and switched off; Sentio's own plain decoder; and, on
fewer series, prometheus-api-client's `MetricsList`. CPU time, one core. Memory is looked at in fresh processes: how
much there is at once beyond the answer and the matrix.
"""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson

from benchmarks.datasource import key
from benchmarks.figures import Reach, number, parser, table, verdict
from sentio.sources.prometheus import plain, stream
from sentio.sources.prometheus.interning import Interning
from sentio.types import SECOND, Floats, Window

SERIES, QUICK_SERIES = 10_000, 200
SAMPLES, STEP_S = 288, 300
REACH_TIMES, REACH_MEMORY = 10, 1
"""Orjson takes so many times as long; and so many times the answer is all the memory that is taken."""

_ROUNDS, _QUICK_ROUNDS = 7, 2
_PEER_LISTED = 200
"""`MetricsList` gets so many series."""
_START_S = 1_700_000_000
_WINDOW = Window(_START_S * SECOND, (_START_S + (SAMPLES - 1) * STEP_S) * SECOND, STEP_S * SECOND)
_INTERNING = Interning()

Way = Callable[[bytes], Floats]


def main() -> int:
    """The table, and whether the reaches are kept."""
    options = parser(__doc__)
    options.add_argument(
        "--memory", nargs=2, metavar=("WAY", "PATH"), help="only the extra memory of one way, in bytes"
    )
    given = options.parse_args()
    if given.memory:
        print(_extra(WAYS[given.memory[0]], Path(given.memory[1]).read_bytes()))
        return 0
    series, rounds = (QUICK_SERIES, _QUICK_ROUNDS) if given.quick else (SERIES, _ROUNDS)
    body = answer(series)
    seconds, extra = _seconds(body, rounds), _memory(body)
    samples = series * SAMPLES
    later = seconds[LATER] / samples
    rows = [
        [name, number(1e3 * s), *_each(s / samples, later), *_room(extra.get(name), len(body))]
        for name, s in seconds.items()
    ]
    listed = _metrics_list(answer(_PEER_LISTED)) / (_PEER_LISTED * SAMPLES)
    rows.append([f"MetricsList, {_PEER_LISTED} series", "", *_each(listed, later), "", ""])
    head = ["CPU time, median", "ms", "ns a sample", "times as long", "extra MiB", "of the answer"]
    table(f"{series:,} series of {SAMPLES} samples, {len(body) / 1e6:.1f} MB", head, rows)
    first, again = (seconds[ORJSON] / seconds[name] for name in (FIRST, LATER))
    reaches = [
        Reach("orjson's time over that of a first read", first, REACH_TIMES, "times", above=True),
        Reach("orjson's time over that of a later read", again, REACH_TIMES, "times", above=True),
        Reach("extra memory of a first read", extra[FIRST] / len(body), REACH_MEMORY, "times the answer"),
    ]
    return verdict([] if given.quick else reaches)


def _each(seconds: float, later: float) -> tuple[str, str]:
    """The cells of one sample."""
    return number(1e9 * seconds), number(seconds / later)


def _room(extra: int | None, size: int) -> tuple[str, str]:
    """The cells of the memory."""
    return ("", "") if extra is None else (number(extra / 2**20), number(extra / size))


def answer(series: int) -> bytes:
    """What Prometheus sends, which writes no blanks."""
    rng = np.random.default_rng(7)
    times = _WINDOW.times() // SECOND
    day = 2 * np.pi * (times / 86_400)
    parts = []
    for one in map(key, range(series)):
        level, swing, phase = rng.uniform(20, 60), rng.uniform(5, 15), rng.uniform(0, 2 * np.pi)
        values = level + swing * np.sin(day + phase) + rng.normal(0, 2, SAMPLES)
        labels = json.dumps({"__name__": one.name, **dict(one.labels)}, separators=(",", ":"))
        samples = ",".join(f'[{t},"{v!r}"]' for t, v in zip(times.tolist(), values.tolist(), strict=True))
        parts.append(f'{{"metric":{labels},"values":[{samples}]}}')
    return f'{{"status":"success","data":{{"resultType":"matrix","result":[{",".join(parts)}]}}}}'.encode()


def _streamed(body: bytes, interning: Interning) -> Floats:
    panel = stream.decode(body, _WINDOW, query="bench", max_series=SERIES, interning=interning)
    assert panel is not None, "the stream decoder does not take what Prometheus sends"
    return panel.values


def _first(body: bytes) -> Floats:
    return _streamed(body, Interning())


def _later(body: bytes) -> Floats:
    return _streamed(body, _INTERNING)


def _plain(body: bytes) -> Floats:
    return plain.decode(body, _WINDOW, query="bench", max_series=SERIES, interning=Interning()).values


def _orjson(body: bytes) -> Floats:
    """The fastest of a few ways to write it."""
    result = orjson.loads(body)["data"]["result"]
    values = np.full((len(result), SAMPLES), np.nan)
    for row, one in zip(values, result, strict=True):
        times, texts = zip(*one["values"], strict=True)
        row[np.rint((np.array(times) - _START_S) / STEP_S).astype(np.int64)] = list(map(float, texts))
    return values


def _uncollected(body: bytes) -> Floats:
    gc.disable()
    try:
        return _orjson(body)
    finally:
        gc.enable()


FIRST, LATER, PLAIN, ORJSON = "Sentio, first read", "Sentio, later read", "Sentio, plain decoder", "orjson"
WAYS: dict[str, Way] = {
    FIRST: _first,
    LATER: _later,
    PLAIN: _plain,
    ORJSON: _orjson,
    "orjson, no collector": _uncollected,
}


def _seconds(body: bytes, rounds: int) -> dict[str, float]:
    """Medians of the CPU seconds of each way, in turns; one round before them is not counted."""
    stream.warm()
    expected = _plain(body)
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(rounds + 1):
        for name, way in WAYS.items():
            gc.collect()
            started = time.process_time()
            values = way(body)
            found[name].append(time.process_time() - started)
            assert np.array_equal(values, expected), name
    return {name: statistics.median(times[1:]) for name, times in found.items()}


def _memory(body: bytes) -> dict[str, int]:
    """Bytes beyond the answer and the matrix, in a process for each of those ways that differ."""
    with tempfile.NamedTemporaryFile(prefix="sentio-bench-") as file:
        file.write(body)
        file.flush()
        command = [sys.executable, "-m", "benchmarks.decode", "--memory"]
        return {
            name: int(subprocess.run([*command, name, file.name], stdout=subprocess.PIPE, check=True).stdout)
            for name in (FIRST, PLAIN, ORJSON)
        }


def _extra(way: Way, body: bytes) -> int:
    stream.warm()
    gc.collect()
    # Has the kernel forget the highest that there was.
    Path("/proc/self/clear_refs").write_text("5", "ascii")
    before = _status("VmRSS")
    values = way(body)
    return _status("VmHWM") - before - values.nbytes


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def _metrics_list(body: bytes) -> float:
    from prometheus_api_client import MetricsList

    started = time.process_time()
    MetricsList(json.loads(body)["data"]["result"])
    return time.process_time() - started


if __name__ == "__main__":
    sys.exit(main())
