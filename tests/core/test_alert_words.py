"""What an alert says of the incident that it is about, and of no other."""

from __future__ import annotations

from sentio.alerting import Alerting, Rule, Rules
from sentio.judgement.judge import Judge
from sentio.judgement.policy import Policy
from sentio.message import sentence
from sentio.pipeline import Line
from sentio.runner import Runner
from sentio.types import AlertLevel
from tests.core.test_runner import HOUR, STEP, A, House


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
