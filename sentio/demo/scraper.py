"""Scrapes an exporter into the store, as Prometheus would."""

from __future__ import annotations

import logging
import threading
import time as pacing
from collections.abc import Callable

import requests
from prometheus_client.parser import text_string_to_metric_families

from sentio.demo.series import under_target
from sentio.demo.tsdb import Tsdb
from sentio.errors import SourceError, StoreError
from sentio.types import MILLISECOND, SeriesKey

_log = logging.getLogger(__name__)

_TIMEOUT_S = 2.0
"""For a page of a few lines from this very machine; it also bounds how long `Scraper.stop` waits."""


class Scraper:
    """Asks ``http://{address}/metrics`` every ``interval`` seconds, the first time at once, from a thread.

    Every sample gets the clock's time before the scrape, in whole milliseconds, and the labels of `target`. A
    series that is no longer on the page, and all of them when a scrape fails, are marked stale; ``up`` says
    which it was. ``clock`` gives seconds since the epoch. Timestamps on the page are not looked at.
    """

    def __init__(self, store: Tsdb, address: str, interval: float, clock: Callable[[], float]) -> None:
        self.target = {"job": "demo", "instance": address}
        self.scrapes = 0
        self.failures = 0
        self._store = store
        self._url = f"http://{address}/metrics"
        self._interval = interval
        self._clock = clock
        self._up = SeriesKey.of({"__name__": "up", **self.target})
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy of the environment leads to this machine's loopback
        self._seen: set[SeriesKey] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-scraper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Joins the thread; a scrape under way ends first, in two seconds at most."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._session.close()

    def scrape(self) -> None:
        """One scrape. A failure is counted and logged, and shows in ``up``; it is never raised."""
        self.scrapes += 1
        time = round(self._clock() * 1000) * MILLISECOND
        try:
            try:
                samples = self._page()
            except SourceError:
                self._store_all({}, time, up=0.0)
                raise
            self._store_all(samples, time, up=1.0)
        except (SourceError, StoreError) as error:
            self.failures += 1
            _log.warning("%s", error)

    def _run(self) -> None:
        due = pacing.monotonic()
        while not self._stop.is_set():
            self.scrape()
            # On a beat, so that the pace does not drift by what each scrape takes; a beat missed is let go.
            now = pacing.monotonic()
            due = max(due + self._interval, now)
            self._stop.wait(due - now)

    def _page(self) -> dict[SeriesKey, float]:
        """The samples of the page. Raises `SourceError`."""
        try:
            response = self._session.get(self._url, timeout=_TIMEOUT_S, allow_redirects=False)
        except requests.RequestException as error:
            raise self._error("unreachable", f"no answer ({error}); is the exporter running?") from error
        if response.status_code != requests.codes.ok:
            raise self._error("status", f"HTTP {response.status_code}; 200 is expected")
        try:
            return {
                under_target(SeriesKey.of({"__name__": sample.name, **sample.labels}), self.target): sample.value
                for family in text_string_to_metric_families(response.content.decode("utf-8"))
                for sample in family.samples
            }
        except (ValueError, IndexError) as error:  # the parser means to raise only the first
            raise self._error("parse", f"no metrics ({error}); the text format is expected") from error

    def _error(self, reason: str, what: str) -> SourceError:
        return SourceError(f"scrape of {self._url}: {what}", reason=reason)

    def _store_all(self, samples: dict[SeriesKey, float], time: int, up: float) -> None:
        """Raises `StoreError` when the clock went backwards; then nothing is stored."""
        self._store.append(self._up, time, up)
        for key, value in samples.items():
            self._store.append(key, time, value)
        for key in self._seen - samples.keys():
            self._store.mark_stale(key, time)
        self._seen = set(samples)
