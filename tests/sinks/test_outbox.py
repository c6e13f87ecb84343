"""The queue in front of a sink: ticks never wait, nothing is lost that need not be, and the end is bounded."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentio.errors import SinkError
from sentio.guard import GuardedSink
from sentio.journal import Entry, Journal
from sentio.outbox import Outbox, close
from sentio.reports import Report
from sentio.selection import Selection
from sentio.telemetry import Telemetry
from sentio.types import SECOND
from tests.servers import PATIENCE_S, until
from tests.sinks.alerts import event, now, report


class Receiver:
    """A sink that fails as often as it is told, and waits at a gate."""

    def __init__(self, *failures: SinkError | Exception) -> None:
        self.failures = list(failures)
        self.tried: list[Report] = []
        self.got: list[Report] = []
        self.entered, self.gate = threading.Event(), threading.Event()
        self.gate.set()

    def emit(self, report: Report) -> None:
        self.tried.append(report)
        self.entered.set()
        self.gate.wait(2 * PATIENCE_S)
        if self.failures:
            raise self.failures.pop(0)
        self.got.append(report)


class Bench:
    def __init__(
        self, receiver: Receiver, *, retry_for: int = 3600 * SECOND, backoff=(0.01,), every=False, bound=1000,
        journal: Journal | None = None,
    ):  # fmt: skip
        self.telemetry = Telemetry()
        stopping = threading.Event()
        sink = GuardedSink(
            receiver,
            name="slack",
            telemetry=self.telemetry,
            redact=lambda text: text.replace("secret", "<redacted>"),
            timeout=5 * SECOND,
            retry_for=retry_for,
            backoff=backoff,
            pause=stopping.wait,
        )
        self.outbox = Outbox(
            sink, stopping, telemetry=self.telemetry, bound=bound, select=Selection(), every_report=every,
            journal=journal,
        )  # fmt: skip

    def value(self, name: str, **labels: str) -> float | None:
        return self.telemetry.registry.get_sample_value(name, {"sink": "slack", **labels})

    def outcome(self, outcome: str) -> float | None:
        return self.value("sentio_sink_deliveries_total", query="cpu", outcome=outcome)


def failure(reason: str = "unreachable", **more) -> SinkError:
    return SinkError("cannot be reached with secret", reason=reason, **more)


def test_emit_returns_while_the_receiver_still_holds_the_report() -> None:
    receiver = Receiver()
    receiver.gate.clear()
    bench = Bench(receiver)
    for _ in range(3):
        bench.outbox.emit(report(event()))
    assert receiver.entered.wait(PATIENCE_S)
    assert receiver.got == [], "it has come back before anything was delivered"
    assert bench.value("sentio_sink_queue_size") == 3
    receiver.gate.set()
    until(lambda: len(receiver.got) == 3, 10, "all of them delivered")
    until(lambda: bench.value("sentio_sink_queue_size") == 0, 10, "the queue counted")
    close([bench.outbox])


def test_a_failure_is_tried_again_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    receiver = Receiver(*[failure()] * 4)
    bench = Bench(receiver)
    one = report(event())
    bench.outbox.emit(one)
    until(lambda: "works again" in caplog.text, 10, "delivered, and said")
    assert bench.outcome("ok") == 1
    assert [r.at for r in receiver.tried] == [one.at] * 5
    assert bench.value("sentio_sink_retries_total", query="cpu") == 4
    said = [r.getMessage() for r in caplog.records]
    assert said == [
        "pipeline cpu, sink slack: cannot be reached with <redacted>",
        "pipeline cpu, sink slack: works again",
    ]
    close([bench.outbox])


def test_a_permanent_failure_is_given_up_and_the_next_one_sent() -> None:
    receiver = Receiver(failure("refused", permanent=True))
    bench = Bench(receiver)
    bench.outbox.emit(report(event()))
    bench.outbox.emit(report(event()))
    until(lambda: bench.outcome("ok"), 10, "the second one delivered")
    assert bench.outcome("refused") == 1
    assert len(receiver.tried) == 2
    close([bench.outbox])


def test_a_report_is_given_up_when_its_time_is_over(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver(*[failure()] * 10_000)
    bench = Bench(receiver, retry_for=SECOND // 5, backoff=(0.02,))
    bench.outbox.emit(report(event()))
    bench.outbox.emit(report(event()))
    until(lambda: bench.outcome("unreachable") == 2, 10, "given up")
    assert caplog.text.count("a report is given up after 0.2 s") == 1
    assert caplog.text.count("cannot be reached") == 1
    receiver.failures.clear()
    bench.outbox.emit(report(event()))
    until(lambda: bench.outcome("ok"), 10, "the next one delivered")
    close([bench.outbox])


def test_what_the_receiver_asks_for_is_waited() -> None:
    receiver = Receiver(failure("throttled", retry_after=0.4))
    waits: list[float] = []
    telemetry = Telemetry()
    sink = GuardedSink(
        receiver,
        name="slack",
        telemetry=telemetry,
        redact=str,
        retry_for=3600 * SECOND,
        backoff=(0.01,),
        pause=waits.append,
    )
    sink.emit(report(event()))
    assert waits == [0.4]
    receiver.failures.append(failure("throttled", retry_after=1e9))
    sink.emit(report(event()))
    assert waits == [0.4, 900.0], "bounded"


def test_a_defect_costs_one_report_alone(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver(ZeroDivisionError("a defect"))
    bench = Bench(receiver)
    bench.outbox.emit(report(event()))
    bench.outbox.emit(report(event()))
    until(lambda: bench.outcome("ok"), 10, "the second one delivered")
    assert bench.outcome("defect") == 1
    assert "could not be delivered" in caplog.text
    close([bench.outbox])


def test_what_stands_is_superseded_and_events_are_kept() -> None:
    receiver = Receiver()
    receiver.gate.clear()
    bench = Bench(receiver, every=True)
    standing = event()
    bench.outbox.emit(report())
    assert receiver.entered.wait(PATIENCE_S)
    bench.outbox.emit(report(standing, firing=(standing,), at=1))
    for at in range(2, 50):
        bench.outbox.emit(report(firing=(standing,), at=at))
    bench.outbox.emit(report(firing=(standing,), at=50, pipeline="other"))
    receiver.gate.set()
    until(lambda: len(receiver.got) == 4, 10, "the first, the event, the newest, the other pipeline's")
    _, changed, newest, other = receiver.got
    assert (changed.at, changed.events, changed.firing) == (1, (standing,), ())
    assert (newest.at, newest.firing) == (49, (standing,))
    assert other.at == 50
    close([bench.outbox])


def test_a_full_queue_lets_go_of_what_has_no_events_then_of_the_oldest(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    receiver = Receiver()
    receiver.gate.clear()
    bench = Bench(receiver, every=True, bound=3)
    bench.outbox.emit(report(event(), at=0))
    assert receiver.entered.wait(PATIENCE_S)
    bench.outbox.emit(report(at=1, pipeline="quiet"))
    for at in range(2, 7):
        bench.outbox.emit(report(event(), at=at))
    assert bench.value("sentio_sink_dropped_total", query="quiet") == 1
    assert bench.value("sentio_sink_dropped_total", query="cpu") == 2
    receiver.gate.set()
    until(lambda: len(receiver.got) == 4, 10, "what is left")
    assert [r.at for r in receiver.got] == [0, 4, 5, 6]
    until(lambda: "queue: works again" in caplog.text, 10, "the end is said")
    assert caplog.text.count("reports wait, and older ones are let go") == 1
    close([bench.outbox])


def test_without_events_nothing_is_queued_for_a_sink_that_wants_events() -> None:
    receiver = Receiver()
    bench = Bench(receiver)
    bench.outbox.emit(report(firing=(event(),)))
    bench.outbox.emit(report(event()))
    until(lambda: receiver.got, 10, "the one with an event")
    assert len(receiver.tried) == 1
    close([bench.outbox])


def test_at_the_end_each_is_tried_once_more_and_the_rest_is_said(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver(*[failure()] * 2)
    bench = Bench(receiver, backoff=(100.0,))
    for _ in range(4):
        bench.outbox.emit(report(event()))
    assert receiver.entered.wait(PATIENCE_S)
    until(lambda: caplog.records, 10, "the first has failed, and is waited for")
    close([bench.outbox])
    assert len(receiver.tried) == 5
    assert len(receiver.got) == 3
    assert caplog.records[-1].getMessage() == "sink slack: 1 reports are left undelivered"
    bench.outbox.emit(report(event()))
    assert len(receiver.tried) == 5, "nothing is taken any more"


def test_the_end_does_not_wait_for_a_receiver_that_hangs(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver()
    receiver.gate.clear()
    bench, idle = Bench(receiver), Bench(Receiver())
    bench.outbox.emit(report(event()))
    bench.outbox.emit(report(event()))
    assert receiver.entered.wait(PATIENCE_S)
    close([bench.outbox, idle.outbox])
    assert bench.outbox._thread.is_alive(), "it has waited until the receiver had it"
    assert not receiver.got
    assert "sink slack: 2 reports are left undelivered" in caplog.text
    receiver.gate.set()


# With a journal.


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "journal", Telemetry())
    yield made
    made.close()


def left(path: Path) -> list[int]:
    """The numbers of what waits, as another start would find it."""
    again = Journal(path / "journal", Telemetry())
    numbers = list(again.waiting())
    again.close()
    return numbers


def test_what_has_events_is_written_until_it_is_delivered_or_given_up(journal: Journal, tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.gate.clear()
    bench = Bench(receiver, journal=journal, every=True)
    bench.outbox.emit(report(event()))
    assert receiver.entered.wait(PATIENCE_S)
    bench.outbox.emit(report(firing=(event(),)))
    bench.outbox.emit(report(event(), firing=(event(),)))
    until(lambda: left(tmp_path) == [1, 2], 10, "written")
    receiver.failures = [failure("refused", permanent=True)]
    receiver.gate.set()
    until(lambda: left(tmp_path) == [], 10, "both are over, in their own ways")
    assert bench.outcome("refused") == 1
    close([bench.outbox])


def test_it_is_written_before_it_is_sent(journal: Journal) -> None:
    hold = threading.Lock()
    commit = journal._commit

    def slowly(entry: Entry) -> bool:
        with hold:
            return commit(entry)

    journal._commit = slowly  # type: ignore[method-assign]
    receiver = Receiver()
    bench = Bench(receiver, journal=journal)
    with hold:
        bench.outbox.emit(report(event()))
        assert not receiver.entered.wait(0.3)
    until(lambda: receiver.got, 10, "then it is")
    close([bench.outbox])


def test_a_disk_that_hangs_holds_no_alert_back_for_long(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentio.outbox._WRITTEN_S", 0.2)
    hangs = threading.Event()
    journal._commit = lambda _: hangs.wait(2 * PATIENCE_S)  # type: ignore[method-assign]
    receiver = Receiver()
    bench = Bench(receiver, journal=journal)
    bench.outbox.emit(report(event()))
    until(lambda: receiver.got, 10, "sent")
    close([bench.outbox])
    hangs.set()


def test_it_holds_each_of_many_back_for_no_longer(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("sentio.outbox._WRITTEN_S", 0.3)
    hangs = threading.Event()
    journal._commit = lambda _: hangs.wait(2 * PATIENCE_S)  # type: ignore[method-assign]
    monkeypatch.setattr("sentio.outbox.remaining", lambda most: waited.append(most) or most)
    receiver = Receiver()
    bench = Bench(receiver, journal=journal)
    for _ in range(5):
        bench.outbox.emit(report(event()))
    until(lambda: len(receiver.got) == 5, 30, "sent")
    assert sum(max(0.0, one) for one in waited) < 1.0, "all of them came at once"
    hangs.set()
    close([bench.outbox])


def test_after_a_restart_it_is_tried_again_unless_it_is_too_old(
    journal: Journal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    receiver = Receiver(*[failure()] * 10_000)
    before = Bench(receiver, journal=journal, backoff=(100.0,))
    at = now()
    for age in (7200, 3500, 0):
        before.outbox.emit(report(event(), at=at - age * SECOND))
    until(lambda: left(tmp_path) == [1, 2, 3], 10, "written")
    close([before.outbox])
    assert "sink slack: 3 reports are left undelivered, and tried again at the next start" in caplog.text
    assert left(tmp_path) == [1, 2, 3]

    again, receiver = Journal(tmp_path / "journal", Telemetry()), Receiver()
    after = Bench(receiver, journal=again)
    after.outbox.resume([(number, post.report) for number, post in again.waiting().items()], at)
    until(lambda: len(receiver.got) == 2, 10, "the two that are young enough")
    assert [(at - r.at) // SECOND for r in receiver.got] == [3500, 0]
    assert after.outcome("too_late") == 1
    assert "sink slack: 1 reports waited for longer than they may, and are given up" in caplog.text
    until(lambda: left(tmp_path) == [], 10, "none waits any more")
    close([after.outbox])
    again.close()


def test_its_time_goes_on_over_a_restart(journal: Journal) -> None:
    receiver = Receiver(*[failure()] * 10_000)
    bench = Bench(receiver, journal=journal, retry_for=100 * SECOND)
    at = now()
    bench.outbox.resume([(1, report(event(), at=at - 100 * SECOND + SECOND // 2))], at)
    until(lambda: bench.outcome("unreachable"), 10, "given up in half a second, not in a hundred")
    close([bench.outbox])


def test_one_that_goes_lets_go_of_what_waits(
    journal: Journal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(Receiver(*[failure()] * 10_000), journal=journal, backoff=(100.0,))
    for _ in range(3):
        bench.outbox.emit(report(event()))
    until(lambda: left(tmp_path) == [1, 2, 3], 10, "written")
    bench.outbox.retire()
    until(lambda: left(tmp_path) == [], 10, "let go")
    assert bench.value("sentio_sink_dropped_total", query="cpu") == 3
    assert caplog.messages[-1] == "sink slack: 3 reports are left undelivered, and dropped, for the sink is gone"


def test_one_that_follows_another_delivers_what_that_could_not_in_order(
    journal: Journal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver()
    before = Bench(Receiver(*[failure()] * 10_000), journal=journal, backoff=(100.0,))
    after = Bench(receiver, journal=journal)
    sent = [report(event()) for _ in range(5)]
    for one in sent[:3]:
        before.outbox.emit(one)
    after.outbox.follow(before.outbox)
    after.outbox.emit(sent[3])
    before.outbox.emit(sent[4])  # of a tick that had looked it up before
    until(lambda: len(receiver.got) == 5, 20, "all of them")
    assert [r.at for r in receiver.got] == [r.at for r in sent]
    until(lambda: left(tmp_path) == [], 10, "none waits any more")
    assert "undelivered" not in caplog.text
    close([after.outbox])


def test_one_that_follows_another_does_not_wait_for_ever(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentio.outbox._HANDED_OVER_S", 0.2)
    hanging, receiver = Receiver(), Receiver()
    hanging.gate.clear()
    before, after = Bench(hanging, journal=journal), Bench(receiver, journal=journal)
    for _ in range(3):
        before.outbox.emit(report(event()))
    assert hanging.entered.wait(PATIENCE_S)
    after.outbox.follow(before.outbox)
    until(lambda: len(receiver.got) == 3, 20, "with what is under way")
    hanging.gate.set()
    close([before.outbox, after.outbox])
    assert len(hanging.tried) == 1


def test_what_a_last_try_could_not_deliver_is_handed_over_though_it_hangs_at_the_next(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentio.outbox._HANDED_OVER_S", 0.5)

    class Failing(Receiver):
        def emit(self, report: Report) -> None:
            self.tried.append(report)
            if len(self.tried) == 3:
                self.gate.wait(2 * PATIENCE_S)
            raise failure()

    hanging, receiver = Failing(), Receiver()
    hanging.gate.clear()
    before, after = Bench(hanging, journal=journal, backoff=(100.0,)), Bench(receiver, journal=journal)
    for at in range(3):
        before.outbox.emit(report(event(), at=now() + at))
    until(lambda: hanging.tried, 10, "the first is tried, and waits to be tried again")
    after.outbox.follow(before.outbox)
    until(lambda: len(receiver.got) == 3, 20, "all of them")
    hanging.gate.set()
    close([before.outbox, after.outbox])
    assert len({r.at for r in receiver.got}) == 3
    assert before.outbox._size() == 0


def test_of_a_full_queue_what_is_let_go_is_written_no_longer(journal: Journal, tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.gate.clear()
    bench = Bench(receiver, journal=journal, bound=2)
    bench.outbox.emit(report(event()))
    assert receiver.entered.wait(PATIENCE_S)
    for _ in range(4):
        bench.outbox.emit(report(event()))
    until(lambda: left(tmp_path) == [1, 4, 5], 10, "under way, and the newest two")
    receiver.gate.set()
    close([bench.outbox])
