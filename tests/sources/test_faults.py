"""A server that fails: what Sentio says, counts and keeps. Real sockets, real Prophet, no mocks of HTTP."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate

import pytest

from tests.faulty import (
    Behaviour,
    Connection,
    FaultyServer,
    OneSeries,
    Request,
    answer,
    break_off,
    drip_body,
    drip_headers,
    hang_up,
    in_turn,
    matrix,
    refusal,
    slow,
    stall,
    text,
    wave,
)

from .bench import Bench
from .conftest import MakeBench, MakeServer

SERIES = [OneSeries({"__name__": "m", "instance": name}, wave(level, level)) for name, level in (("a", 10), ("b", 50))]
GOOD = answer(matrix(*SERIES))
HTML = text("<!doctype html>\n<title>Log in</title>")
IN_TIME = "an answer in time is expected"
BACKOFF = [0.25, 0.5, 1.0]


@dataclass(frozen=True)
class Fault:
    """``said`` stands after the server's address; ``attempts`` with three retries."""

    behave: Behaviour
    reason: str
    said: str
    attempts: int = 1


def refused(status: int, body: Callable[[Request], bytes], **headers: str) -> Behaviour:
    return answer(body, status, **headers)


PARSE = 'invalid parameter "query": 1:3: parse error: unexpected end of input'
FAULTS = {
    "500": Fault(refused(500, text("boom\n")), "server_error", "fails (500: boom); an answer is expected", attempts=4),
    "503 in Prometheus's words": Fault(
        refused(503, refusal("TSDB not ready", "unavailable")),
        "server_error",
        "fails (503: TSDB not ready); an answer is expected",
        attempts=4,
    ),
    "429": Fault(
        refused(429, text("slow down")),
        "throttled",
        "asks for a pause (429: slow down); fewer queries, or a higher limit, are expected",
        attempts=4,
    ),
    "400": Fault(
        refused(400, refusal(PARSE)),
        "bad_query",
        f"refuses the query (400: {PARSE}); a query that it accepts is expected",
    ),
    "422": Fault(
        refused(422, refusal("found duplicate series", "execution")),
        "bad_query",
        "refuses the query (422: found duplicate series); a query that it accepts is expected",
    ),
    "401": Fault(
        refused(401, text("Unauthorized\n")),
        "auth",
        "refuses the query (401: Unauthorized); basic_auth or bearer_token_file that the server accepts is expected",
    ),
    "403": Fault(
        refused(403, text("")), "auth", "refuses the query (403: no text); credentials that may read is expected"
    ),
    "404": Fault(
        refused(404, text("404 page not found")),
        "not_found",
        "refuses the query (404: 404 page not found); the address of a Prometheus API is expected",
    ),
    "HTML with 200": Fault(
        answer(HTML),
        "not_json",
        "answered a web page ('<!doctype html>\\n<title>Log in</title>'…); the address of a Prometheus API is expected",
    ),
    "success that is none": Fault(
        answer(refusal("x")),
        "bad_answer",
        'answered \'{"status": "error", "errorType": "bad_data", "error": "x"}\'; '
        "an answer with status success is expected",
        attempts=4,
    ),
    "hung up": Fault(
        hang_up,
        "unreachable",
        "cannot be reached (Remote end closed connection without response); a server that answers is expected",
        attempts=4,
    ),
    "reset in mid-body": Fault(
        break_off(matrix(*SERIES), promised=True, reset=True),
        "unreachable",
        "cannot be reached (Connection reset by peer); a server that answers is expected",
        attempts=4,
    ),
}


def check(bench: Bench, server: FaultyServer, fault: Fault, log: pytest.LogCaptureFixture) -> None:
    """One tick with the fault and one without, on a bench that was trained."""
    before = bench.page()
    assert len(before.bands()) == 3 * len(SERIES)
    asked = len(server.ranges)
    log.clear()
    server.behave = fault.behave
    error = bench.score(1)
    assert error == f"{server.url}: {fault.said}"
    assert len(server.ranges) - asked == fault.attempts
    page = bench.page()
    assert page.get("sentio_reads_total", outcome=fault.reason) == 1
    assert page.get("sentio_datasource_up", query="q", source="prom") == 0
    assert (page.get("sentio_read_retries_total") or 0) == fault.attempts - 1
    assert page.bands() == pytest.approx(before.bands())
    assert bench.runner.errors["score"] == error
    assert news(log) == [("WARNING", f"pipeline q, source prom: {error}")]
    assert bench.score(2) == error
    assert len(news(log)) == 1, "what goes on is said once"
    server.behave = GOOD
    assert bench.score(3) == ""
    assert news(log)[1:] == [("INFO", "pipeline q, source prom: works again")]
    page = bench.page()
    assert page.get("sentio_datasource_up") == 1
    assert page.bands() == pytest.approx(before.bands())
    assert bench.runner.errors["score"] == ""


