"""Long reads: every time of the grid is asked for exactly once, and arrives, from a server of ours and a real one."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from sentio.demo.series import Series
from sentio.errors import SourceError
from sentio.sources.prometheus import Prometheus as Source
from sentio.types import MILLISECOND, SECOND, SeriesKey, Window
from tests.faulty import OneSeries, answer, matrix
from tests.servers import Prometheus, running_prometheus

from .conftest import MakeBench, MakeServer

LIMIT = 11_000
"""What Prometheus answers at most, points of one series."""
LENGTHS = [1, 2, 999, 1000, 1001, 1002, LIMIT - 1, LIMIT, LIMIT + 1, LIMIT + 1000, LIMIT + 1001, 23_500]
START = 1_700_000_000
SLOPE = 0.25


def window(points: int, step: int, start: int = START * SECOND) -> Window:
    return Window(start, start + (points - 1) * step, step)


def source(url: str, **options: object) -> Source:
    return Source(Source.Options(url=url, **options))


@pytest.mark.parametrize("points", LENGTHS)
@pytest.mark.parametrize("step", [SECOND, 15 * SECOND, 250 * MILLISECOND])
def test_every_time_is_asked_for_once(server: MakeServer, points: int, step: int) -> None:
    there = server(answer(matrix(OneSeries({"__name__": "m"}, lambda t: round(t * 1000)))))
    wanted = window(points, step)
    panel = source(there.url).read("m", wanted)
    asked = [ms for request in there.ranges for ms in request.grid]
    assert asked == (wanted.times() // MILLISECOND).tolist()
    assert max(len(request.grid) for request in there.ranges) <= LIMIT
    assert panel.values[0].tolist() == asked, "each sample is where it belongs"


@pytest.mark.parametrize("max_points", [1, 7, 100, 999, 1000])
def test_the_limit_is_the_servers(server: MakeServer, max_points: int) -> None:
    there = server(answer(matrix(OneSeries({"__name__": "m"}, lambda t: t))))
    source(there.url, max_points=max_points).read("m", window(6 * max_points + 1, SECOND))
    assert max(len(request.grid) for request in there.ranges) == max_points


def test_many_series_are_read_in_smaller_parts(server: MakeServer) -> None:
    """About three hundred thousand samples an answer, however many series; the first finds out how many there are."""
    there = server(answer(matrix(*(OneSeries({"i": str(i)}, lambda _: 1) for i in range(500)))))
    panel = source(there.url).read("m", window(2500, SECOND))
    assert [len(request.grid) for request in there.ranges] == [30, 240, 600, 600, 600, 430]
    assert panel.values.shape == (500, 2500)
    assert np.isfinite(panel.values).all()


def test_an_answer_that_is_too_large_is_asked_for_in_pieces(server: MakeServer) -> None:
    """Where the data begin late, the first answers tell nothing of how many series there are."""
    late = START + 900
    series = (OneSeries({"i": str(i)}, lambda t: t + 0.123456789 if t >= late else None) for i in range(200))
    there = server(answer(matrix(*series)))
    wanted = window(1200, SECOND)
    panel = source(there.url, max_bytes="200kB").read("m", wanted)
    assert panel.values.shape == (200, 1200)
    np.testing.assert_array_equal(np.isfinite(panel.values).sum(axis=1), 300)
    sizes = [len(request.grid) for request in there.ranges]
    assert sum(sizes) > 1200, "some answer was too large, and asked for again"
    assert min(sizes[:-1]) >= 5


def test_one_time_that_is_too_large_is_an_error(server: MakeServer) -> None:
    there = server(answer(matrix(*(OneSeries({"i": str(i)}, lambda t: t) for i in range(200)))))
    with pytest.raises(SourceError, match="answers more than max_bytes") as caught:
        source(there.url, max_bytes="1kB").read("m", window(100, SECOND))
    assert caught.value.reason == "max_bytes"
    assert [len(request.grid) for request in there.ranges] == [30, 7, 1]


def test_a_series_that_is_only_in_some_of_the_parts(server: MakeServer) -> None:
    middle = START + 1500
    series = (
        OneSeries({"__name__": "early"}, lambda t: 1 if t < middle else None),
        OneSeries({"__name__": "late"}, lambda t: 2 if t >= middle else None),
        OneSeries({"__name__": "brief"}, lambda t: 3 if t == START + 1000 else None),
    )
    panel = source(server(answer(matrix(*series))).url, max_points=1000).read("m", window(3001, SECOND))
    rows = {key.name: row for key, row in zip(panel.keys, panel.values, strict=True)}
    assert {name: int(np.isfinite(row).sum()) for name, row in rows.items()} == {
        "early": 1500,
        "late": 1501,
        "brief": 1,
    }
    assert rows["brief"][1000] == 3


@pytest.mark.parametrize("now", [0, 1, 14_999, 15_000, 15_001, 29_999])
def test_the_grid_does_not_shift(bench: MakeBench, server: MakeServer, now: int) -> None:
    """Whenever the tick is: all times asked for are multiples of the step."""
    there = server(answer(matrix(OneSeries({"__name__": "m"}, lambda t: t % 7))))
    made = bench(there, step="15s")
    made.start = made.start // (15 * SECOND) * 15 * SECOND + now * MILLISECOND
    assert made.train() == made.score(0) == ""
    asked = [ms for request in there.ranges for ms in request.grid]
    assert {ms % 15_000 for ms in asked} == {0}
    assert max(asked) == made.start // (15 * SECOND) * 15_000


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """One sample a second, each with a value of its own, up to a while ago."""
    end = int(time.time()) - 600
    seconds = np.arange(end - 25_000, end, dtype=np.int64)
    history = [Series(SeriesKey("m"), seconds * SECOND, seconds * SLOPE)]
    folder = tmp_path_factory.mktemp("grid")
    with running_prometheus(folder, history=history, exporter="127.0.0.1:1", interval=600.0) as running:
        running.first = int(seconds[0])
        yield running


@pytest.mark.parametrize("points", LENGTHS)
def test_from_a_real_prometheus(prometheus: Prometheus, points: int) -> None:
    wanted = window(points, SECOND, prometheus.first * SECOND)
    panel = source(prometheus.url).read("m", wanted)
    (row,) = panel.values
    assert row.tolist() == (wanted.times() // SECOND * SLOPE).tolist()


def test_a_real_prometheus_refuses_one_point_more(prometheus: Prometheus) -> None:
    """So that the limit above is known to be one."""
    with pytest.raises(Exception, match=r"refuses the query \(400: exceeded maximum resolution of 11,000 points"):
        source(prometheus.url, max_points=LIMIT + 1_001).read("m", window(2 * LIMIT, SECOND))
    panel = source(prometheus.url, max_points=LIMIT).read("m", window(LIMIT + 1_000, SECOND))
    assert panel.keys == ()
