"""`/api/v1`: what is anomalous, and all series."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from sentio.judgement.kinds import Kind
from sentio.message import rfc3339
from sentio.reports import AlertLevel
from sentio.types import LOWER, PVALUE, SCORE, UPPER, YHAT, SeriesKey
from sentio.web.api import _KNOWN, anomalies, series
from tests.core.test_runner import A, B, C, House, ready
from tests.docs.pages import ROOT, blocks, named, rows, section
from tests.service.support import config_text, eventually, get, prometheus, running
from tests.web.support import judged, made

OK, INFO, WARNING, CRITICAL = AlertLevel
FIELDS = {
    "pipeline", "metric", "labels", "at", "value", "yhat", "lower", "upper", "score", "pvalue", "state", "type",
    "since", "duration", "size", "percent", "level", "text",
}  # fmt: skip
SOME = {
    A: (Kind.SPIKE, INFO, "up"),
    B: (Kind.LEVEL_SHIFT, CRITICAL, "shifted"),
    C: (Kind.NONE, OK, ""),
    SeriesKey("m", (("i", "d"),)): (Kind.DIP, OK, "down"),
    SeriesKey("m", (("i", "e"),)): (Kind.NONE, WARNING, ""),
}


def ask(route, *houses: House, **params: object) -> dict:
    answer = route([house.runner for house in houses], [(name, str(value)) for name, value in params.items()])
    assert answer.headers["content-type"] == "application/json"
    assert answer.status_code == 200, answer.body
    return json.loads(answer.body)


def names(answer: dict) -> str:
    rows = answer.get("anomalies", answer.get("series"))
    return "".join(row["labels"]["i"] for row in rows)


def test_an_anomaly_has_all_that_is_known_of_it():
    house = judged(A, B, warning="score > 1 for 3 of 3")
    house.source.bump[B] = 40
    house.score()
    begun = house.now
    house.score()
    report = house.score()
    assert [event.since for event in report.firing] == [house.now], "the alert is younger than the incident"
    answer = ask(anomalies, house)
    assert (answer["total"], answer["offset"], len(answer["anomalies"])) == (1, 0, 1)
    found, row = answer["anomalies"][0], report.scores.keys.index(B)
    assert found.keys() == FIELDS
    said = {"pipeline": "q", "metric": "m", "labels": {"i": "b"}, "level": "warning", "state": "ready", "type": "spike"}
    assert said.items() <= found.items()
    assert found["text"] == report.texts[row] != ""
    assert found["value"] == report.scores.values[row, -1]
    for name, output in {"yhat": YHAT, "lower": LOWER, "upper": UPPER, "score": SCORE, "pvalue": PVALUE}.items():
        assert found[name] == report.scores.outputs[output][row, -1]
    assert datetime.fromisoformat(found["at"]).timestamp() * 1e9 == house.now
    assert found["since"] == rfc3339(begun)
    assert found["duration"] == 30
    assert found["size"] == pytest.approx(40, abs=5)
    assert found["percent"] == pytest.approx(80, abs=12)
    assert f"{found['percent']:.2g} % ({found['size']:.3g}) above" in found["text"]
    ordinary = next(r for r in ask(series, house)["series"] if r["labels"] == {"i": "a"})
    assert (ordinary["duration"], ordinary["size"], ordinary["percent"]) == (None, None, None)


def test_since_is_the_onset_or_else_when_the_alert_began():
    house = made({A: (Kind.SPIKE, WARNING, "")})
    assert ask(anomalies, house)["anomalies"][0]["since"] == rfc3339(house.now)
    house.runner.report = replace(house.runner.report, onsets=np.array([5 * 10**9]))
    assert ask(anomalies, house)["anomalies"][0]["since"] == "1970-01-01T00:00:05.000000Z"


def test_open_incidents_and_alerts_are_anomalies_and_the_worst_come_first():
    answer = ask(anomalies, made(SOME))
    assert (names(answer), answer["total"]) == ("bead", 4)
    levels = [row["level"] for row in answer["anomalies"]]
    assert levels == ["critical", "warning", "info", "ok"]
    assert [row["type"] for row in answer["anomalies"]] == ["level_shift", None, "spike", "dip"]
    assert answer["anomalies"][1]["text"] is None


def test_all_series_come_as_they_are_and_without_a_number_that_json_lacks():
    house = made(SOME)
    house.runner.report.scores.values[0, :] = np.nan
    house.runner.report.scores.outputs[SCORE][1, :] = np.inf
    answer = ask(series, house)
    assert (names(answer), answer["total"]) == ("abcde", 5)
    rows = answer["series"]
    assert (rows[0]["value"], rows[1]["score"]) == (None, None)
    assert rows[2]["score"] is not None
    assert rows[2]["pvalue"] is None, "there is none without a judge"
    assert (rows[2]["type"], rows[2]["since"], rows[2]["level"], rows[2]["text"]) == (None, None, "ok", None)


@pytest.mark.parametrize(
    ("params", "found", "listed"),
    [
        ({"type": "spike"}, "a", "a"),
        ({"level": "info"}, "bea", "abe"),
        ({"level": "warning"}, "be", "be"),
        ({"level": "critical"}, "b", "b"),
        ({"type": "spike", "level": "warning"}, "", ""),
        ({"query": "q"}, "bead", "abcde"),
        ({"q": 'I="C"'}, "", "c"),
        ({"state": "failed"}, "", ""),
        ({"type": "", "limit": ""}, "bead", "abcde"),
    ],
)
def test_filters(params, found, listed):
    house = made(SOME)
    assert names(ask(anomalies, house, **params)) == found
    assert names(ask(series, house, **params)) == listed


def test_pages_are_parts_of_the_whole_over_all_pipelines():
    houses = [made(SOME), made(SOME)]
    for route in (anomalies, series):
        whole = ask(route, *houses)
        parts = [ask(route, *houses, limit=3, offset=offset) for offset in range(0, 12, 3)]
        assert [part["total"] for part in parts] == [whole["total"]] * 4
        assert "".join(map(names, parts)) == names(whole)
        assert len(names(parts[0])) == 3


def test_a_thousand_unless_more_are_asked_for():
    house = House(*(SeriesKey("m", (("i", str(i)),)) for i in range(1200)))
    house.score(0)
    assert len(ask(series, house)["series"]) == 1000
    assert len(ask(series, house, limit=1100)["series"]) == 1100


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ([("query", "other")], "query is 'other'; one of q is expected"),
        ([("type", "bump")], "type is 'bump'; one of spike, dip, level_shift"),
        ([("type", "none")], "type is 'none'"),
        ([("level", "ok")], "level is 'ok'; one of info, warning, critical is expected"),
        ([("state", "WELL")], "state is 'WELL'"),
        ([("levl", "info")], "there is no parameter 'levl'"),
        ([("level", "info"), ("level", "info")], "level is given twice"),
        ([("limit", "0")], "limit is '0'; a whole number from 1 to 10000 is expected"),
        ([("limit", "10001")], "limit is '10001'"),
        ([("limit", "²")], "limit is"),
        ([("limit", "9" * 5000)], "limit is"),
        ([("offset", "-1")], "offset is '-1'; a whole number from 0"),
        ([("offset", "1.5")], "offset is '1.5'"),
    ],
)
@pytest.mark.parametrize("route", [anomalies, series])
def test_what_cannot_be_meant_is_refused(route, params, problem):
    answer = route([ready(A).runner], params)
    assert answer.status_code == 400
    assert json.loads(answer.body).keys() == {"error"}
    assert problem in json.loads(answer.body)["error"]


def test_before_anything_was_read_there_is_nothing():
    assert ask(anomalies) == {"total": 0, "offset": 0, "anomalies": []}
    assert ask(series, House(A)) == {"total": 0, "offset": 0, "series": []}


def test_labels_that_are_no_sound_text_are_given_all_the_same():
    key = SeriesKey("m", (("i", '\ud800"<b>'),))
    assert ask(series, ready(key))["series"][0]["labels"] == {"i": '\ud800"<b>'}


def test_the_document_has_every_field_and_parameter():
    text = (ROOT / "docs/api.md").read_text("utf-8")
    example = next(json.loads(block) for tag, block in blocks(text) if tag == "json")
    assert example.keys() == {"total", "offset", "anomalies"}
    assert example["anomalies"][0].keys() == FIELDS
    written = section(text, "## Fields")
    assert {name for row in rows(written) for name in re.findall(r"`(\w+)`", row[0])} == FIELDS
    assert set(named(section(text, "## Parameters"))) == set(_KNOWN)


def test_over_a_socket(tmp_path):
    with prometheus() as server:
        (tmp_path / "sentio.yml").write_text(config_text(server.url, tmp_path / "db"))
        with running([tmp_path / "sentio.yml"]) as (_, web):
            eventually(lambda: json.loads(get(f"{web.url}/api/v1/series?limit=2")[1])["total"] == 3)
            status, text = get(f"{web.url}/api/v1/series?limit=2&query=load")
            assert (status, len(json.loads(text)["series"])) == (200, 2)
            assert json.loads(get(f"{web.url}/api/v1/anomalies")[1]).keys() == {"total", "offset", "anomalies"}
            assert get(f"{web.url}/api/v1/anomalies?limit=x")[0] == 400
