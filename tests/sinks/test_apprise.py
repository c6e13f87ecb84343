"""Apprise, by its own plugin for plain JSON, to a server of ours."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from sentio.config.load import load
from sentio.errors import ConfigError, SinkError
from sentio.sinks.apprise import Apprise
from tests.faulty import FaultyServer, answer, in_turn, slow, text
from tests.sinks.alerts import ODD, OK, WARNING, event, key, report

GOOD = answer(text("ok"))
TOKEN = "hunter2Xyzzy"  # noqa: S105 - what is looked for


def made(server: FaultyServer, **options: object) -> Apprise:
    url = server.url.replace("http://", "json://")
    return Apprise(Apprise.Options(urls=(f"{url}/{TOKEN}",), **options))


def test_a_report_is_one_message_with_a_picture() -> None:
    many = [event(of=ODD), *(event(OK, WARNING, of=key(i)) for i in range(999))]
    with FaultyServer(GOOD) as server:
        made(server).emit(report(*many))
        (request,) = server.requests
    said = json.loads(request.body)
    assert request.path == f"/{TOKEN}"
    assert said["title"] == "[critical] cpu: 1 critical, 999 warning"
    assert said["type"] == "failure"
    assert len(said["message"].splitlines()) == 21
    assert said["message"].splitlines()[-1] == "and 980 more"
    (picture,) = said["attachments"]
    assert (picture["filename"], picture["mimetype"]) == ("alert.png", "image/png")


def test_without_a_picture() -> None:
    with FaultyServer(GOOD) as server:
        made(server, picture=False).emit(report(event(WARNING, OK)))
        said = json.loads(server.requests[0].body)
    assert (said["attachments"], said["type"]) == ([], "success")


def test_what_was_not_taken_is_tried_again_and_says_why_without_the_token() -> None:
    with FaultyServer(in_turn(answer(text(f"{TOKEN} is wrong"), 403), GOOD)) as server:
        sink = made(server)
        with pytest.raises(SinkError) as caught:
            sink.emit(report(event()))
        sink.emit(report(event()))
    assert (caught.value.reason, caught.value.permanent) == ("not_taken", False)
    text_ = str(caught.value)
    assert text_.startswith("json: was not taken (")
    assert "error=403" in text_
    assert TOKEN not in text_


def test_nobody_there() -> None:
    server = FaultyServer(GOOD)
    with server:
        sink = made(server)
    with pytest.raises(SinkError) as caught:
        sink.emit(report(event()))
    assert (caught.value.reason, caught.value.permanent) == ("not_taken", False)
    assert TOKEN not in str(caught.value)


def test_a_delivery_ends_at_its_deadline() -> None:
    with FaultyServer(slow(60, GOOD)) as server:
        started = time.monotonic()
        with pytest.raises(SinkError) as caught:
            made(server, timeout="500ms").emit(report(event()))
        assert time.monotonic() - started < 20
    assert caught.value.reason == "timeout"


def configured(folder: Path, urls: str) -> list[str]:
    file = folder / "sentio.yml"
    file.write_text(
        "sources: {p: {type: prometheus, url: 'http://127.0.0.1:1'}}\npipelines: {cpu: {source: p, query: up}}\n"
        f"sinks: {{mine: {{type: apprise, urls: {urls}}}}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load([file], {})
    return [problem.removeprefix(f"{file}:") for problem in caught.value.problems]


def test_an_address_that_apprise_does_not_know(tmp_path: Path) -> None:
    assert configured(tmp_path, f"['ntfy://ours', 'nonsense://{TOKEN}']") == [
        "3: sinks.mine.urls[1]: is no address that Apprise knows; "
        "an address of Apprise's, such as ntfy://topic, is expected"
    ]


def test_where_the_package_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentio.sinks.apprise.find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "apprise", None)
    assert configured(tmp_path, "['ntfy://topic']") == [
        "3: sinks.mine.urls: needs the package apprise, which is not installed; "
        "pip install 'sentio[apprise]' is expected"
    ]
