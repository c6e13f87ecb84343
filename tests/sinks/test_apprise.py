"""Apprise, by its own plugin for plain JSON, to a server of ours."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from apprise.plugins.discord import NotifyDiscord
from apprise.plugins.telegram import NotifyTelegram

from sentio.config.load import load
from sentio.errors import ConfigError, SinkError
from sentio.sinks.apprise import Apprise
from sentio.types import SeriesKey
from tests.faulty import FaultyServer, answer, in_turn, slow, text
from tests.sinks.alerts import ODD, OK, WARNING, event, key, report
from tests.sinks.mailbox import mailbox

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


TELEGRAM = "tgram://123456789:abcdefghijklmnopqrstuvwxyz012345678/123456789/"
DISCORD = f"discord://123456789012345678/{'abcdefgh' * 8}/"
SERVICES = [
    (TELEGRAM, 4096),
    (f"{TELEGRAM}?format=markdown", 4096),
    (DISCORD, 2000),
    (f"{DISCORD}?format=markdown", 2000),
]
TAKEN = answer(text('{"ok": true, "result": {}}'))


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """What Apprise takes for Telegram and Discord."""
    with FaultyServer(TAKEN) as server:
        for plugin in (NotifyTelegram, NotifyDiscord):
            monkeypatch.setattr(plugin, "notify_url", f"{server.url}/bot")
        yield server


def sent(server: FaultyServer) -> list[str]:
    """The texts of the messages, with their titles."""
    texts = []
    for message in (json.loads(request.body) for request in server.requests):
        parts = [f"{embed.get('title', '')}\n{embed['description']}" for embed in message.get("embeds", ())]
        texts.append(message.get("text") or message.get("content") or "\n".join(parts))
    return texts


def long(i: int, image: str = "registry.example.org/shop/web:1.2.3") -> SeriesKey:
    labels = (("container_name", f"web_{i}"), ("host", "node-1.example.org"), ("image", image))
    return SeriesKey("docker_container_cpu_usage_percent", labels)


@pytest.mark.parametrize(("url", "most"), SERVICES)
@pytest.mark.parametrize("image", ["registry.example.org/shop/web:1.2.3", "<none>&_*" * 9])
def test_a_text_that_is_too_long_says_how_many_more_there_are(
    chat: FaultyServer, url: str, most: int, image: str
) -> None:
    sink = Apprise(Apprise.Options(urls=(url,), picture=False, external_url="https://sentio.example"))
    sink.emit(report(*(event(of=long(i, image)) for i in range(30))))
    (said,) = sent(chat)
    assert most - 900 < len(said) <= most
    told = sum(one.startswith("critical:") for one in said.splitlines())
    assert told > 1
    assert said.splitlines()[-1] == f"and {30 - told} more"


@pytest.mark.parametrize(("url", "most"), SERVICES)
def test_of_one_alert_that_is_too_long_the_beginning_is_sent(chat: FaultyServer, url: str, most: int) -> None:
    sink = Apprise(Apprise.Options(urls=(url,), picture=False))
    sink.emit(report(*(event(of=long(i, "<b>_" * 2000)) for i in range(3))))
    (said,) = sent(chat)
    assert most - 900 < len(said) <= most
    assert said.splitlines()[-2].endswith("…")
    assert said.splitlines()[-1] == "and 2 more"


def test_a_text_of_which_all_fits_is_whole(chat: FaultyServer) -> None:
    Apprise(Apprise.Options(urls=(TELEGRAM,), picture=False)).emit(report(event(of=long(1)), event(of=long(2))))
    (said,) = sent(chat)
    assert said.count("critical: docker_container_cpu_usage_percent{") == 2
    assert "more" not in said


def test_where_the_address_asks_for_it_a_text_is_split(chat: FaultyServer) -> None:
    sink = Apprise(Apprise.Options(urls=(f"{DISCORD}?overflow=split",), picture=False))
    sink.emit(report(*(event(of=long(i)) for i in range(20))))
    said = sent(chat)
    assert len(said) > 1
    assert all(len(one) <= 2000 for one in said)
    assert "\n".join(said).count("critical: docker_container_cpu_usage_percent{") == 20


def test_a_label_is_no_markup(chat: FaultyServer) -> None:
    Apprise(Apprise.Options(urls=(TELEGRAM,), picture=False)).emit(
        report(event(of=SeriesKey("disk", (("i", "<none>"),))))
    )
    assert [one.count('disk{i="&lt;none&gt;"}') for one in sent(chat)] == [2], "title and text"
    with mailbox() as box:
        url = f"mailto://127.0.0.1:{box.port}/?from=s@example.org&to=a@example.org&mode=insecure"
        Apprise(Apprise.Options(urls=(url,), picture=False)).emit(
            report(event(of=SeriesKey("disk", (("i", "<none>"),))))
        )
        (mail,) = box.mails
    assert 'disk{i="<none>"}' in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]


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
