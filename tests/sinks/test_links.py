"""Every sink links an alert to its series on the page, where it is told where a browser finds that."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from sentio import catalog
from sentio.message import page
from sentio.reports import Report
from sentio.types import SeriesKey
from sentio.web.view import Filter
from tests.faulty import FaultyServer, answer, text
from tests.sinks.alerts import ODD, event, key, report
from tests.sinks.mailbox import mailbox

ADDRESS = "http://sentio.example/below"
LINK = f"{ADDRESS}/?query=cpu&q=load%7Bi%3D%22a%22%7D"


def posted(kind: str, options: dict[str, Any]) -> Callable[[Report], Any]:
    def send(alert: Report) -> Any:
        with FaultyServer(answer(text("ok"))) as server:
            given = {name: value(server.url) for name, value in options.items()}
            made(kind, given).emit(alert)
            return json.loads(server.requests[0].body)

    return send


def made(kind: str, options: dict[str, Any]) -> Any:
    sink = catalog.resolve("sinks", kind)
    return sink(sink.Options(external_url=ADDRESS, **options))


def mailed(alert: Report) -> tuple[str, str]:
    with mailbox() as box:
        who = {"from": "sentio@example.org", "to": ["a@example.org"]}
        made("email", {"host": "127.0.0.1", "port": box.port, "security": "none", **who}).emit(alert)
        (mail,) = box.mails
    plain, rich = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert rich is not None
    return plain.get_content(), rich.get_content()


def links(kind: str, alert: Report) -> list[str]:
    """Where the link of each alert was looked for and found, as the receiver reads it."""
    match kind:
        case "alertmanager":
            return [a["generatorURL"] for a in posted(kind, {"urls": lambda url: (url,)})(alert)]
        case "webhook":
            return [e["page"] for e in posted(kind, {"url": lambda url: url})(alert)["events"]]
        case "slack":
            sections = posted(kind, {"url": lambda url: url})(alert)["blocks"][1:]
            return [html.unescape(s["text"]["text"].rpartition("\n<")[2].partition("|")[0]) for s in sections]
        case "apprise":
            there = {"urls": lambda url: (url.replace("http://", "json://"),), "picture": lambda _: False}
            return posted(kind, there)(alert)["message"].splitlines()[1::2]
        case _:
            plain, rich = mailed(alert)
            shown = [html.unescape(part.partition('"')[0]) for part in rich.split('<a href="')[1:]]
            assert [line.strip() for line in plain.splitlines()[2::3]] == shown
            return shown


SINKS = sorted(set(catalog.CATALOG["sinks"]) - {"exposition"})


@pytest.mark.parametrize("kind", SINKS)
def test_each_alert_has_a_link_to_its_series(kind: str) -> None:
    one, other = event(of=key("a")), event(of=key("b & <c>"))
    found = links(kind, report(one, other, firing=(one, other)))
    assert found == [LINK, page(ADDRESS, "cpu", other)]


def test_the_page_shows_that_series_alone() -> None:
    of = SeriesKey("load", (("q", "a&b=c d+e"), ("z", "grüße\n🎉")))
    link = urlsplit(page(ADDRESS, "cpu", event(of=of)))
    assert Filter.of(dict(parse_qsl(link.query))) == Filter(text=str(of), query="cpu")


def test_a_name_that_fits_in_no_address_leads_to_its_pipeline() -> None:
    for of in (ODD, key("x" * 1000)):
        assert page(ADDRESS, "cpu", event(of=of)) == f"{ADDRESS}/?query=cpu"


def test_there_is_none_where_nobody_says_where_the_page_is() -> None:
    assert page(None, "cpu", event()) == ""
