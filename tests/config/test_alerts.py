"""What a file says of alerts, as the alerts take it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentio.alerting import Alerting, Flapping, Rule, Rules
from sentio.config.load import load
from sentio.config.model import DAY, HOUR, MINUTE

from .bad_configs import CONFIGS
from .refusals import SOURCES, loaded, refused


def rules(folder: Path, *lines: str) -> Rules:
    config = loaded(folder, _text(*lines))
    return config.pipelines["cpu"].alerts.rules()


def _text(*lines: str) -> str:
    alerts = "".join(f"      {line}\n" for line in lines)
    return f"{SOURCES}pipelines:\n  cpu:\n    source: prometheus\n    query: up\n    alerts:\n{alerts}"


def test_by_default_a_score_above_one_is_a_warning() -> None:
    pipeline = load([CONFIGS / "good/least.yaml"], {}).pipelines["cpu"]
    assert pipeline.alerts.rules() == Rules(warning=Rule("score > 1"), recovery=5) == Rules()


def test_everything() -> None:
    config = load([CONFIGS / "good/full.yaml"], {"SENTIO_TEST_TOKEN": "token"})
    wanted = config.pipelines["db.cpu-1"].alerts.rules()
    assert wanted == Rules(
        info=Rule("value > 0.5 and not anomaly == 1"),
        warning=Rule("smooth(score, 3) >= 0.8 for 3 of 5", "score < 0.5 for 2"),
        critical=Rule("pvalue < 0.001"),
        recovery=3,
        snooze=10 * MINUTE,
        flapping=Flapping(4, 30 * MINUTE),
        max_age=DAY,
    )
    Alerting(wanted)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["critical: value > 12"], Rules(critical=Rule("value > 12"))),
        (["warning: value > 12"], Rules(warning=Rule("value > 12"))),
        (["warning:"], Rules(warning=None)),
        (["warning: null", "info: value > 1"], Rules(info=Rule("value > 1"), warning=None)),
        (["enabled: false", "critical: value > 12", "recovery: 2"], Rules(warning=None, recovery=2)),
        (
            ["warning:", "  when: >", "    value > 1", "    and score > 2"],
            Rules(warning=Rule("value > 1 and score > 2")),
        ),
        (["flapping: {}"], Rules(flapping=Flapping(6, HOUR))),
        (["flapping: {changes: 2}"], Rules(flapping=Flapping(2, HOUR))),
        (["snooze: 0s"], Rules()),
    ],
)
def test_how_it_is_written(tmp_path: Path, lines: list[str], expected: Rules) -> None:
    found = rules(tmp_path, *lines)
    texts = [rule and Rule(" ".join(rule.when.split()), rule.reset) for rule in (found.info, found.warning)]
    assert texts == [expected.info, expected.warning]
    assert found.critical == expected.critical
    assert (found.recovery, found.snooze, found.flapping, found.max_age) == (
        expected.recovery,
        expected.snooze,
        expected.flapping,
        expected.max_age,
    )


def test_the_levels_of_all_pipelines_can_be_switched_off_for_one(tmp_path: Path) -> None:
    text = """\
defaults:
  source: prometheus
  alerts: {info: value > 1, critical: {when: value > 3, reset: value < 2}}
pipelines:
  one: {query: a, alerts: {enabled: false}}
  two: {query: b, alerts: {info: null, critical: value > 4}}
  three: {query: c, alerts: {critical: {when: value > 5}}}
"""
    pipelines = loaded(tmp_path, SOURCES + text).pipelines
    assert pipelines["one"].alerts.rules() == Rules(warning=None)
    assert pipelines["two"].alerts.rules() == Rules(critical=Rule("value > 4"))
    assert pipelines["three"].alerts.rules() == Rules(info=Rule("value > 1"), critical=Rule("value > 5", "value < 2"))


CONDITION = "a condition such as score > 1, or a mapping with when and reset, is expected"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("warning: score >", "warning: ends at character 7; a number, a name or ( is expected"),
        ("warning: true", f"warning: is true; {CONDITION}"),
        ("warning: [a]", f"warning: is a list; {CONDITION}"),
        ("warning: {when: 1}", "warning.when: is a number; text is expected"),
        ("warning: {when: score > 1, reset: 0}", "warning.reset: is a number; text is expected"),
        ("warning: {when: score > 1, rest: score < 1}", "warning.rest: unknown key; did you mean reset?"),
        ("flapping: 6", "flapping: is a number; a mapping is expected"),
        ("flapping: true", "flapping: is true; a mapping is expected"),
        ("recovery: 10001", "recovery: is 10001; a number up to 10000 is expected"),
        ("flapping: {changes: 61}", "flapping.changes: is 61; a number up to 60 is expected"),
    ],
)
def test_what_is_refused(tmp_path: Path, line: str, said: str) -> None:
    assert refused(tmp_path, _text(line)) == [f"8: pipelines.cpu.alerts.{said}"]


@pytest.mark.parametrize("text", ["smooth(score, 3) > 1", "min(score, value) > 1", "abs(max(value, 1)) > 1"])
def test_a_comma_without_quotes_is_told(tmp_path: Path, text: str) -> None:
    first, *_ = refused(tmp_path, _text(f"warning: {{when: {text}}}"))
    end = text.index(",")
    right = "quotes round a condition with a comma are expected"
    assert first == f"8: pipelines.cpu.alerts.warning.when: ends at character {end}; {right}"


def test_a_mistake_in_the_defaults_is_told_there_once(tmp_path: Path) -> None:
    text = "defaults: {source: prometheus, alerts: {warning: score >}}\npipelines: {a: {query: a}, b: {query: b}}\n"
    assert refused(tmp_path, SOURCES + text) == [
        "3: defaults.alerts.warning: ends at character 7; a number, a name or ( is expected"
    ]


def test_a_condition_from_the_environment_is_not_quoted(tmp_path: Path) -> None:
    problems = refused(tmp_path, _text("warning: !env CONDITION"), {"CONDITION": "hunter2 hunter3"})
    assert problems == [
        "8: pipelines.cpu.alerts.warning: has a value that does not fit (it is a secret, and not shown); "
        "an operator, for or the end is expected"
    ]
