"""Slack and the webhook, over real sockets: retried where that helps, delivered once, and no secret told."""

from __future__ import annotations

import base64
import json
import logging
import threading
import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from sentio import build, catalog
from sentio.client import Client
from sentio.config.access import Access
from sentio.config.load import load
from sentio.errors import SinkError
from sentio.journal import Journal
from sentio.outbox import Outbox, close
from sentio.telemetry import Telemetry
from sentio.types import SECOND
from tests import faulty
from tests.faulty import FaultyServer, answer, in_turn, text
from tests.servers import until
from tests.sinks.alerts import CRITICAL, INFO, ODD, OK, WARNING, event, key, now, report

SECRET = "T0AAAAAAA/B0BBBBBBB/hunter2Xyzzyhunter2"  # noqa: S105 - what is looked for
GOOD = answer(text("ok"))


def made(kind: str, **options: Any) -> Any:
    found = catalog.resolve("sinks", kind)
    return found(found.Options(**options))


def outbox(
    folder: Path, kind: str, url: str, *, journal: Journal | None = None, **options: Any
) -> tuple[Outbox, Telemetry]:
    """The sink as the service has it: made of a configuration, behind its queue."""
    config = {
        "sources": {"p": {"type": "prometheus", "url": "http://127.0.0.1:1"}},
        "pipelines": {"cpu": {"source": "p", "query": "up"}},
        "sinks": {"mine": {"type": kind, "url": url, **options}},
    }
    file = folder / "sentio.yml"
    file.write_text(json.dumps(config), "utf-8")
    telemetry = Telemetry()
    (box,) = build.outboxes(load([file], {}), "mine", telemetry, journal)
    return box, telemetry


def delivered(telemetry: Telemetry, outcome: str = "ok") -> float:
    labels = {"query": "cpu", "sink": "mine", "outcome": outcome}
    return telemetry.registry.get_sample_value("sentio_sink_deliveries_total", labels) or 0.0


def test_slack_keeps_retry_after_and_delivers(tmp_path: Path) -> None:
    with FaultyServer(in_turn(answer(text("rate_limited"), 429, Retry_After="2"), GOOD)) as server:
        box, telemetry = outbox(tmp_path, "slack", f"{server.url}/services/{SECRET}")
        box.emit(report(event()))
        until(lambda: delivered(telemetry), 20, "delivered")
        first, second = server.requests
        assert second.at - first.at >= 2, "what the receiver asked for"
        assert first.path == f"/services/{SECRET}"
        assert first.body == second.body
        close([box])


def test_slack_blocks_are_within_its_limits() -> None:
    events = [event(of=ODD), *(event(after=WARNING, of=key(f"{'x' * 5000}{i}")) for i in range(999))]
    with FaultyServer(GOOD) as server:
        made("slack", url=f"{server.url}/x").emit(report(*events))
        message = json.loads(server.requests[0].body)
    blocks = message["blocks"]
    assert len(blocks) == 22
    assert blocks[0]["text"]["text"] == "[critical] cpu: 1 critical, 999 warning"
    assert all(len(b["text"]["text"]) <= 3000 for b in blocks)
    odd = blocks[1]["text"]["text"]
    assert "&lt;b&gt;&amp;" in odd
    assert "<b>" not in odd
    assert "█" in odd
    assert blocks[-1]["text"]["text"] == "and 980 more"


def test_a_series_that_changed_twice_is_told_in_the_order_of_time_under_how_it_is_now() -> None:
    changes = event(after=CRITICAL), event(CRITICAL, OK), event(after=WARNING)
    with FaultyServer(GOOD) as server:
        made("slack", url=f"{server.url}/x").emit(report(*changes))
        made("webhook", url=f"{server.url}/x").emit(report(*changes))
        slack, webhook = (json.loads(request.body) for request in server.requests)
    assert slack["text"] == webhook["subject"] == '[warning] cpu: load{i="0"}'
    signs = [block["text"]["text"].partition(" ")[0] for block in slack["blocks"][1:]]
    assert signs == [":rotating_light:", ":white_check_mark:", ":warning:"]
    assert [one["level_to"] for one in webhook["events"]] == ["critical", "ok", "warning"]


def test_webhook_is_tried_until_it_takes_it_once(tmp_path: Path) -> None:
    accepted: dict[str, dict[str, Any]] = {}

    def take(request: faulty.Request, connection: faulty.Connection) -> None:
        assert request.headers["idempotency-key"] not in accepted
        accepted[request.headers["idempotency-key"]] = json.loads(request.body)
        GOOD(request, connection)

    refuse = answer(text("no"), 500)
    with FaultyServer(in_turn(refuse, refuse, take)) as server:
        box, telemetry = outbox(tmp_path, "webhook", f"{server.url}/hook?token=a", headers={"X-Token": "hunter2Xyzzy"})
        box.emit(report(event()))
        until(lambda: delivered(telemetry), 30, "delivered")
        assert len(server.requests) == 3
        assert len({r.headers["idempotency-key"] for r in server.requests}) == 1
        assert [r.headers["x-token"] for r in server.requests] == ["hunter2Xyzzy"] * 3
        assert len(accepted) == 1
        close([box])