def news(log: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(r.levelname, r.getMessage()) for r in log.records if r.name == "sentio.guard"]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_and_its_end(name: str, bench: MakeBench, server: MakeServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    there, pauses = server(GOOD), []
    made = bench(there, pauses, retries=3).trained()
    check(made, there, FAULTS[name], caplog)
    assert pauses == BACKOFF[: FAULTS[name].attempts - 1] * 2


@pytest.mark.parametrize("promised", [True, False], ids=["a length promised", "a complete message"])
def test_truncated_json(bench: MakeBench, server: MakeServer, promised: bool) -> None:
    there = server(GOOD)
    made = bench(there, [], retries=1).trained()
    before = made.page().bands()
    whole = matrix(*SERIES)
    there.behave = break_off(whole, promised=promised)
    error = made.score(1)
    half = len(whole(there.ranges[-1])) // 2
    if promised:
        reason, said = "unreachable", "cannot be reached (IncompleteRead("
        assert error.endswith("); a server that answers is expected")
    else:
        reason, said = "not_json", f"answered JSON that breaks off or is damaged after {half} bytes ("
        assert error.endswith("); a complete one is expected")
    assert error.startswith(f"{there.url}: {said}")
    page = made.page()
    assert page.get("sentio_reads_total", outcome=reason) == 1
    assert page.get("sentio_read_retries_total") == 1
    assert page.bands() == pytest.approx(before)


def test_down_at_start(bench: MakeBench, server: MakeServer) -> None:
    there = server(GOOD)
    there.down()
    made = bench(there, [])
    expected = f"{there.url}: cannot be reached (Connection refused); a server that answers is expected"
    assert made.train(0) == expected
    for tick in range(4):
        assert made.score(tick) == expected
    page = made.page()
    assert page.get("sentio_reads_total", outcome="unreachable") == 5
    assert page.get("sentio_datasource_up") == 0
    assert not page.all("sentio_yhat")
    there.up()
    assert made.train(4) == made.score(4) == ""
    assert len(made.page().bands()) == 3 * len(SERIES)
    assert made.gaps(4) == [], "the times at which it was down were read once it was back"


def test_down_for_a_while_and_back(bench: MakeBench, server: MakeServer) -> None:
    there = server(GOOD)
    made = bench(there).trained()
    before = made.page()
    there.down()
    for tick in (1, 2, 3):
        assert made.score(tick).endswith("cannot be reached (Connection refused); a server that answers is expected")
    assert made.page().bands() == pytest.approx(before.bands())
    there.up()
    asked = len(there.ranges)
    assert made.score(4) == ""
    (request,) = there.ranges[asked:]
    assert request.grid == [made.at(tick) // 1_000_000 for tick in (1, 2, 3, 4)]
    gained = made.page().get("sentio_samples_total") - before.get("sentio_samples_total")
    assert gained == 4 * len(SERIES)
    for series in SERIES:
        samples = made.history(4)[f'm{{instance="{series.labels["instance"]}"}}']
        for tick in range(5):
            assert samples[made.at(tick)] == series.value(made.at(tick) / 1e9)


def test_an_outage_longer_than_what_is_scored_late_is_learned(bench: MakeBench, server: MakeServer) -> None:
    """1,000 steps are scored late; what lies before them is read by the next training."""
    there = server(GOOD)
    made = bench(there, step="100ms").trained()
    there.down()
    for tick in (1, 500, 1199):
        assert made.score(tick) != ""
    there.up()
    asked = len(there.ranges)
    assert made.score(1200) == ""
    assert sum(len(request.grid) for request in there.ranges[asked:]) == 1000
    late = [made.at(tick) for tick in range(1, 201)]
    assert made.gaps(1200) == [at for at in late if at % made.runner._learning.histories.whole.step == 0] != []
    assert made.train(1600) == ""
    assert made.gaps(1600) == []


LONG_S = 20
"""Far less than what drips or hangs here would take, and far more than any deadline that it is given."""


def too_late(error: str, server: FaultyServer, seconds: float) -> bool:
    """What is left of the time when the request is made is a little less."""
    said = re.fullmatch(rf"{server.url}: no complete answer within ([\d.]+) s; {IN_TIME}", error)
    return bool(said) and 0 < float(said[1]) <= seconds


SLOW = {
    "slow": slow(30, GOOD),
    "drips its headers": drip_headers(matrix(*SERIES)),
    "drips its body": drip_body(matrix(*SERIES)),
    "stalls within its headers": stall(matrix(*SERIES), headers=True),
    "stalls within a body without a length": stall(matrix(*SERIES), headers=False),
}


@pytest.mark.parametrize("name", SLOW)
def test_the_deadline_holds(name: str, bench: MakeBench, server: MakeServer, caplog: pytest.LogCaptureFixture) -> None:
    there = server(GOOD)
    made = bench(there, timeout="2s", retries=3).trained()
    before = made.page()
    there.behave = SLOW[name]
    started = time.monotonic()
    error = made.score(1)
    took = time.monotonic() - started
    assert too_late(error, there, 2)
    assert 1.9 < took < LONG_S
    assert news(caplog) == [("WARNING", f"pipeline q, source prom: {error}")]
    page = made.page()
    assert page.get("sentio_reads_total", outcome="timeout") == 1
    assert page.get("sentio_datasource_up") == 0
    assert page.bands() == pytest.approx(before.bands())
    there.behave = GOOD
    assert made.score(2) == ""


@pytest.mark.parametrize("name", SLOW)
def test_the_deadline_holds_on_a_new_connection(name: str, bench: MakeBench, server: MakeServer) -> None:
    there = server(SLOW[name])
    started = time.monotonic()
    assert too_late(bench(there, timeout="500ms", retries=3).score(0), there, 0.5)
    assert 0.45 < time.monotonic() - started < LONG_S


def test_one_deadline_for_all_requests_of_a_read(bench: MakeBench, server: MakeServer) -> None:
    """Six requests of a second each are no read of two and a half, quick as each of them is."""
    there = server(slow(1, GOOD))
    made = bench(there, timeout="2500ms", max_points=20)
    assert re.fullmatch(rf"{there.url}: no complete answer within [01]\.\d+ s; {IN_TIME}", made.train())
    assert 1 < len(there.ranges) <= 3


def ask_for_pause(header: Callable[[], str]) -> Behaviour:
    def behave(request: Request, connection: Connection) -> None:
        answer(text("later"), 429, Retry_After=header())(request, connection)

    return behave


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        (lambda: "1", 1.0, 1.0),
        (lambda: formatdate(time.time() + 60, usegmt=True), 30.0, 60.0),
        (lambda: formatdate(time.time() - 60, usegmt=True), 0.25, 0.25),
        (lambda: "soon", 0.25, 0.25),
        (lambda: "\u00b2", 0.25, 0.25),
        (lambda: "-1", 0.25, 0.25),
    ],
    ids=["seconds", "a date", "a date gone by", "nonsense", "a digit that is no number", "less than nothing"],
)
def test_retry_after_is_honoured(
    bench: MakeBench, server: MakeServer, header: Callable[[], str], least: float, most: float
) -> None:
    there, pauses = server(GOOD), []
    made = bench(there, pauses, retries=1, timeout="5m").trained()
    there.behave = in_turn(ask_for_pause(header), GOOD)
    assert made.score(1) == ""
    assert len(pauses) == 1
    assert least <= pauses[0] <= most
    assert made.page().get("sentio_read_retries_total") == 1


