"""`sentio serve` as a process, on a source that is not always there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faulty import FaultyServer, OneSeries, Value, answer, matrix
from tests.servers import Page, SentioProcess, until

HOSTS = ("a", "b")


def bounded(level: float) -> Value:
    """Noise of a second's own, within 1 and evenly spread: no band of 99 % is left by it."""
    return lambda t: level + (int(t) * 2654435761 % 1000) / 500 - 1


GOOD = answer(matrix(*(OneSeries({"__name__": "m", "host": host}, bounded(10)) for host in HOSTS)))
FLAT = {"growth": "flat", "weekly_seasonality": False, "daily_seasonality": False, "yearly_seasonality": False}


@pytest.fixture
def there() -> Iterator[FaultyServer]:
    with FaultyServer(GOOD) as server:
        yield server


@pytest.fixture
def sentio(tmp_path: Path, there: FaultyServer) -> SentioProcess:
    made = SentioProcess(tmp_path)
    made.configure(
        {
            "sources": {"prom": {"type": "prometheus", "url": there.url, "timeout": "2m", "retries": 0}},
            "pipelines": {
                "q": {
                    "source": "prom",
                    "query": "m",
                    "step": "1s",
                    "ttl": "8s",
                    "train": {"window": "5m", "every": "1s"},
                    "detector": {"type": "prophet", **FLAT},
                }
            },
        }
    )
    return made


def ready(page: Page) -> bool:
    return len(page.all("sentio_yhat")) == len(HOSTS)


def test_down_at_start(sentio: SentioProcess, there: FaultyServer) -> None:
    there.down()
    with sentio:
        failed = {"tick": "score", "outcome": "failed"}
        until(
            lambda: (sentio.page().get("sentio_ticks_total", **failed) or 0) >= 1,
            10,
            "a tick fails, for all its reads do",
        )
        page = sentio.page()
        assert page.get("sentio_reads_total", outcome="unreachable") >= 2
        assert page.get("sentio_datasource_up", query="q", source="prom") == 0
        assert not page.all("sentio_value")
        there.up()
        until(lambda: ready(sentio.page()), 20, "bands of both series")
        assert sentio.page().get("sentio_datasource_up") == 1
        said = f"pipeline q, source prom: {there.url}: cannot be reached (Connection refused); a server that answers"
        assert sentio.log.count(said) == 1, "a failure that goes on is said once"
        assert sentio.log.count("pipeline q, source prom: works again") == 1
    assert "Traceback" not in sentio.log


def test_down_for_a_while(sentio: SentioProcess, there: FaultyServer) -> None:
    with sentio:
        until(lambda: ready(sentio.page()), 20, "bands of both series")
        there.down()
        last = max(ms for request in there.ranges for ms in request.grid)
        until(lambda: sentio.page().get("sentio_datasource_up") == 0, 5, "the outage is seen")
        assert ready(sentio.page()), "the bands stand until their time to live is over"
        until(lambda: not sentio.page().all("sentio_yhat"), 10, "the bands go when it is over")
        assert sentio.page().get("sentio_series_vanished_total") == len(HOSTS)
        asked = len(there.ranges)
        there.up()
        until(lambda: ready(sentio.page()), 5, "the bands are back, from the models there were")
        grid = [ms for request in there.ranges[asked:] for ms in request.grid]
        assert min(grid) <= last + 1000, "the gap is read from its start"
        assert sorted(set(grid)) == list(range(min(grid), max(grid) + 1, 1000))
    assert "Traceback" not in sentio.log


def test_it_ends_while_a_read_hangs(sentio: SentioProcess, there: FaultyServer) -> None:
    there.behave = lambda _, connection: connection.wait(600)
    with sentio:
        until(lambda: there.ranges, 10, "a read is under way")
