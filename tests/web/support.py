"""Pipelines of which something is the matter with a series: really so, or because their report is made to say it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sentio.alerting import Alerting, Rule, Rules
from sentio.judgement.judge import Judge
from sentio.judgement.kinds import Kind
from sentio.judgement.policy import Policy
from sentio.reports import AlertLevel, Event
from sentio.runner import Runner
from sentio.types import SeriesKey
from tests.core.test_runner import House, ready


def judged(*keys: SeriesKey, policy: Policy | None = None, warning: str = "score > 1") -> House:
    """One with a judge and models, and this condition of a warning."""
    house = House(*keys)
    judge, alerting = Judge(policy or Policy(), house.timing.step), Alerting(Rules(warning=Rule(warning)))
    line = replace(house.runner.line, judge=judge, alerting=alerting)
    house.runner = Runner(line, house.timing, (house.sink,), house.telemetry, house.saved.append)
    house.train()
    house.score(0)
    return house


def made(given: dict[SeriesKey, tuple[Kind, AlertLevel, str]]) -> House:
    """One whose report has these types, levels and sentences."""
    house = ready(*given)
    report = house.runner.report
    said = [given[key] for key in report.scores.keys]
    firing = [
        Event(key, level, level, report.at, report.at, "score > 1")
        for key, (_, level, _) in zip(report.scores.keys, said, strict=True)
        if level
    ]
    house.runner.report = replace(
        report,
        kinds=np.array([kind for kind, _, _ in said], np.int8),
        levels=np.array([level for _, level, _ in said], np.int8),
        texts={row: text for row, (_, _, text) in enumerate(said) if text},
        firing=tuple(firing),
    )
    return house
