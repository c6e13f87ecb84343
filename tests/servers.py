"""Real servers for tests: Debian's Prometheus, an exporter, and Sentio itself as a process."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sentio.demo.prometheus_process import PrometheusProcess
from sentio.demo.series import Series
from sentio.server import Server
from sentio.types import SeriesKey

LOOPBACK = "127.0.0.1"
PATIENCE_S = 60.0
"""For what must come, and end, by itself: long, for a machine may be busy, and how fast it is is for benchmarks."""
_POLL_S = 0.02
_PORTS = range(20_000, 32_768)
"""Below those that Linux gives to whoever asks for any: who knows one of these does not lose it to a passing client."""
_any = random.SystemRandom()

T = TypeVar("T")


def until(found: Callable[[], T], seconds: float, what: str) -> T:
    """What ``found`` gives as soon as it is true; fails with ``what`` when it does not become so. ``seconds``: what it
    may take where nothing else runs; it is never given less than `PATIENCE_S`."""
    patience = max(seconds, PATIENCE_S)
    deadline = time.monotonic() + patience
    while not (result := found()):
        assert time.monotonic() < deadline, f"not within {patience:g} s: {what}"
        time.sleep(_POLL_S)
    return result


def need_prometheus() -> None:
    """Skips the test, saying what is lacking."""
    for program in ("prometheus", "promtool"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not on PATH; on Debian: apt-get install prometheus")


def free_port() -> int:
    """One that nobody listens on, and that nobody else is given until the test does: other tests run meanwhile."""
    while True:
        port = _any.choice(_PORTS)
        with contextlib.suppress(OSError), socket.create_server((LOOPBACK, port)):
            return port


class Page:
    """What ``/metrics`` said: 200 and parseable, or this cannot be made."""

    def __init__(self, url: str) -> None:
        response = requests.get(f"{url}/metrics", timeout=PATIENCE_S)
        assert response.status_code == 200
        self.text = response.text
        self.samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        for family in text_string_to_metric_families(self.text):
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in self.samples, f"{key} occurs twice"
                self.samples[key] = sample.value

    def all(self, name: str, **labels: str) -> dict[frozenset[tuple[str, str]], float]:
        """Those of this name that have these labels, by their whole label sets."""
        wanted = labels.items()
        return {own: v for (n, own), v in self.samples.items() if n == name and wanted <= own}

    def get(self, name: str, **labels: str) -> float | None:
        """The only one; None where there is none."""
        found = list(self.all(name, **labels).values())
        assert len(found) < 2, f"{name}{labels}: {found}"
        return found[0] if found else None

    def bands(self, **labels: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """What is published of each series' model."""
        names = ("sentio_yhat", "sentio_yhat_lower", "sentio_yhat_upper")
        return {(n, own): v for n in names for own, v in self.all(n, **labels).items()}


class Exporter:
    """A page of one metric, whose series the test sets: `series` gives each one's value at a time in seconds."""

    def __init__(self, metric: str) -> None:
        self.metric = metric
        self.series: dict[SeriesKey, Callable[[float], float]] = {}
        self._server = Server(Starlette(routes=[Route("/metrics", self._metrics)]), name="exporter")

    @property
    def address(self) -> str:
        return self._server.address

    def _metrics(self, _: Request) -> Response:
        now = time.time()
        lines = [f"{key} {value(now)!r}\n" for key, value in list(self.series.items())]
        text = f"# TYPE {self.metric} gauge\n{''.join(lines)}"
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()


class Prometheus:
    """The API of a running one, and its log."""

    def __init__(self, url: str, log: Path) -> None:
        self.url = url
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def _ask(self, path: str, **params: str | float) -> list[dict[str, Any]]:
        response = requests.get(f"{self.url}/api/v1/{path}", params=params, timeout=PATIENCE_S)
        assert response.status_code == 200, response.text
        result: list[dict[str, Any]] = response.json()["data"]["result"]
        return result

    def instant(self, query: str) -> list[tuple[dict[str, str], float]]:
        return [(row["metric"], float(row["value"][1])) for row in self._ask("query", query=query)]

    def samples(self, selector: str, span: str) -> list[tuple[float, float]]:
        """Those of the only series, as they were stored: seconds and value."""
        (row,) = self._ask("query", query=f"{selector}[{span}]")
        return [(t, float(v)) for t, v in row["values"]]

    def own_metrics(self) -> Page:
        """What it says about itself."""
        return Page(self.url)

    def range(
        self, query: str, start: float, end: float, step: float
    ) -> list[tuple[dict[str, str], dict[float, float]]]:
        rows = self._ask("query_range", query=query, start=start, end=end, step=step)
        return [(row["metric"], {t: float(v) for t, v in row["values"]}) for row in rows]


@contextlib.contextmanager
def running_prometheus(
    folder: Path, *, history: Iterable[Series], exporter: str, sentio: str | None = None, interval: float = 1.0
) -> Iterator[Prometheus]:
    """Debian's, with ``history`` loaded by promtool, scraping as `PrometheusProcess` says; skips the test where
    there is none."""
    need_prometheus()
    folder.mkdir(parents=True, exist_ok=True)
    process = PrometheusProcess(folder, exporter, sentio, interval)
    process.load(history)
    with process:
        yield Prometheus(process.url, folder / "prometheus.log")


class SentioProcess:
    """``python -m sentio serve`` on a free port of the loopback, once it is configured; its log is a file of
    ``folder``."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "sentio.yml"
        self.address = f"{LOOPBACK}:{free_port()}"
        self.url = f"http://{self.address}"
        self._folder = folder
        self._log = folder / "sentio.log"
        self._process: subprocess.Popen[bytes] | None = None

    def configure(self, config: dict[str, Any]) -> None:
        """Write its file, with a store in the same folder."""
        store = {"path": str(self.config.with_name("sentio.db"))}
        self.config.write_text(yaml.safe_dump({"store": store, **config}), "utf-8")

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def page(self) -> Page:
        return Page(self.url)

    def start(self) -> None:
        """Returns once ``/-/ready`` says so."""
        command = [sys.executable, "-m", "sentio", "serve", f"--config.file={self.config}"]
        command += [f"--web.listen-address={self.address}"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=subprocess.STDOUT)
        try:
            until(self._ready, PATIENCE_S, "sentio is ready")
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        try:
            return requests.get(f"{self.url}/-/ready", timeout=PATIENCE_S).status_code == 200
        except requests.ConnectionError:
            return False

    def stop(self) -> None:
        """SIGTERM must end it, with exit code 0."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            pytest.fail(f"sentio did not end within {PATIENCE_S:g} s of SIGTERM:\n{self.log}")
        assert code == 0, self.log

    def kill(self) -> None:
        """SIGKILL."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Watch:
    """Looks at a page again and again on a thread, and keeps what it saw: (seconds since the epoch, page)."""

    def __init__(self, look: Callable[[], Page]) -> None:
        self.seen: list[tuple[float, Page]] = []
        self._look = look
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._ended.wait(_POLL_S):
            page = self._look()
            self.seen.append((time.time(), page))

    def first(self, wanted: Callable[[Page], bool], after: float = 0.0) -> float | None:
        """When a page was seen first of which ``wanted`` is true."""
        return next((at for at, page in list(self.seen) if at >= after and wanted(page)), None)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(PATIENCE_S)
