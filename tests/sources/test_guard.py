"""What the guard around a source keeps from one read to the next, and what it counts."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from sentio.errors import SourceError
from sentio.guard import GuardedSource, SparseSource
from sentio.telemetry import Telemetry
from sentio.types import SECOND, Failure, Notes, Panel, Window

WINDOW = Window(0, 0, SECOND)
GOOD = Panel.empty()


class Scripted:
    """A source that gives, or raises, one thing after the other; ``now`` is the guard's clock."""

    def __init__(self, *said: Panel | SourceError, retries: int = 0) -> None:
        self.said, self.asked, self.now = list(said), 0, 1000.0
        self.telemetry = Telemetry()
        self.guarded = GuardedSource(
            self,
            alias="q",
            name="prom",
            timeout=SECOND,
            retries=retries,
            telemetry=self.telemetry,
            redact=lambda text: text.replace("secret", "<secret>"),
            pause=lambda _: None,
            clock=lambda: self.now,
        )

    def read(self, _query: str, _window: Window) -> Panel:
        self.asked += 1
        said = self.said.pop(0)
        if isinstance(said, SourceError):
            raise said
        return said

    def refused(self) -> SourceError:
        with pytest.raises(SourceError) as caught:
            self.guarded.read("m", WINDOW)
        return caught.value

    def count(self, name: str, **labels: str) -> float | None:
        return self.telemetry.registry.get_sample_value(name, {"query": "q", **labels})


def pause(seconds: float | None, reason: str = "throttled") -> SourceError:
    return SourceError("asks secret for a pause", reason=reason, retry_after=seconds)


@pytest.mark.parametrize("reason", ["throttled", "server_error"])
def test_a_pause_that_was_asked_for_is_kept_by_the_next_reads(reason: str, caplog: pytest.LogCaptureFixture) -> None:
    there = Scripted(pause(60, reason), GOOD, retries=3)
    assert there.refused().reason == reason
    there.now += 19.5
    error = there.refused()
    assert str(error) == "asks <secret> for a pause; for another 41 s it is not asked"
    assert (error.reason, error.permanent, error.retry_after) == ("throttled", False, 40.5)
    there.now += 40.4
    assert str(there.refused()) == "asks <secret> for a pause; for another 1 s it is not asked"
    assert there.asked == 1
    assert there.count("sentio_reads_total", outcome="throttled") == 2 + (reason == "throttled")
    assert len(caplog.records) == 1 + (reason != "throttled"), "what goes on is said once"
    there.now += 0.2
    assert there.guarded.read("m", WINDOW) is GOOD
    assert there.asked == 2


@pytest.mark.parametrize("seconds", [901.0, 1e9, float("inf")])
def test_a_pause_has_an_end(seconds: float) -> None:
    there = Scripted(pause(seconds), GOOD)
    there.refused()
    there.now += 899
    assert there.refused().reason == "throttled"
    there.now += 1
    assert there.guarded.read("m", WINDOW) is GOOD


@pytest.mark.parametrize("seconds", [None, 0.0])
def test_without_a_pause_the_next_read_asks(seconds: float | None) -> None:
    there = Scripted(pause(seconds), GOOD)
    there.refused()
    assert there.guarded.read("m", WINDOW) is GOOD


def test_a_pause_within_the_read_is_over_with_it() -> None:
    there = Scripted(pause(0.5), GOOD, GOOD, retries=1)
    assert [there.guarded.read("m", WINDOW) for _ in range(2)] == [GOOD, GOOD]


def test_each_series_that_was_left_out_counts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    failures = (Failure("m", "max_series", "too many", 40), Failure("m{}", "histogram", "none"))
    there = Scripted(Panel((), np.empty(0, np.int64), np.empty((0, 0)), Notes(failures)))
    there.guarded.read("m", WINDOW)
    assert there.count("sentio_series_failures_total", reason="max_series") == 40
    assert there.count("sentio_series_failures_total", reason="histogram") == 1
    assert "41 could not be read; the first, m: too many" in caplog.text


def test_of_a_sparse_source_nothing_is_no_failure() -> None:
    failures = (Failure("m", "unknown_metric", "none like it"), Failure("m{}", "histogram", "none"))

    class Empty:
        def read(self, _query: str, window: Window) -> Panel:
            times = window.times()
            return Panel((), times, np.empty((0, len(times))), Notes(failures, size=7))

    assert SparseSource(Empty()).read("m", WINDOW).notes == Notes(failures[1:], size=7)
