"""How long does a scrape take while 2,000 series are being fitted?

The real service (`sentio serve`, a process of its own) over a real Prometheus. Once its first fit has filled the
page, the next one is awaited, and while that runs the page is fetched over a kept-alive socket, again and again
with 50 ms between.
Beside it, in turns and so under the same load: prometheus_client, rendering as many gauges of the same names and
labels, in a process that does nothing else.
"""

from __future__ import annotations

import gzip
import http.client
import multiprocessing
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.datasource import serving
from benchmarks.figures import Reach, number, parser, quantile, table, verdict
from benchmarks.gauges import HORIZONS, registry
from sentio.types import SECOND, Window

SERIES, QUICK_SERIES = 2000, 200
LIMIT_S = 0.05
"""What 99 of 100 scrapes are to stay below."""

_STEP_S, _WINDOW_S, _AHEAD_S = 15, 600, 1_500
_PAUSE_S = 0.05
_BATCH_S = 1.0
_MEASURE_S, _WAIT_S, _STOP_S = 90, 400, 15
_LOOPBACK = "127.0.0.1"
_AS_PROMETHEUS = {
    "Accept": "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Accept-Encoding": "gzip",
}
_PLAIN = {"Accept": "text/plain;version=0.0.4"}


def main() -> int:
    """The table, and whether the reach is kept."""
    quick = parser(__doc__).parse_args().quick
    series = QUICK_SERIES if quick else SERIES
    with running(series) as (client, source):
        print(f"{series} series, {_WINDOW_S // _STEP_S} samples each, from {source}", flush=True)
        with peer(series) as theirs:
            found = measure(client, theirs, series)
    _print(found)
    return verdict([] if quick else [Reach("p99 of a scrape while a fit runs", 1000 * found.p99, 1000 * LIMIT_S, "ms")])


