"""What an alert says of the incident that it is about, and of no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sentio.alerting import Alerting, Rule, Rules
from sentio.errors import SourceError
from sentio.guard import Conditions
from sentio.judgement.judge import Judge
from sentio.judgement.policy import Policy
from sentio.message import sentence
from sentio.pipeline import Line
from sentio.reports import AlertLevel
from sentio.runner import Runner
from sentio.types import Failure
from tests.core.test_runner import HOUR, STEP, A, House, ready
from tests.service.support import config_text, eventually, get, metric, prometheus, running
from tests.web.support import judged


class Watched(House):
    """A house that alerts on values, whether or not they are anomalous."""

    def another(self) -> Runner:
        judge, alerting = Judge(Policy(min_deviation=30), STEP), Alerting(Rules(warning=Rule("value > 55")))
        line = Line("q", self.source, self.detector, "m", (HOUR,), judge, alerting, STEP)
        return Runner(line, self.timing, (self.sink,), self.telemetry, self.saved.append)

    def scored(self, *bumps: float) -> None:
        for bump in bumps:
            self.source.bump[A] = bump
            self.score()

    @property
    def events(self):
        return [event for report in self.sink.reports for event in report.events]


def test_an_alert_without_an_incident_says_nothing_of_the_last_one():
    house = Watched(A)
    house.train()
    house.scored(0, 0, 60, *10 * [0], 10, *5 * [0])
    spike, over, limit, end = house.events
    assert [(e.level_from, e.level_to) for e in house.events] == 2 * [
        (AlertLevel.OK, AlertLevel.WARNING),
        (AlertLevel.WARNING, AlertLevel.OK),
    ]
    assert (spike.kind, over.kind) == ("spike", "spike")
    assert spike.text.startswith("Spike since")
    assert over.text.startswith("Spike at")
    assert (limit.kind, limit.text, end.kind, end.text) == ("", "", "", "")
    assert sentence(limit).startswith("is 59.97, expected 4")
    assert sentence(end) == "resolved after 50s"


def test_a_condition_that_holds_nowhere_is_counted_and_logged_once(caplog):
    house = ready(A)
    sink = Conditions("q", house.telemetry)
    house.telemetry.begin("q")
    assert house.value("sentio_series_failures_total", reason="unknown_output") == 0
    good = house.sink.reports[-1]
    bad = replace(good, failures=(Failure("alerts.warning", "unknown_output", 'asks for "scores"'),))
    caplog.set_level("INFO")
    for report in (good, bad, bad, good):
        sink.emit(report)
    said = [record.getMessage() for record in caplog.records]
    assert said == ['pipeline q, alerts: alerts.warning: asks for "scores"', "pipeline q, alerts: works again"]
    assert house.value("sentio_series_failures_total", reason="unknown_output") == 2


def test_the_type_is_an_output_whatever_a_tick_has():
    """Also at a start, and while the source cannot be read."""
    house = judged(A, warning="score > 1 and anomaly_type != 1")
    house.source.error = SourceError("cannot be reached; a server that answers is expected", reason="unreachable")
    with pytest.raises(SourceError):
        house.score()
    assert [report.failures for report in house.sink.reports if report.failures] == []
    house.source.error, house.source.bump[A] = None, 40
    house.score()
    assert house.sink.reports[-1].firing == (), "a spike"
    for _ in range(6):
        house.score()
    assert house.sink.reports[-1].firing, "a level shift"


def test_the_service_tells_it(tmp_path):
    """Of a file with a misspelt name, from reading it to the metrics page."""
    file = tmp_path / "sentio.yml"
    with prometheus() as store:
        text = config_text(store.url, tmp_path / "sentio.db", load="query: load, alerts: {critical: scores > 3}")
        file.write_text(text)
        with running([file]) as (_, server):
            line = 'sentio_series_failures_total{query="load",reason="unknown_output"}'
            eventually(lambda: (metric(get(server.url + "/metrics")[1], line) or 0) > 0, 60)
            assert "alerts.critical: asks for &quot;scores&quot;, which is no output" in get(server.url + "/")[1]
