"""``sentio replay``, as it is called; the source is the demo's store over real sockets."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sentio.cli import main, replay
from sentio.demo.api import api
from sentio.demo.series import Series
from sentio.demo.tsdb import Tsdb
from sentio.evaluation import backtest
from sentio.evaluation.alerts import alerts_of, difference
from sentio.reports import AlertLevel, Event
from sentio.server import Server
from sentio.types import SECOND, SeriesKey

START = 1_775_001_600
"""2026-04-01, UTC."""
HOURS = 8
ODD = (START + 6 * 3600, START + 6 * 3600 + 600)
A, B = (SeriesKey("load", (("i", i),)) for i in "ab")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    store = Tsdb()
    times = START + 15.0 * np.arange(HOURS * 240 + 1)
    for seed, key in enumerate((A, B)):
        values = 20 + np.random.default_rng(seed).normal(size=len(times))
        if key == A:
            values[(times >= ODD[0]) & (times < ODD[1])] += 30
        store.extend(Series(key, (times * SECOND).astype(np.int64), values))
    with Server(api(store, lambda: float(START + HOURS * 3600)), name="store") as server:
        yield server.url


def configuration(folder: Path, url: str, threshold: float, name: str = "sentio.yml") -> Path:
    file = folder / name
    file.write_text(
        f"sources: {{main: {{type: prometheus, url: '{url}'}}}}\n"
        "pipelines:\n  load:\n    source: main\n    query: load\n    train: {window: 4h}\n"
        f"    detector: {{type: gaussian1d, threshold: {threshold}}}\n"
        "    alerts: {warning: score > 1 for 3 of 5}\n"
    )
    return file


def called(capsys: pytest.CaptureFixture[str], file: Path, *more: object) -> str:
    at = ["--start", "2026-04-01T05:00", "--end", "2026-04-01T08:00"]
    assert main(["replay", "load", "--config.file", str(file), *at, *map(str, more)]) == 0
    seen = capsys.readouterr()
    assert seen.err == ""
    return seen.out


def test_the_alert_of_the_incident_and_no_other(tmp_path, url, capsys):
    found = json.loads(called(capsys, configuration(tmp_path, url, 0.99999), "--json"))
    assert [one["series"] for one in found["alerts"]] == ['load{i="a"}']
    one = found["alerts"][0]
    assert one["level"] == "warning"
    assert one["cause"] == "score > 1 for 3 of 5"
    assert ODD[0] <= one["since"] <= ODD[0] + 45
    assert ODD[1] <= one["until"] <= ODD[1] + 150
    # From --start on: three hours of two series.
    assert found["figures"][0]["samples"] == 2 * (3 * 240 + 1)


def test_in_words_with_times_of_a_zone(tmp_path, url, capsys):
    file = configuration(tmp_path, url, 0.99999)
    out = called(capsys, file, "--timezone", "Europe/Berlin")
    # 05:00 in Berlin is 03:00 UTC: the incident is at 08:00 there, and 08:00 is the end.
    assert "0 alerts" in out
    assert main(["replay", "load", "--config.file", str(file), "--start", "2026-04-01T07:00", "--end",
                 "2026-04-01T09:00", "--timezone", "Europe/Berlin"]) == 0  # fmt: skip
    out = capsys.readouterr().out
    assert "1 alert\n" in out
    assert "2026-04-01 08:00:30+02:00" in out
    assert 'load{i="a"}' in out
    assert "what is flagged (anomaly = 1)" in out


def test_against_the_incidents_that_are_known(tmp_path, url, capsys):
    labels = tmp_path / "labels.csv"
    labels.write_text(f'series,start,end\n"load{{i=""a""}}",{ODD[0]},{ODD[1]}\n')
    file = configuration(tmp_path, url, 0.99999)
    flagged = json.loads(called(capsys, file, "--json", "--labels", labels))["figures"][0]["flagged"]
    assert flagged["recall"] == 1
    assert flagged["precision"] == 1
    assert flagged["false"] == 0
    assert flagged["delay"] <= 0.25


def test_incidents_are_in_the_zone_of_the_times_of_the_call(tmp_path, url, capsys):
    labels = tmp_path / "labels.csv"
    labels.write_text('series,start,end\n"load{i=""a""}",2026-04-01T08:00,2026-04-01T08:10\n')
    file = configuration(tmp_path, url, 0.99999)
    at = ["--start", "2026-04-01T07:00", "--end", "2026-04-01T09:00", "--timezone", "Europe/Berlin"]
    assert main(["replay", "load", "--config.file", str(file), *at, "--labels", str(labels), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["figures"][0]["flagged"]["recall"] == 1


def test_what_another_configuration_would_have_done(tmp_path, url, capsys):
    file, other = configuration(tmp_path, url, 0.99999), configuration(tmp_path, url, 0.9, "other.yml")
    found = json.loads(called(capsys, file, "--compare", other, "--json"))["compared"]
    assert found["only_here"] == []
    assert found["both"] == 1
    assert len(found["only_there"]) > 2
    out = called(capsys, file, "--compare", other)
    assert "1 alert of both configurations" in out
    assert "0 alerts of --config.file alone" in out
    turned = json.loads(called(capsys, other, "--compare", file, "--json"))["compared"]
    assert len(turned["only_here"]) == len(found["only_there"])


@pytest.mark.parametrize(
    ("change", "reads"),
    [
        (("threshold: 0.99999", "threshold: 0.9"), 1),
        (("window: 4h", "window: 2h"), 1),
        (("window: 4h", "window: 5h"), 1),
        (("query: load", 'query: load{i!="c"}'), 2),
        (("query: load", "query: load\n    step: 30s"), 2),
    ],
)
def test_what_both_configurations_read_is_read_once(tmp_path, url, capsys, monkeypatch, change, reads):
    """And each is as it is alone."""
    asked = []
    read_parts = backtest.read_parts
    monkeypatch.setattr(backtest, "read_parts", lambda *a: asked.append(a) or read_parts(*a))
    file, other = configuration(tmp_path, url, 0.99999), tmp_path / "other.yml"
    other.write_text(file.read_text().replace(*change))
    assert other.read_text() != file.read_text()
    alone = [json.loads(called(capsys, one, "--json")) for one in (file, other)]
    asked.clear()
    both = json.loads(called(capsys, file, "--compare", other, "--json"))
    assert len(asked) == reads
    assert [both["figures"], both["compared"]["figures"]] == [one["figures"] for one in alone]
    assert both["alerts"] == alone[0]["alerts"]
    assert both["compared"]["both"] + len(both["compared"]["only_there"]) == len(alone[1]["alerts"])


def test_what_was_said_of_each_sample_is_written(tmp_path, url, capsys):
    called(capsys, configuration(tmp_path, url, 0.99999), "--out", tmp_path / "out")
    files = sorted(path.name for path in (tmp_path / "out" / "load").iterdir())
    assert len(files) == 2
    assert len((tmp_path / "out" / "load" / files[0]).read_text().splitlines()) == 3 * 240 + 2


def test_a_folder_that_cannot_be_written_is_refused_before_the_replay(tmp_path, url, capsys, monkeypatch):
    file = configuration(tmp_path, url, 0.99999)
    monkeypatch.setattr(backtest, "since", None)  # and never called
    assert main(["replay", "load", "--config.file", str(file), "--start", "2026-04-01", "--out", str(file)]) == 1
    said = f"sentio: --out {file}: cannot be written (File exists); a folder is expected\n"
    assert capsys.readouterr().err == said


def test_a_window_within_a_step_has_the_step_before(tmp_path, url, capsys):
    file = configuration(tmp_path, url, 0.99999)
    at = ["--start", "2026-04-01T05:00:05", "--end", "2026-04-01T05:00:09"]
    assert main(["replay", "load", "--config.file", str(file), *at, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["figures"][0]["samples"] == 2


def test_at_the_pace_at_which_it_came(tmp_path, url, capsys):
    """Two steps of a second, then the third: it takes two seconds at least, and says what changes as it changes."""
    file = configuration(tmp_path, url, 0.99999)
    file.write_text(file.read_text().replace("    query: load\n", "    query: load\n    step: 1s\n"))
    began = time.monotonic()
    at = ["--start", "2026-04-01T06:00:29", "--end", "2026-04-01T06:00:31", "--clock", "real"]
    assert main(["replay", "load", "--config.file", str(file), *at]) == 0
    assert time.monotonic() - began >= 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("2026-04-01 06:00:31+00:00  ok → warning  load")


def test_it_waits_for_each_step_and_not_when_it_is_late():
    clock, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    pace = replay._waiting(lambda: clock[0], sleep)
    for step, work in ((0, 1), (15, 1), (30, 40), (45, 0), (60, 0)):
        pace(step * SECOND)
        clock[0] += work
    assert slept == [0, 14, 14, 0, 0]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--start", "yesterday"], "--start: is 'yesterday'; seconds since 1970, or a time such as"),
        (["--start", "2026-04-02", "--end", "2026-04-01"], "--start: is not before --end; an earlier time is expected"),
        (["--start", "2020-01-01", "--end", "2020-01-02"], "the query gives no series there"),
    ],
)
def test_what_cannot_be_is_said(tmp_path, url, capsys, more, said):
    file = configuration(tmp_path, url, 0.99)
    assert main(["replay", "load", "--config.file", str(file), *more]) in (1, 2)
    assert said in capsys.readouterr().err


def test_a_pipeline_of_another_name_is_refused(tmp_path, url, capsys):
    file = configuration(tmp_path, url, 0.99)
    assert main(["replay", "lood", "--config.file", str(file), "--start", "2026-04-01"]) == 2
    assert "--pipeline" not in (said := capsys.readouterr().err)
    assert 'pipeline: is "lood", which is no pipeline; load is expected (did you mean load?)' in said


def test_a_zone_that_is_none_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["replay", "load", "--config.file", "x", "--start", "1", "--timezone", "Mars/Base"])
    assert "is 'Mars/Base', which is no time zone; one such as Europe/Berlin is expected" in capsys.readouterr().err


def event(key: SeriesKey, before: AlertLevel, after: AlertLevel, since: int, at: int) -> Event:
    return Event(key, before, after, since, at, f"{after.word}!")


def test_alerts_are_spans_of_events():
    ok, warning, critical = AlertLevel.OK, AlertLevel.WARNING, AlertLevel.CRITICAL
    events = [
        event(A, ok, warning, 10, 10), event(B, ok, critical, 12, 12), event(A, warning, critical, 10, 15),
        event(A, critical, warning, 10, 18), event(A, warning, ok, 10, 20), event(A, ok, warning, 30, 30),
    ]  # fmt: skip
    found = [(a.key, a.since, a.until, a.level, a.cause) for a in alerts_of(events)]
    assert found == [
        (A, 10, 20, critical, "critical!"),
        (B, 12, None, critical, "critical!"),
        (A, 30, None, warning, "warning!"),
    ]


def test_an_alert_has_the_type_that_was_told_last():
    ok, warning, critical = AlertLevel.OK, AlertLevel.WARNING, AlertLevel.CRITICAL
    begins, shifts = (ok, warning, "spike"), (critical, warning, "level_shift")
    told = [begins, (warning, critical, ""), shifts, (warning, ok, "trend_break")]
    events = [replace(event(A, *levels, 10, 10 + i), kind=kind) for i, (*levels, kind) in enumerate(told)]
    kinds = [alerts_of(events[: n + 1])[0].kind for n in range(4)]
    assert kinds == ["spike", "spike", "level_shift", "trend_break"]


def test_alerts_that_overlap_are_one():
    ok, warning = AlertLevel.OK, AlertLevel.WARNING

    def spans(*times: tuple[int, int]):
        return alerts_of(
            event(A, *levels, since, at)
            for since, until in times
            for levels, at in (((ok, warning), since), ((warning, ok), until))
        )

    found = difference(spans((10, 20), (30, 40), (50, 60)), spans((19, 25), (42, 49), (55, 70)))
    assert [one.since for one in found.first] == [30]
    assert [one.since for one in found.second] == [42]
    assert [(one.since, other.since) for one, other in found.both] == [(10, 19), (50, 55)]