def test_webhook_says_how_many_stood_at_each_report_that_waited_over_a_restart_too(tmp_path: Path) -> None:
    standing = tuple(event(of=key(i)) for i in range(5))
    answers, journals = [answer(text("no"), 500)], [Journal(tmp_path / name, Telemetry()) for name in "ab"]

    def newest(*call: Any) -> None:
        answers[-1](*call)

    with FaultyServer(newest) as server:
        boxes = [
            outbox(tmp_path, "webhook", server.url, journal=journal, min_level="warning")[0] for journal in journals
        ]
        for box in boxes:
            for i in range(1, 6):
                box.emit(report(standing[i - 1], firing=standing[:i]))
            box.emit(report(event(CRITICAL, OK, of=key(0)), firing=(*standing[1:], event(after=INFO, of=key(6)))))
        until(lambda: len(server.requests) > 1, 20, "they wait")
        first, second = boxes
        close([first])
        journals[0].close()
        again = Journal(tmp_path / "a", Telemetry())
        posts = [(number, post.report) for number, post in again.waiting().items()]
        answers.append(GOOD)
        tried = len(server.requests)
        until(lambda: len(server.requests) == tried + 6, 60, "the second has caught up")
        after, _ = outbox(tmp_path, "webhook", server.url, journal=again)
        after.resume(posts, now())
        until(lambda: len(server.requests) == tried + 12, 20, "the first after its restart, too")
        counts = [json.loads(request.body)["firing"] for request in server.requests[tried:]]
        close([second, after])
    for journal in (again, journals[1]):
        journal.close()
    assert counts == 2 * [1, 2, 3, 4, 5, 4]


def test_webhook_payload() -> None:
    one = event(CRITICAL, OK, value=float("nan"), at=1_700_000_000 * 10**9, text="It is over.")
    with FaultyServer(GOOD) as server:
        made("webhook", url=f"{server.url}/hook", picture=True).emit(report(one, firing=(event(),), at=one.at))
        (request,) = server.requests
    payload = json.loads(request.body)
    picture = payload["events"][0].pop("picture")
    assert base64.b64decode(picture).startswith(b"\x89PNG")
    assert request.headers["content-type"] == "application/json"
    assert payload == {
        "version": 1,
        "pipeline": "cpu",
        "at": "2023-11-14T22:13:20.000000Z",
        "subject": '[resolved] cpu: load{i="0"}',
        "firing": 1,
        "events": [
            {
                "metric": "load",
                "labels": {"i": "0"},
                "level_from": "critical",
                "level_to": "ok",
                "since": "2023-11-14T22:12:20.000000Z",
                "at": "2023-11-14T22:13:20.000000Z",
                "cause": "score > 1 for 3 of 5",
                "kind": "",
                "text": "It is over.",
                "page": None,
                "value": None,
                "yhat": 20.0,
                "lower": 17.0,
                "upper": 23.0,
                "score": 3.0,
            }
        ],
    }


@pytest.mark.parametrize(
    ("options", "header"),
    [
        ({"basic_auth": {"username": "me", "password": "hunter2Xyzzy"}}, "Basic bWU6aHVudGVyMlh5enp5"),
        ({"bearer_token_file": "token"}, "Bearer hunter2Xyzzy"),
    ],
)
def test_webhook_credentials(tmp_path: Path, options: dict[str, Any], header: str) -> None:
    (tmp_path / "token").write_text("hunter2Xyzzy\n")
    if "bearer_token_file" in options:
        options = {"bearer_token_file": tmp_path / "token"}
    with FaultyServer(in_turn(GOOD, answer(text("hunter2Xyzzy is wrong"), 401))) as server:
        sink = made("webhook", url=server.url, **options)
        sink.emit(report(event()))
        assert server.requests[0].headers["authorization"] == header
        with pytest.raises(SinkError) as caught:
            sink.emit(report(event()))
    assert str(caught.value) == (
        "webhook: refuses it (401: <redacted> is wrong); a user name, password or token that it accepts is expected"
    )
    assert (caught.value.reason, caught.value.permanent) == ("auth", True)


def test_a_header_that_cannot_be_sent_is_not_told() -> None:
    access = Access.model_construct(headers={"X-Token": SecretStr("hunter2Xyzzy\n")})
    with pytest.raises(SinkError) as caught:
        Client("webhook", SECOND, access=access, secrets=["hunter2Xyzzy\n"]).post("http://127.0.0.1:1", b"")
    assert str(caught.value) == (
        "webhook: a header cannot be sent, for what is in it; one line of text without blanks before it is expected"
    )
    assert (caught.value.reason, caught.value.permanent) == ("auth", True)


def test_a_token_file_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(SinkError) as caught:
        made("webhook", url="http://127.0.0.1:1", bearer_token_file=tmp_path / "gone").emit(report(event()))
    assert str(caught.value).startswith(f"webhook: bearer_token_file: {tmp_path}/gone cannot be read")
    assert (caught.value.reason, caught.value.permanent) == ("auth", True)


