"""Answers that are strange but true: odd values, odd labels, too much of either."""

from __future__ import annotations

import gzip
import logging
import math
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import pytest
import requests

from sentio.sources.prometheus import Prometheus
from sentio.types import SECOND, Window
from tests.faulty import (
    Behaviour,
    Connection,
    FaultyServer,
    OneSeries,
    Request,
    answer,
    drip_body,
    gzipped,
    hang_up,
    in_turn,
    matrix,
    text,
    wave,
)

from .bench import Bench, Page
from .conftest import MakeBench, MakeServer

ODD = 'say "hi" \\ C:\\new\nline 😀 é {a="b"} #'
OUTPUTS = ("value", "yhat", "yhat_lower", "yhat_upper", "anomaly_score", "anomaly")


def series(level: float, **labels: str) -> OneSeries:
    return OneSeries({"__name__": "m", **labels}, wave(level, int(level)))


A, B = series(10, instance="a"), series(50, instance="b")


def show(page: Page, **labels: str) -> list[float | None]:
    return [page.get(f"sentio_{name}", **labels) for name in OUTPUTS]


@dataclass
class Together:
    """A and B with others beside them, after training and one more tick."""

    bench: Bench
    server: FaultyServer
    page: Page
    alone: Page
    """What was published of A and B without the others."""

    def check(self) -> None:
        for instance in ("a", "b"):
            shown, expected = (show(page, instance=instance) for page in (self.page, self.alone))
            assert None not in shown
            # How many series stand beside it may change how a sum is rounded.
            assert shown == pytest.approx(expected, rel=1e-12)
        for (name, labels), value in self.page.samples.items():
            assert math.isfinite(value) or name.endswith("_bucket"), (name, labels)


MakeTogether = Callable[..., Together]


@pytest.fixture
def together(bench: MakeBench, server: MakeServer) -> MakeTogether:
    def run(there: FaultyServer, start: int | None, **source: object) -> tuple[Bench, Page]:
        made = bench(there, **source)
        made.start = start or made.start
        assert made.trained().score(1) == ""
        return made, made.page()

    def make(*others: OneSeries, behave: Behaviour | None = None, **source: object) -> Together:
        first, alone = run(server(answer(matrix(A, B))), None)
        there = server(behave or answer(matrix(A, B, *others)))
        made, page = run(there, first.start, **source)
        found = Together(made, there, page, alone)
        found.check()
        return found

    return make


def now_and_then(strange: object, every: int) -> Callable[[float], object]:
    usual = wave(30, 30)
    return lambda t: strange if int(t) // 5 % every == 0 else usual(t)


