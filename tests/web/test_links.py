"""Where the page leads: to the board of a series, and to other parts of itself."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

from sentio.types import SeriesKey
from sentio.web.page import render
from sentio.web.view import Filter
from tests.core.test_runner import A, House, ready
from tests.web.test_page import html


def boards(house: House) -> list[str]:
    """What the series' boards are chosen by: ``label=value``."""
    page = render([house.runner], Filter(), house.now, "http://g")
    leads = [unescape(href) for href in re.findall(r'<div><a href="([^"]*)"', page)]
    return sorted(re.sub(".*&var-label=(.*)&var-series=(.*)", r"\1=\2", lead) for lead in leads)


def test_a_series_leads_to_its_board_where_there_is_a_grafana():
    key = SeriesKey("m", (("container_name", "a&b c"), ("instance", "i")))
    house = ready(key, SeriesKey("x"))
    assert "/d/sentio" not in render([house.runner], Filter(), house.now)
    page = render([house.runner], Filter(), house.now, "http://grafana:3000/sub")
    leads = [unescape(href) for href in re.findall(r'<div><a href="([^"]*)"', page)]
    assert sorted(leads) == [
        "http://grafana:3000/sub/d/sentio?var-query=q&var-label=container_name&var-series=a%26b+c",
        "http://grafana:3000/sub/d/sentio?var-query=q&var-label=metric&var-series=x",
    ]
    board = json.loads((Path(__file__).resolve().parents[2] / "grafana/dashboards/sentio.json").read_text())
    assert board["uid"] == "sentio"
    assert {"query", "label", "series"} <= {variable["name"] for variable in board["templating"]["list"]}


def test_a_board_is_chosen_by_a_label_that_no_other_series_has():
    pods = [
        SeriesKey("m", (("instance", "node"), ("job", "kube"), ("pod", pod), ("query", pod), ("a.b", pod)))
        for pod in ("a", "b")
    ]
    assert boards(ready(*pods)) == ["pod=a", "pod=b"]
    alone = SeriesKey("n", (("instance", "other"), ("job", "kube")))
    assert boards(ready(*pods, alone)) == ["instance=other", "pod=a", "pod=b"]
    twins = [SeriesKey("m", (("cpu", cpu), ("job", "j"), ("mode", mode))) for cpu in "01" for mode in ("idle", "user")]
    assert boards(ready(*twins)) == ["job=j"] * 4, "no label alone tells them apart"


def test_a_row_of_another_name_says_whose_it_is():
    rate, same = ready(SeriesKey("", (("i", "a"),))), ready(SeriesKey("q", (("i", "a"),)))
    for house in (rate, same):
        assert re.findall("<div>(.*?)</div>", html(house)) == ["q"]
    named = html(ready(A), state="ready")
    assert re.findall("<div>(.*?)</div>", named) == ['m <a class=of href="?query=q&amp;state=ready">q</a>']


def test_links_keep_what_is_wanted():
    wanted = Filter(text="a b&c", query="q", type="dip", level="info", page=2)
    assert wanted.link(page=3) == "?q=a+b%26c&query=q&type=dip&level=info&page=3"
    assert wanted.link(text="", query="", type="", level="", page=1) == "?"