@pytest.mark.parametrize(
    ("behave", "reason", "permanent"),
    [
        (answer(text("no"), 400), "refused", True),
        (answer(text("no_service"), 404), "not_found", True),
        (answer(text("gone"), 410), "not_found", True),
        (answer(text(""), 408), "throttled", False),
        (answer(text(""), 429), "throttled", False),
        (answer(text(""), 503), "server_error", False),
        (answer(text(""), 302, Location="http://elsewhere/"), "redirect", True),
        (faulty.hang_up, "unreachable", False),
        (answer(lambda _: b"x" * (2**20 + 1)), "bad_answer", True),
    ],
)
@pytest.mark.parametrize("kind", ["slack", "webhook"])
def test_what_is_tried_again(kind: str, behave: faulty.Behaviour, reason: str, permanent: bool) -> None:
    with FaultyServer(behave) as server, pytest.raises(SinkError) as caught:
        made(kind, url=f"{server.url}/services/{SECRET}").emit(report(event()))
    assert (caught.value.reason, caught.value.permanent) == (reason, permanent)
    shown = str(caught.value)
    assert "; " in shown
    assert shown.endswith("expected")
    assert not any(part in shown for part in SECRET.split("/"))


def test_a_server_that_goes_amid_the_handshake_is_tried_again() -> None:
    with FaultyServer(GOOD) as server, pytest.raises(SinkError) as caught:  # it hangs up where it is greeted by TLS
        made("webhook", url=server.url.replace("http:", "https:")).emit(report(event()))
    assert str(caught.value).startswith("webhook: breaks off the TLS connection (")
    assert (caught.value.reason, caught.value.permanent) == ("unreachable", False)


@pytest.mark.parametrize("behave", [faulty.drip_headers(text("ok")), faulty.slow(60, GOOD)], ids=["drips", "hangs"])
def test_a_delivery_ends_at_its_deadline(behave: faulty.Behaviour) -> None:
    with FaultyServer(behave) as server, pytest.raises(SinkError) as caught:
        made("webhook", url=server.url, timeout="300ms").emit(report(event()))
    assert (caught.value.reason, caught.value.permanent) == ("timeout", False)


def test_a_tick_does_not_wait_for_a_receiver_that_hangs(tmp_path: Path) -> None:
    asked, holds = threading.Event(), threading.Event()

    def hold(request: faulty.Request, connection: faulty.Connection) -> None:
        asked.set()
        holds.wait(120)
        GOOD(request, connection)

    with FaultyServer(hold) as server:
        box, telemetry = outbox(tmp_path, "webhook", server.url, timeout="1m")
        box.emit(report(event()))
        assert asked.wait(60)
        for _ in range(3):
            box.emit(report(event()))
        assert not holds.is_set(), "emit has come back while the receiver held the first"
        assert delivered(telemetry) == 0
        holds.set()
        until(lambda: delivered(telemetry) == 4, 20, "all of them delivered")
        close([box])


@pytest.mark.parametrize("url", ["{0}/services/" + SECRET, "http://127.0.0.1:1/services/" + SECRET])
def test_no_secret_is_told(tmp_path: Path, url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "sentio")
    with FaultyServer(answer(lambda r: f"there is no {r.path}".encode(), 404)) as server:
        box, telemetry = outbox(tmp_path, "slack", url.format(server.url), retry_for="1ms")
        box.emit(report(event()))
        until(lambda: caplog.records, 20, "something said")
        close([box])
    shown = caplog.text + repr(box) + str(list(telemetry.registry.collect()))
    assert not any(part in shown for part in SECRET.split("/"))


@pytest.mark.parametrize("before", range(60, 120, 7))
def test_no_part_of_a_secret_is_told_where_the_answer_is_cut(before: int) -> None:
    echo = answer(lambda request: b"x" * before + request.path.encode(), 404)
    with FaultyServer(echo) as server, pytest.raises(SinkError) as caught:
        made("slack", url=f"{server.url}/services/{SECRET}").emit(report(event()))
    said = str(caught.value).partition("x" * before)[2]
    assert said.startswith("<redacted>"[: 120 - before]), "and not the beginning of the path"


def test_the_secrets_of_a_url_are_taken_out_of_a_whole_traceback(tmp_path: Path) -> None:
    from sentio.config.redact import redact

    box_config = tmp_path / "c.yml"
    url = f"http://127.0.0.1:1/services/{SECRET}"
    box_config.write_text(
        "sources: {p: {type: prometheus, url: 'http://127.0.0.1:1'}}\npipelines: {cpu: {source: p, query: up}}\n"
        f"sinks: {{mine: {{type: slack, url: '{url}'}}}}\n"
    )
    config = load([box_config], {})
    with pytest.raises(SinkError) as caught:
        made("slack", url=url).emit(report(event()))
    whole = "".join(traceback.format_exception(caught.value))
    assert "hunter2" in whole, "the libraries show the path"
    assert not any(part in redact(whole, config.secrets) for part in SECRET.split("/"))
