"""Everything the demo needs beside Sentio: the simulated containers, and who remembers them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from sentio.demo.api import api
from sentio.demo.exporter import exporter
from sentio.demo.history import history
from sentio.demo.prometheus_process import PrometheusProcess
from sentio.demo.scraper import Scraper
from sentio.demo.series import Series
from sentio.demo.simulator import Simulator
from sentio.demo.tsdb import Tsdb
from sentio.server import Server
from sentio.types import SECOND

_FAULT_EVERY = 180 * SECOND
SCRAPE_EVERY_S = 5.0


class Demo:
    """An exporter, two weeks of its history, and a Prometheus API over both, all on the loopback.

    With ``prometheus`` that API is a real Prometheus's, which also scrapes Sentio at ``sentio``
    (``host:port``); without, it is the embedded store's. ``clock`` gives seconds since the epoch;
    ``scrape_every`` is in seconds. `start` may be called once.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        *,
        scrape_every: float = SCRAPE_EVERY_S,
        prometheus: bool = False,
        sentio: str | None = None,
    ) -> None:
        self.url = ""
        """The base of the Prometheus API, known once started."""
        self.exporter_url = ""
        """Where the exporter's page is, known once started."""
        self._clock = clock
        self._scrape_every = scrape_every
        self._prometheus = prometheus
        self._sentio = sentio
        self._running = ExitStack()

    def start(self) -> None:
        """Returns once the history can be asked for. Raises `SentioError`; then nothing is left running."""
        with ExitStack() as starting:
            begun = round(self._clock() * SECOND)
            simulator = Simulator(begun, _FAULT_EVERY)
            page = Server(exporter(simulator, self._clock), name="demo-exporter")
            starting.enter_context(page)
            past = history(simulator, begun, {"job": "demo", "instance": page.address})
            if self._prometheus:
                self.url = self._with_prometheus(starting, page.address, past)
            else:
                self.url = self._with_store(starting, page.address, past)
            self.exporter_url = f"{page.url}/metrics"
            self._running = starting.pop_all()

    def stop(self) -> None:
        """Ends all of it; nothing to do when it is not running."""
        self._running.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _with_store(self, starting: ExitStack, address: str, past: list[Series]) -> str:
        store = Tsdb()
        for series in past:
            store.extend(series)
        server = starting.enter_context(Server(api(store, self._clock), name="demo-store"))
        scraper = Scraper(store, address, self._scrape_every, self._clock)
        starting.callback(scraper.stop)
        scraper.start()
        return server.url

    def _with_prometheus(self, starting: ExitStack, address: str, past: list[Series]) -> str:
        folder = Path(starting.enter_context(tempfile.TemporaryDirectory(prefix="sentio-demo-")))
        process = PrometheusProcess(folder, address, self._sentio, self._scrape_every)
        process.load(past)
        starting.enter_context(process)
        return process.url
