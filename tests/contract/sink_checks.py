"""What every sink of alerts must do, each as one small function of a `Bench`: the sink, and where it posts to."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from sentio import catalog
from sentio.config.redact import redact
from sentio.config.secrets import secret_texts
from sentio.errors import SinkError
from tests.faulty import FaultyServer, answer, text
from tests.servers import free_port
from tests.sinks.alerts import CRITICAL, ODD, OK, event, key, report
from tests.sinks.mailbox import Mailbox, mailbox

SECRET = "hunter2Xyzzy-hunter2Xyzzy"  # noqa: S105 - what is looked for


@dataclass
class Bench:
    """``got``: how many messages have come; ``refuse``: have the receiver refuse what comes, for good."""

    sink: Any
    options: Any
    got: Callable[[], int]
    refuse: Callable[[], None]


def options_of(name: str, port: int) -> dict[str, Any]:
    """The least options, a secret among them, of a sink whose receiver listens on ``port``."""
    url = f"http://127.0.0.1:{port}"
    return {
        "alertmanager": {"urls": [url], "headers": {"X-Token": SECRET}},
        "apprise": {"urls": [f"json://127.0.0.1:{port}/{SECRET}"]},
        "email": {
            "host": "127.0.0.1", "port": port, "security": "none", "username": "me", "password": SECRET,
            "from": "a@example.org", "to": ["b@example.org"],
        },
        "slack": {"url": f"{url}/services/{SECRET}"},
        "webhook": {"url": f"{url}/{SECRET}", "headers": {"X-Token": SECRET}},
    }[name]  # fmt: skip


def made(name: str, port: int) -> tuple[Any, Any]:
    found = catalog.resolve("sinks", name)
    options = found.Options(**options_of(name, port))  # type: ignore[attr-defined] # resolve has looked
    return found(options), options


@contextmanager
def bench(name: str) -> Iterator[Bench]:
    with by_mail() if name == "email" else by_http(name) as made_:
        yield made_


@contextmanager
def by_http(name: str) -> Iterator[Bench]:
    with FaultyServer(answer(text("ok"))) as server:

        def refuse() -> None:
            # A careless server, which repeats what it was sent.
            server.behave = answer(lambda r: f"no {r.path} {r.headers}".encode(), 400)

        sink, options = made(name, int(server.url.rpartition(":")[2]))
        yield Bench(sink, options, lambda: len(server.requests), refuse)


@contextmanager
def by_mail() -> Iterator[Bench]:
    with mailbox(auth=True) as box:
        box.password = SECRET.encode()
        sink, options = made("email", box.port)
        yield Bench(sink, options, lambda: len(box.mails), lambda: _refuse(box))


def _refuse(box: Mailbox) -> None:
    box.answer = f"554 I do not take what {SECRET} sends"


def check_nothing_is_sent_without_alerts(bench: Bench) -> None:
    bench.sink.emit(report())
    assert bench.got() == 0


def check_an_alert_is_one_message(bench: Bench) -> None:
    one = event()
    bench.sink.emit(report(one, firing=(one,)))
    assert bench.got() == 1


def check_its_end_is_told(bench: Bench) -> None:
    bench.sink.emit(report(event(CRITICAL, OK)))
    assert bench.got() == 1


def check_a_refusal_is_permanent_unless_nobody_knows(bench: Bench) -> None:
    bench.refuse()
    with pytest.raises(SinkError) as caught:
        bench.sink.emit(report(event()))
    # Apprise does not tell one failure from another.
    known = caught.value.reason != "not_taken"
    assert caught.value.permanent is known
    check_the_text(bench, caught.value)


def check_the_text(bench: Bench, error: SinkError) -> None:
    text_ = str(error)
    assert SECRET not in text_
    assert text_.isprintable()
    assert "; " in text_
    assert text_.endswith("expected")
    whole = "".join(traceback.format_exception(error))
    assert SECRET not in redact(whole, secret_texts(bench.options)), "what a library adds is redacted by the guard"


def check_odd_labels_survive(bench: Bench) -> None:
    one = event(of=ODD, text="line\r\nbreak \ud800 ü", cause="a\nb")
    bench.sink.emit(report(one, firing=(one,)))
    assert bench.got() == 1


def check_a_thousand_alerts(bench: Bench) -> None:
    many = tuple(event(of=key(i)) for i in range(1000))
    bench.sink.emit(report(*many, firing=many))
    assert bench.got() in (1, 4), "one message; of Alertmanager's, 256 alerts each"


def check_unknown_numbers(bench: Bench) -> None:
    nan = float("nan")
    bench.sink.emit(report(event(value=nan, yhat=nan, lower=nan, upper=float("inf"), score=nan)))
    assert bench.got() == 1


def check_nothing_is_known_of_the_past(bench: Bench) -> None:
    empty = event().recent[:, :0]
    bench.sink.emit(report(event(recent=empty)))
    assert bench.got() == 1


CHECKS = (
    check_nothing_is_sent_without_alerts,
    check_an_alert_is_one_message,
    check_its_end_is_told,
    check_a_refusal_is_permanent_unless_nobody_knows,
    check_odd_labels_survive,
    check_a_thousand_alerts,
    check_unknown_numbers,
    check_nothing_is_known_of_the_past,
)


def check_nobody_there(name: str) -> None:
    sink, options = made(name, free_port())
    with pytest.raises(SinkError) as caught:
        sink.emit(report(event()))
    assert (caught.value.reason, caught.value.permanent) in {("unreachable", False), ("not_taken", False)}
    check_the_text(Bench(sink, options, int, lambda: None), caught.value)