@pytest.mark.parametrize("strange", ["NaN", "+Inf", "-Inf"])
def test_what_is_no_number_is_dropped_and_counted(together: MakeTogether, strange: str) -> None:
    found = together(OneSeries({"__name__": "m", "instance": "c"}, now_and_then(strange, every=4)))
    page = found.page
    asked = [ms // 1000 for request in found.server.ranges for ms in request.grid]
    assert page.get("sentio_samples_dropped_total") == sum(t // 5 % 4 == 0 for t in asked) > 0
    assert page.get("sentio_yhat", instance="c") == pytest.approx(30, abs=1)
    assert page.get("sentio_reads_total", outcome="ok") == 3


@pytest.mark.parametrize("strange", ["NaN", "+Inf"])
def test_a_series_of_nothing_else(together: MakeTogether, strange: str) -> None:
    found = together(OneSeries({"__name__": "m", "instance": "c"}, lambda _: strange))
    assert not found.page.all("sentio_value", instance="c")
    assert not found.page.all("sentio_yhat", instance="c")
    assert found.page.get("sentio_series", state="ready") == 2


@pytest.mark.parametrize("strange", ["1e308", "-1e308", "1.7976931348623157e+308", "5e-324"])
@pytest.mark.parametrize("every", [1, 7], ids=["always", "now and then"])
def test_numbers_at_the_ends_of_a_double(together: MakeTogether, strange: str, every: int) -> None:
    found = together(OneSeries({"__name__": "m", "instance": "c"}, now_and_then(strange, every)))
    value = found.page.get("sentio_value", instance="c")
    assert value in {float(strange), wave(30, 30)(found.bench.at(1) / SECOND)}
    assert found.page.get("sentio_samples_dropped_total") in (None, 0)
    score = found.page.get("sentio_anomaly_score", instance="c")
    assert score is None or 0 <= score <= 1e6


def test_a_number_out_of_this_world_where_it_was_ordinary(together: MakeTogether) -> None:
    found = together(series(30, instance="c"))
    found.server.behave = answer(matrix(A, B, OneSeries({"__name__": "m", "instance": "c"}, lambda _: "1e308")))
    assert found.bench.score(2) == ""
    page = found.bench.page()
    assert page.get("sentio_value", instance="c") == 1e308
    assert page.get("sentio_anomaly_score", instance="c") == 1e6
    assert page.get("sentio_anomaly", instance="c") == 1
    assert [page.get("sentio_anomaly", instance=i) for i in "ab"] == [0, 0]


LABELS = {
    "quotes, backslash, newline, emoji": ({"instance": ODD}, {"instance": ODD}),
    "a value that ends in a backslash": ({"instance": "c:\\"}, {"instance": "c:\\"}),
    "query": ({"query": "theirs"}, {"exported_query": "theirs"}),
    "metric": ({"metric": "theirs"}, {"exported_metric": "theirs"}),
    "horizon": ({"horizon": "5m"}, {"exported_horizon": "5m"}),
    "query and exported_query": (
        {"query": "one", "exported_query": "two"},
        {"exported_query": "two", "exported_exported_query": "one"},
    ),
    "a name with dots": ({"k8s.pod": "x", "9": "y"}, {"k8s_pod": "x", "_9": "y"}),
    "no labels": ({}, {}),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_arrive_as_they_are(together: MakeTogether, name: str) -> None:
    own, published = LABELS[name]
    found = together(series(30, **own))
    wanted = frozenset({**published, "metric": "m", "query": "q"}.items())
    for output in ("sentio_value", "sentio_yhat", "sentio_yhat_lower", "sentio_yhat_upper", "sentio_anomaly"):
        assert wanted in found.page.all(output)
    for horizon in ("5m", "1h"):
        assert wanted | {("horizon", horizon)} in found.page.all("sentio_forecast")


def test_without_a_name_the_alias_stands_in(together: MakeTogether) -> None:
    found = together(OneSeries({"instance": "c"}, wave(30, 30)))
    assert found.page.get("sentio_yhat", instance="c", metric="q", query="q") is not None


def test_two_label_sets_that_become_equal(together: MakeTogether, caplog: pytest.LogCaptureFixture) -> None:
    found = together(series(30, query="x"), series(40, exported_query="x"))
    page = found.page
    assert len(page.all("sentio_value", exported_query="x")) == 1
    text = (
        "pipeline q, sink exposition: 1 series have the labels of another and are not published, the first is "
        'm{exported_query="x"}; label sets that differ are expected'
    )
    assert said(caplog, "sentio.guard") == [text]
    assert page.get("sentio_sink_deliveries_total", sink="exposition", outcome="duplicate_labels") == 2


def said(log: pytest.LogCaptureFixture, logger: str) -> list[str]:
    return [r.getMessage() for r in log.records if r.name == logger and r.levelno >= logging.WARNING]


HISTOGRAM = {"histograms": [[1, {"count": "1", "sum": "1", "buckets": []}]]}


def test_a_native_histogram(together: MakeTogether) -> None:
    found = together(OneSeries({"__name__": "m", "instance": "c"}, lambda _: None, HISTOGRAM))
    text = (
        "is a native histogram; a query that makes numbers of it is expected, such as "
        "histogram_quantile(0.9, rate(m[5m]))"
    )
    (failure,) = found.bench.runner.report.failures
    assert (failure.where, failure.reason, failure.text) == ('m{instance="c"}', "histogram", text)
    assert found.page.get("sentio_series_failures_total", reason="histogram") == 3
    assert found.page.get("sentio_reads_total", outcome="ok") == 3
    assert escape(text) in requests.get(found.bench.web.url, timeout=60).text


def test_the_same_label_set_twice(together: MakeTogether) -> None:
    found = together(series(99, instance="a"))
    (failure,) = found.bench.runner.report.failures
    text = "occurs twice in the answer, and the first is used; label sets that differ are expected"
    assert (failure.where, failure.reason, failure.text) == ('m{instance="a"}', "duplicate", text)
    assert found.page.get("sentio_series_failures_total", reason="duplicate") == 3


def test_more_series_than_are_taken(together: MakeTogether) -> None:
    found = together(*(series(30 + i, instance=f"c{i}") for i in range(5)), max_series=3)
    (failure,) = found.bench.runner.report.failures
    text = "gives 7 series, and max_series is 3: the last 4 are left out; narrow the query or raise max_series"
    assert (failure.where, failure.reason, failure.text) == ("m", "max_series", text)
    assert found.page.get("sentio_series_failures_total", reason="max_series") == 3 * 4
    assert len(found.page.all("sentio_yhat")) == 3
    assert escape(text) in requests.get(found.bench.web.url, timeout=60).text


def test_a_gzip_answer(together: MakeTogether) -> None:
    found = together(behave=gzipped(matrix(A, B)))
    assert "gzip" in found.server.ranges[-1].headers["accept-encoding"]
    sizes = [len(matrix(A, B)(request)) for request in found.server.ranges]
    assert found.page.get("sentio_read_bytes_total") == sum(sizes)


MIB = 1 << 20
BOMB = gzip.compress(b" " * (300 * MIB), 1)
TOO_MUCH = {
    "plain": answer(text(b" " * (2 * MIB))),
    "a gzip bomb": answer(text(BOMB), Content_Encoding="gzip"),
    "a bomb in a bomb": answer(text(gzip.compress(BOMB)), Content_Encoding="gzip, gzip"),
    "no length given": lambda _, connection: (
        connection.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b" " * (2 * MIB)),
        connection.close(),
    ),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_more_bytes_than_are_taken(together: MakeTogether, name: str) -> None:
    found = together(max_bytes="1MiB", retries=3)
    found.server.behave = TOO_MUCH[name]
    asked = len(found.server.ranges)
    tracemalloc.start()
    try:
        error = found.bench.score(2)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert error == (
        f"{found.server.url}: answers more than max_bytes (1048576 bytes); narrow the query or raise max_bytes"
    )
    assert peak < 16 * MIB
    assert len(found.server.ranges) == asked + 1
    page = found.bench.page()
    assert page.get("sentio_reads_total", outcome="max_bytes") == 1
    assert page.get("sentio_datasource_up") == 0
    assert page.bands() == pytest.approx(found.page.bands())


def test_a_series_that_vanishes_and_returns(together: MakeTogether, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    found = together(series(30, instance="c"))
    bench, server = found.bench, found.server
    everything, without = server.behave, answer(matrix(A, B))
    band = show(found.page, instance="c")[1:4]
    server.behave = without
    last = 1 + bench.ttl // bench.step
    for tick in range(2, last + 1):
        assert bench.score(tick) == ""
    page = bench.page()
    assert show(page, instance="c") == [None, *band, None, None]
    assert (page.get("sentio_series_vanished_total") or 0) == 0
    assert bench.score(last + 1) == ""
    page = bench.page()
    assert show(page, instance="c") == [None] * 6
    assert not page.all("sentio_forecast", instance="c")
    assert page.get("sentio_series_vanished_total") == 1
    assert page.get("sentio_series", state="ready") == 2
    assert "pipeline q: 1 series stopped arriving" in caplog.messages
    server.behave = everything
    assert bench.score(last + 2) == ""
    assert show(bench.page(), instance="c")[1:4] == band, "its band is there at once"
    assert None not in show(bench.page(), instance="c")
    assert bench.page().get("sentio_series_vanished_total") == 1


NO_NAMES = {
    "500": answer(text("boom"), 500),
    "a web page": answer(text("<html>")),
    "no list": answer(text('{"status": "success", "data": null}')),
    "no answer": answer(text("[]")),
    "brackets": answer(text("[" * 100_000)),
    "numbers": answer(text('{"status": "success", "data": [1, 2]}')),
    "hung up": hang_up,
    "elsewhere": answer(text(""), 302, Location="http://127.0.0.1:1/"),
    "dripping": drip_body(text("x" * 100)),
}


@pytest.mark.parametrize("name", NO_NAMES)
def test_an_empty_answer_is_one_even_where_the_names_of_metrics_are_not_told(together: MakeTogether, name: str) -> None:
    """They are asked for to explain it; that may fail, the reading has not."""
    found = together(timeout="2s")

    def behave(request: Request, connection: Connection) -> None:
        (answer(matrix()) if request in found.server.ranges else NO_NAMES[name])(request, connection)

    found.server.behave = behave
    assert found.bench.score(2) == ""
    assert len(found.server.requests) > len(found.server.ranges)
    page = found.bench.page()
    assert page.get("sentio_datasource_up") == 1
    assert page.bands() == pytest.approx(found.page.bands())


@pytest.mark.parametrize("off", [-5.0, 1.0, 0.002, 5.0, 1e9, -1e9, 1e300])
def test_samples_off_the_grid(together: MakeTogether, off: float) -> None:
    """Refused as a whole: an answer to another question."""
    found = together()
    first = found.bench.at(2) // SECOND

    def wrong(request: object) -> bytes:
        return matrix(A)(request).replace(f"[[{first}.0,".encode(), f"[[{first + off!r},".encode())

    found.server.behave = answer(wrong)
    error = found.bench.score(2)
    assert error == (
        f"{found.server.url}: answered a sample at {min(max(first + off, -9e9), 9e9):.3f}, which was not asked for; "
        f"times from {first}.000 in steps of 5 s are expected"
    ) or (abs(off) > 1e8 and "which was not asked for" in error)
    assert found.bench.page().get("sentio_reads_total", outcome="bad_answer") == 1


def test_samples_within_a_millisecond_of_the_grid(together: MakeTogether) -> None:
    found = together()
    first = found.bench.at(2) // SECOND

    def rounded(request: object) -> bytes:
        return matrix(A, B)(request).replace(f"[[{first}.0,".encode(), f"[[{first}.0004,".encode())

    found.server.behave = answer(rounded)
    assert found.bench.score(2) == ""
    assert found.bench.page().get("sentio_value", instance="a") == A.value(first)


def test_labels_that_are_gone_for_good_are_not_remembered(server: MakeServer) -> None:
    """However many series an answer may have: where pods come and go, each deployment would leave its own."""
    bodies = [matrix(*(OneSeries({"pod": f"{n}-{i}"}, lambda _: 1.0) for i in range(500))) for n in range(20)]
    source = Prometheus(Prometheus.Options(url=server(in_turn(*map(answer, bodies))).url))
    remembered = []
    for _ in bodies:
        assert len(source.read("m", Window(0, 0, SECOND)).keys) == 500
        remembered.append(len(source._interning._memory[0]))
    assert remembered[7] == 4000, "eight deployments are not many"
    assert max(remembered) <= 4500
