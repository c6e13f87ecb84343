"""From a configuration to what runs."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from sentio import build, catalog
from sentio.config.load import load
from sentio.config.options import Options
from sentio.dask.pool import DaskPool
from sentio.exclusion import Exclusion
from sentio.executor import WorkerPool
from sentio.guard import GuardedSource
from sentio.history import History
from sentio.hours import Weekly
from sentio.telemetry import Telemetry
from sentio.types import SECOND, Panel, SeriesKey

DAY = 86_400 * SECOND
LEAST = Path("tests/configs/good/least.yaml")


def pipeline(tmp_path: Path, more: str):
    path = tmp_path / "sentio.yml"
    sources = "sources: {p: &p {type: prometheus, url: 'http://x'}, q: *p}"
    path.write_text(f"{sources}\ndefaults: {{source: p}}\npipelines: {{cpu: {{{more}}}}}\n")
    return load([path], os.environ).pipelines["cpu"]


@pytest.mark.parametrize("missing", [0, 20])
def test_the_default_window_is_long_enough_for_a_weekly_season(missing):
    """Prophet learns one from two weeks between the first sample and the last."""
    config = load([LEAST], os.environ)
    (one,) = config.pipelines.values()
    timing = build.timing(one)
    history = History(step=timing.step, length=timing.window, max_points=timing.max_points, keep=timing.model_ttl)
    now = 20_000 * DAY + 12_345 * SECOND
    for window in history.missing(now):
        values = np.ones((1, len(window)))
        values[0, :missing] = np.nan
        history.add(Panel((SeriesKey("m"),), window.times(), values))
    panel = history.panel((SeriesKey("m"),), now)
    there = panel.times[np.isfinite(panel.values[0])]
    assert there[-1] - there[0] >= 14 * DAY
    assert len(there) <= timing.max_points


@pytest.mark.parametrize(
    ("more", "alike"),
    [
        ("query: m, forecast: {horizons: [2h]}", True),
        ("query: m, ttl: 9m, score: {every: 30s}", True),
        ("query: m, train: {every: 2h}", True),
        ("query: m, alerts: {critical: score > 3}", True),
        ("query: m, detector: {type: prophet, growth: linear}", True),
        ("query: n", False),
        ("query: m, source: q", False),
        ("query: m, step: 30s", False),
        ("query: m, train: {window: 7d}", False),
        ("query: m, detector: {type: prophet, interval_width: 0.9}", False),
    ],
)
def test_a_saved_state_is_used_where_it_fits(tmp_path, more, alike):
    plain = build.fingerprint(pipeline(tmp_path, "query: m"))
    assert (build.fingerprint(pipeline(tmp_path, more)) == plain) == alike


def test_a_saved_state_outlives_a_version_of_what_has_no_part_in_it(tmp_path, monkeypatch):
    batch, stan = pipeline(tmp_path, "query: m"), pipeline(tmp_path, "query: m, detector: {engine: stan}")
    before = build.fingerprint(batch), build.fingerprint(stan)
    monkeypatch.setattr("importlib.metadata.version", lambda name: "9.9" if name == "prophet" else version(name))
    after = build.fingerprint(batch), build.fingerprint(stan)
    assert (after[0] == before[0], after[1] == before[1]) == (True, False)


def executor(tmp_path: Path, more: str):
    path = tmp_path / "sentio.yml"
    detectors = "a: {source: p, query: m, detector: {engine: stan}}, b: {source: p, query: n}"
    path.write_text(f"sources: {{p: {{type: prometheus, url: 'http://x'}}}}\npipelines: {{{detectors}}}\n{more}\n")
    return build.executor(load([path], {}))


def test_the_executor_is_what_the_configuration_says_and_starts_nothing(tmp_path):
    local = executor(tmp_path, "executor: {workers: 3}")
    assert isinstance(local, WorkerPool)
    assert (local._workers, local.processes) == (3, ())
    elsewhere = executor(tmp_path, "executor: {type: dask, scheduler: 'tcp://127.0.0.1:1'}")
    assert isinstance(elsewhere, DaskPool)
    assert elsewhere._thread is None
    prophet = "sentio.detectors.prophet"
    assert set(elsewhere._cluster._preload) == {prophet, f"{prophet}.preload_stan", f"{prophet}.preload_batch"}
    assert set(elsewhere._cluster._packages) == {"prophet", "holidays"}


def test_what_the_configuration_leaves_open_follows_from_the_rest(tmp_path):
    timing = build.timing(pipeline(tmp_path, "query: m, train: {every: 20h}"))
    assert timing.model_ttl == 60 * 3600 * SECOND
    assert timing.train_cadence == 60 * SECOND
    timing = build.timing(pipeline(tmp_path, "query: m, step: 1s, train: {every: 10s, ttl: 1h}"))
    assert timing.model_ttl == 3600 * SECOND
    assert timing.train_cadence == 10 * SECOND


@pytest.mark.parametrize(("more", "every"), [("step: 30s", 30), ("step: 30s, ttl: 1h, score: {every: 20m}", 1200)])
def test_how_often_it_scores_reaches_the_line(tmp_path, more, every):
    made = pipeline(tmp_path, f"query: m, {more}")
    assert build.line("cpu", made, None, None).every == every * SECOND


@pytest.mark.parametrize(
    ("more", "timezone"),
    [
        ("", "UTC"),
        ("detector: {timezone: Asia/Tokyo}", "Asia/Tokyo"),
        ("judgement: {timezone: Europe/Berlin}", "Europe/Berlin"),
        ("detector: {timezone: Asia/Tokyo}, judgement: {timezone: Europe/Berlin}", "Europe/Berlin"),
        ("detector: {type: mad}, judgement: {enabled: true}", "UTC"),
        ("detector: {type: several, of: {p: {timezone: Asia/Tokyo}, m: {type: mad}}}", "Asia/Tokyo"),
        ("detector: {type: several, of: {m: {type: mad}, p: {timezone: Asia/Tokyo}}}", "UTC"),
    ],
)
def test_the_hours_of_the_day_are_those_of_the_detector_unless_the_judgement_names_others(tmp_path, more, timezone):
    line = build.line("cpu", pipeline(tmp_path, f"query: m, {more}"), None, None)
    assert line.judge.policy.timezone == line.exclusion.timezone == timezone


def test_what_a_detector_of_ones_own_calls_its_timezone_may_be_anything(tmp_path):
    class Own(Options):
        timezone: object

    made = pipeline(tmp_path, "query: m")
    for anything in ("Mars/Base", ["UTC"], None):
        block = replace(made.detector, options=Own(timezone=anything))
        assert made.model_copy(update={"detector": block}).timezone == "UTC"


def test_what_is_excluded_reaches_the_line_and_the_deadline(tmp_path):
    def config(more: str):
        path = tmp_path / "sentio.yml"
        path.write_text(
            "sources: {p: {type: prometheus, url: 'http://x', timeout: 40s}}\n"
            f"pipelines: {{cpu: {{source: p, query: m, judgement: {{{more}}}}}}}\nshard: {{index: 0, of: 2}}\n"
        )
        return load([path], os.environ)

    def runner(more: str, source=None):
        return build.runner(
            config(more), "cpu", executor=None, sinks=(), telemetry=Telemetry(), pause=print, save=print, source=source
        )

    span = "exclude: [{days: [sat], hours: 22-6}, {from: 1970-01-02T01:00:00+01:00, to: 1970-01-02T00:00:01.5Z}]"
    line = runner(f"timezone: Europe/Berlin, {span}, exclude_when: busy").line
    assert line.exclusion == Exclusion(
        (Weekly(("sat",), 22 * 60, 6 * 60),), ((DAY, DAY + 3 * SECOND // 2),), "Europe/Berlin", "busy"
    )
    assert isinstance(line.when, GuardedSource), "all of its answer, on every shard"
    assert runner("exclude_when: busy", source=line.when).line.when is None
    assert runner(span).line.when is None
    assert build.deadlines(config("exclude_when: busy"), "cpu").score == 90 * SECOND
    assert build.deadlines(config(span), "cpu").score == 50 * SECOND


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("detector: {type: prophet}, judgement: {direction: above, clip: true, data_range: [0, 1]}", ""),
        ("detector: {type: mad}, judgement: {exclude: [{days: [sat]}]}", ""),
        (
            "detector: {type: mad}, judgement: {direction: above, data_range: [0, 1]}",
            "judgement.data_range, judgement.direction: without effect, since mad has a rule of its own; "
            "judgement.enabled: true is expected",
        ),
        (
            "detector: {type: prophet}, judgement: {enabled: false, min_deviation: 5%}",
            "judgement.min_deviation: without effect, since judgement.enabled is false; true is expected",
        ),
        (
            "detector: {type: mad}, judgement: {enabled: true, false_alarms: 1/day, scale: [2, 2]}",
            "judgement.scale: without effect, since mad does not forecast; a detector that does is expected",
        ),
    ],
)
def test_what_is_asked_of_a_judge_that_is_not_there_is_told(tmp_path, more, said):
    one = pipeline(tmp_path, f"query: m, {more}")
    detector = catalog.resolve("detectors", one.detector.type)(one.detector.options, WorkerPool(1))
    assert build.idle(one, build.line("cpu", one, None, detector)) == said