class Client:
    """One kept-alive connection, as Prometheus has."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(_LOOPBACK, port, timeout=30)

    def get(self, headers: dict[str, str]) -> bytes:
        """The page, as it came."""
        self._connection.request("GET", "/metrics", headers=headers)
        answer = self._connection.getresponse()
        assert answer.status == http.HTTPStatus.OK, answer.status
        return answer.read()

    def sample(self, name: str) -> float:
        """The value of a sample of the page, by its name and labels as they stand there; 0 where there is none."""
        page = gzip.decompress(self.get(_AS_PROMETHEUS)).decode()
        found = re.search(rf"^{re.escape(name)} (\S+)$", page, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def close(self) -> None:
        self._connection.close()


@dataclass
class Found:
    """What was seen: seconds of each request by who answered, and the service's own account."""

    times: dict[str, list[float]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    fitted: int = 0
    took: float = 0.0
    rendered: dict[str, float] = field(default_factory=dict)
    ticks: dict[str, float] = field(default_factory=dict)

    @property
    def p99(self) -> float:
        return quantile(self.times[_OURS], 0.99)


_OURS, _OURS_PLAIN, _THEIRS = "Sentio, gzip", "Sentio, plain", "prometheus_client, plain"
_PROGRESS = 'sentio_train_progress_ratio{query="bench"}'
_FITTED = 'sentio_fits_total{query="bench",state="ready"}'
_READY = 'sentio_series{query="bench",state="ready"}'
_BUCKETS = ("0.005", "0.01", "0.025", "0.05", "+Inf")
_RENDERED = tuple(f'sentio_scrape_duration_seconds_bucket{{le="{le}"}}' for le in _BUCKETS)
_TICKS = tuple(f'sentio_tick_duration_seconds_{part}{{query="bench",tick="score"}}' for part in ("sum", "count"))


def measure(client: Client, theirs: Client, series: int) -> Found:
    """Wait for the first fit and the start of the next; then fetch in turns for as long as that one runs."""
    _until(lambda: client.sample(_READY) == series and client.sample(_PROGRESS) == 1, "the first fit")
    _until(lambda: client.sample(_PROGRESS) < 1, "the next fit")
    found, who = Found(), {_OURS: (client, _AS_PROMETHEUS), _OURS_PLAIN: (client, _PLAIN), _THEIRS: (theirs, _PLAIN)}
    before = _counts(client)
    started = time.monotonic()
    while time.monotonic() - started < _MEASURE_S:
        batches = {name: _batch(found, name, *asked) for name, asked in who.items()}
        if client.sample(_PROGRESS) == 1:
            break  # it may have ended within these batches: they do not count
        for name, times in batches.items():
            found.times.setdefault(name, []).extend(times)
    after = _counts(client)
    found.took = time.monotonic() - started
    found.fitted = int(after[_FITTED] - before[_FITTED])
    found.rendered = {le: after[name] - before[name] for le, name in zip(_BUCKETS, _RENDERED, strict=True)}
    found.ticks = {part: after[name] - before[name] for part, name in zip(("sum", "count"), _TICKS, strict=True)}
    return found


def _counts(client: Client) -> dict[str, float]:
    return {name: client.sample(name) for name in (_FITTED, *_RENDERED, *_TICKS)}


def _until(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _WAIT_S
    while not done():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} has not come within {_WAIT_S} s")
        time.sleep(1)


def _batch(found: Found, name: str, client: Client, headers: dict[str, str]) -> list[float]:
    times: list[float] = []
    ends = time.monotonic() + _BATCH_S
    while time.monotonic() < ends:
        started = time.perf_counter()
        body = client.get(headers)
        times.append(time.perf_counter() - started)
        found.sizes[name] = len(body)
        time.sleep(_PAUSE_S)
    return times


@contextmanager
def running(series: int) -> Iterator[tuple[Client, str]]:
    """A service over ``series`` series, refitted every minute; and where they come from."""
    now = time.time_ns()
    times = Window.ending(now + _AHEAD_S * SECOND, (_WINDOW_S + 60 + _AHEAD_S) * SECOND, _STEP_S * SECOND)
    with serving(series, times) as source, tempfile.TemporaryDirectory(prefix="sentio-bench-") as name:
        folder, port = Path(name), _free_port()
        (folder / "sentio.yml").write_text(_config(source.url, folder / "sentio.db"), "utf-8")
        command = [sys.executable, "-m", "sentio", "serve", f"--config.file={folder / 'sentio.yml'}"]
        command += [f"--web.listen-address={_LOOPBACK}:{port}", "--log.level=warning"]
        process = subprocess.Popen(command)
        try:
            _until(lambda: process.poll() is not None or _listens(port), "the service")
            client = Client(port)
            yield client, source.name
            client.close()
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            finally:
                process.kill()


def _config(url: str, store: Path) -> str:
    return f"""\
sources: {{prometheus: {{type: prometheus, url: {url}}}}}
pipelines:
  bench:
    source: prometheus
    query: bench_cpu_usage_percent
    step: {_STEP_S}s
    train: {{window: {_WINDOW_S}s, every: 1m}}
    detector: {{engine: stan}}  # the other one would be done before the page was looked at
    forecast: {{horizons: [{", ".join(HORIZONS)}]}}
store: {{path: {store}}}
"""


@contextmanager
def peer(series: int) -> Iterator[Client]:
    """A process that serves with prometheus_client what Sentio publishes of ``series`` series."""
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe()
    process = context.Process(target=_serve_gauges, args=(series, its), daemon=True)
    process.start()
    try:
        client = Client(ours.recv())
        yield client
        client.close()
    finally:
        process.kill()
        process.join()


def _serve_gauges(series: int, told: Connection) -> None:
    from prometheus_client import start_http_server

    server, thread = start_http_server(0, _LOOPBACK, registry(series))
    told.send(server.server_port)
    thread.join()


def _free_port() -> int:
    with socket.create_server((_LOOPBACK, 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((_LOOPBACK, port)) == 0


def _print(found: Found) -> None:
    rows = [
        [
            name, str(len(times)), *(number(1000 * quantile(times, q)) for q in (0.5, 0.99)),
            number(1000 * max(times)), number(found.sizes[name] / 1024),
        ]
        for name, times in found.times.items()
    ]  # fmt: skip
    title = f"A scrape over a socket while {found.fitted:,} series were fitted, in {found.took:.0f} s"
    table(title, ["seen by the client", "scrapes", "p50 ms", "p99 ms", "max ms", "KiB"], rows)
    count = found.rendered["+Inf"]
    shares = [f"{100 * found.rendered[le] / max(1, count):.1f} %" for le in _BUCKETS[:-1]]
    head = ["sentio_scrape_duration_seconds", "scrapes", *(f"≤ {1000 * float(le):g} ms" for le in _BUCKETS[:-1])]
    table("The same, as the service itself counts them", head, [["share", f"{count:.0f}", *shares]])
    mean = found.ticks["sum"] / max(1, found.ticks["count"])
    print(f"meanwhile {found.ticks['count']:.0f} score ticks, {1000 * mean:.0f} ms on average\n")


if __name__ == "__main__":
    sys.exit(main())
