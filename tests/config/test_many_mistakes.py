"""Everything that is wrong is said at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from .refusals import refused

MISTAKES = """\
sources:
  prometheus: {type: prometheus, url: "ftp://x", timeout: 30}
  spare: {type: nagios}
defaults:
  step: 15
  detector: {interval_width: 2}
pipelines:
  cpu:
    source: promtheus
    query: up
    trian: {window: 7d}
    train: {window: 1s, window: 2s}
  memory:
    source: spare
    step: 1m
    train: {window: 1m}
    score: {every: 90s}
    forecast: {horizons: [5m, 5m, 0s, soon]}
    legacy_names: {prefix: a-b, label: ok, horizon: 5m, clamp_min: low}
  "a b": 5
server: {listen: here}
store: {path: ""}
executor: {type: threads, workers: 1.5}
logging: {level: debug}
"""

EXPECTED = [
    "2: sources.prometheus.timeout: is 30; a duration such as 15s, 5m or 14d is expected",
    "2: sources.prometheus.url: is not a URL that starts with http:// or https://; "
    "one such as http://prometheus:9090 is expected",
    '3: sources.spare.type: is "nagios", which is not a known type; '
    "csv, prometheus, recording or a module:Class of your own is expected",
    "5: defaults.step: is 15; a duration such as 15s, 5m or 14d is expected",
    "6: defaults.detector.interval_width: is 2; a number up to 0.999999 is expected",
    '9: pipelines.cpu.source: is "promtheus", which is no source; '
    "prometheus or spare is expected (did you mean prometheus?)",
    "11: pipelines.cpu.trian: unknown key; did you mean train?",
    "12: pipelines.cpu.train.window: is there twice, first on line 12; one of the two is expected",
    "13: pipelines.memory.query: is missing; it has no default and must be given",
    "16: pipelines.memory.train.window: is 1m; at least two steps (2m) is expected",
    "17: pipelines.memory.score.every: is 1m30s; a multiple of step (1m) is expected",
    '18: pipelines.memory.forecast.horizons[2]: is "0s"; a duration above 0, such as 15s, 5m or 14d, is expected',
    '18: pipelines.memory.forecast.horizons[3]: is "soon"; a duration such as 15s, 5m or 14d is expected',
    '19: pipelines.memory.legacy_names.clamp_min: is "low"; a number is expected',
    '19: pipelines.memory.legacy_names.prefix: is "a-b"; a metric name (letters, digits, _ and :) is expected',
    '20: pipelines."a b": is no alias; letters, digits and _ . : - are expected, a letter, digit or _ first',
    '20: pipelines."a b": is a number; a mapping is expected',
    '21: server.listen: is "here"; host:port such as 0.0.0.0:8000 is expected',
    "22: store.path: is empty; the path of a file is expected",
    '23: executor.type: is "threads"; processes or dask is expected',
    "23: executor.workers: is 1.5; a whole number is expected",
    "24: logging: unknown key; defaults, executor, pipelines, server, shard, sinks, sources or store is expected",
]


def test_many_mistakes_at_once(tmp_path: Path) -> None:
    problems = refused(tmp_path, MISTAKES)
    assert sorted(problems) == sorted(EXPECTED)
    assert [int(p.split(":")[0]) for p in problems] == sorted(int(p.split(":")[0]) for p in problems)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("every", "did you mean score.every or train.every?"),
        ("window", "did you mean train.window?"),
        ("horizons", "did you mean forecast.horizons?"),
        ("timezone", "did you mean detector.timezone or judgement.timezone?"),
        ("qurey", "did you mean query?"),
        ("interval", "alerts, detector, forecast, judgement, legacy_names, query, score, sinks, source, "
                     "step, train or ttl is expected"),
    ],
)  # fmt: skip
def test_a_key_that_stands_too_high_is_told_where_it_belongs(tmp_path: Path, key: str, said: str) -> None:
    text = "sources: {p: {type: prometheus, url: http://x}}\npipelines:\n  a:\n    source: p\n    query: up\n"
    text += f"    detector: {{type: prophet}}\n    {key}: 1h\n"
    assert refused(tmp_path, text) == [f"7: pipelines.a.{key}: unknown key; {said}"]
