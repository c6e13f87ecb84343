"""The scraper against real exporters that come and go, and against pages that are none."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from sentio.demo.exporter import exporter
from sentio.demo.scraper import Scraper
from sentio.demo.simulator import CPU, FAULT, Simulator
from sentio.demo.tsdb import Tsdb
from sentio.server import Server
from sentio.types import SECOND, SeriesKey
from tests.servers import PATIENCE_S, until

START = 1_700_000_000.0


class Clock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.now = START
        self.reads = 0

    def __call__(self) -> float:
        self.reads += 1
        return self.now


def values(store: Tsdb, name: str, clock: Clock) -> dict[SeriesKey, float]:
    answer = store.evaluate(lambda key: key.name == name, np.array([round(clock.now * SECOND)]))
    return dict(zip(answer.keys, answer.values[:, 0].tolist(), strict=True))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(round(START * SECOND), 180 * SECOND)


def test_the_page_is_the_simulator_at_the_time_of_the_scrape(simulator: Simulator, clock: Clock) -> None:
    app = exporter(simulator, clock)
    assert clock.reads == 0
    with Server(app) as server:
        clock.now = START + 80.123
        page = requests.get(f"{server.url}/metrics", timeout=PATIENCE_S)
        wanted = {"Accept": "application/openmetrics-text; version=1.0.0"}
        open_metrics = requests.get(f"{server.url}/metrics", headers=wanted, timeout=PATIENCE_S)
    assert clock.reads == 2
    assert page.headers["content-type"].startswith("text/plain; version=")
    assert open_metrics.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert open_metrics.text.endswith("# EOF\n")
    got = {
        SeriesKey.of({"__name__": s.name, **s.labels}): s.value
        for family in text_string_to_metric_families(page.text)
        for s in family.samples
    }
    now = np.array([round(clock.now * SECOND)])
    keys = simulator.keys + simulator.truth_keys
    assert got == dict(
        zip(keys, np.concatenate([simulator.values(now), simulator.truth(now)])[:, 0].tolist(), strict=True)
    )
    assert sum(got[key] for key in simulator.truth_keys) == 1


def test_samples_bear_the_labels_and_the_time_of_their_scrape(simulator: Simulator, clock: Clock) -> None:
    store = Tsdb()
    with Server(exporter(simulator, clock)) as server:
        scraper = Scraper(store, server.address, 5.0, clock)
        clock.now = START + 90.0004
        scraper.scrape()
    cpu = values(store, CPU, clock)
    key = SeriesKey.of(
        {
            "__name__": CPU,
            "container_name": "workload",
            "engine_host": "demo",
            "job": "demo",
            "instance": server.address,
        }
    )
    at = np.array([round((START + 90) * SECOND)])
    assert cpu[key] == simulator.values(at)[0, 0]
    assert sum(values(store, FAULT, clock).values()) == 1
    assert values(store, "up", clock) == {
        SeriesKey.of({"__name__": "up", "job": "demo", "instance": server.address}): 1.0
    }
    assert (scraper.scrapes, scraper.failures) == (1, 0)
    assert store.select(lambda k: k == key, end=int(at[0]) - 1) == ()


def test_an_exporter_that_goes_away_and_returns(
    simulator: Simulator, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    store = Tsdb()
    first = Server(exporter(simulator, clock))
    first.start()
    ticking = clock_that_ticks(clock)
    scraper = Scraper(store, first.address, 0.02, ticking)
    scraper.start()
    until(lambda: scraper.scrapes > 2, 5, "scrapes")
    assert len(values(store, CPU, clock)) == 6
    first.stop()
    until(lambda: scraper.failures > 2, 5, "failures")
    assert list(values(store, "up", clock).values()) == [0.0]
    assert values(store, CPU, clock) == {}, "stale at once, not after five minutes"
    second = Server(exporter(simulator, clock), port=first.port)
    second.start()
    until(lambda: len(values(store, CPU, clock)) == 6, 5, "it is scraped again")
    assert list(values(store, "up", clock).values()) == [1.0]
    scraper.stop()
    assert "demo-scraper" not in {thread.name for thread in threading.enumerate()}
    second.stop()
    assert f"scrape of http://{first.address}/metrics: no answer" in caplog.text


def clock_that_ticks(clock: Clock) -> Callable[[], float]:
    def tick() -> float:
        clock.now += 0.01
        return clock.now

    return tick


def page(response: Callable[[], Response]) -> Starlette:
    return Starlette(routes=[Route("/metrics", lambda _: response())])


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        (lambda: PlainTextResponse("no", 500), "HTTP 500; 200 is expected"),
        (lambda: RedirectResponse("/elsewhere"), "HTTP 307; 200 is expected"),
        (lambda: PlainTextResponse("<html>hello</html>"), "no metrics (invalid metric name"),
        (lambda: PlainTextResponse('a{b="c"} many'), "no metrics (could not convert string to float"),
        (lambda: PlainTextResponse('a{b="c",'), "no metrics ("),
        (lambda: Response(b'a{b="\xff"} 1'), "no metrics ('utf-8' codec can't decode"),
    ],
)
def test_a_page_that_is_none_is_counted_and_said(
    response: Callable[[], Response], problem: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    store = Tsdb()
    with Server(page(response)) as server:
        scraper = Scraper(store, server.address, 5.0, clock)
        scraper.scrape()
    assert scraper.failures == 1
    assert list(values(store, "up", clock).values()) == [0.0]
    assert f"scrape of {server.url}/metrics: {problem}" in caplog.text


def test_a_series_that_leaves_the_page_is_stale(clock: Clock) -> None:
    pages = iter(['a{x="1"} 1\na{x="2"} 2\n', 'a{x="2"} 3\n'])
    store = Tsdb()
    with Server(page(lambda: PlainTextResponse(next(pages)))) as server:
        scraper = Scraper(store, server.address, 5.0, clock)
        scraper.scrape()
        assert list(values(store, "a", clock).values()) == [1.0, 2.0]
        clock.now += 5
        scraper.scrape()
    assert list(values(store, "a", clock).values()) == [3.0]


def test_a_clock_that_goes_backwards_is_counted_and_stores_nothing(
    simulator: Simulator, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    store = Tsdb()
    with Server(exporter(simulator, clock)) as server:
        scraper = Scraper(store, server.address, 5.0, clock)
        scraper.scrape()
        clock.now -= 5
        scraper.scrape()
        assert scraper.failures == 1
        assert "is not newer than the newest" in caplog.text
        clock.now += 10
        scraper.scrape()
    assert scraper.failures == 1
    assert len(values(store, CPU, clock)) == 6


@pytest.fixture(autouse=True)
def _logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.WARNING, "sentio.demo.scraper"):
        yield