def test_retry_after_is_waited_for(bench: MakeBench, server: MakeServer) -> None:
    there = server(GOOD)
    made = bench(there, retries=1).trained()
    there.behave = in_turn(ask_for_pause(lambda: "1"), GOOD)
    assert made.score(1) == ""
    first, second = (request.at for request in there.ranges[-2:])
    assert second - first >= 1.0


@pytest.mark.parametrize("seconds", ["2", "3600", "9" * 400])
def test_retry_after_beyond_the_deadline_ends_the_read(bench: MakeBench, server: MakeServer, seconds: str) -> None:
    there, pauses = server(GOOD), []
    made = bench(there, pauses, retries=3, timeout="1s").trained()
    asked = len(there.ranges)
    there.behave = ask_for_pause(lambda: seconds)
    said = "asks for a pause (429: later); fewer queries, or a higher limit, are expected"
    assert made.score(1) == f"{there.url}: {said}"
    assert pauses == []
    assert len(there.ranges) == asked + 1
    assert made.page().get("sentio_reads_total", outcome="throttled") == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused(bench: MakeBench, server: MakeServer, status: int) -> None:
    there, elsewhere = server(GOOD), server(GOOD)
    made = bench(there, retries=3).trained()
    before = made.page()
    there.behave = answer(text(""), status, Location=f"{elsewhere.url}/login")
    assert made.score(1) == (
        f"{there.url}: redirects ({status}) to {elsewhere.url}/login; "
        "the final address is expected, redirects are not followed"
    )
    assert elsewhere.requests == []
    page = made.page()
    assert page.get("sentio_reads_total", outcome="redirect") == 1
    assert page.get("sentio_datasource_up") == 0
    assert page.bands() == pytest.approx(before.bands())


def test_a_connection_that_was_closed_while_idle_is_no_fault(bench: MakeBench, server: MakeServer) -> None:
    there = server(GOOD)
    made = bench(there, retries=0).trained()
    there.down()
    there.up()
    assert made.score(1) == ""
    assert made.page().get("sentio_reads_total", outcome="ok") == made.page().all("sentio_reads_total").popitem()[1]
