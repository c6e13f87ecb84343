"""``sentio backtest``, as it is called."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sentio.cli import main
from sentio.evaluation import backtest
from sentio.evaluation.labelled import read_file, read_windows, with_windows
from sentio.types import SECOND
from tests.evaluation.made import BEGIN, DAY, STEP, daily, labelled_folder, write_series

CONFIGURATION = """
sources: {here: {type: prometheus, url: "http://127.0.0.1:9"}}
pipelines:
  narrow: {source: here, query: up, detector: {interval_width: 0.5}}
  wide: {source: here, query: up, step: 1m, detector: {interval_width: 0.999}}
"""


def one_file(folder: Path, name: str = "load.csv", *, labels: bool = True) -> Path:
    """Five days, a spike of an hour on the last."""
    values, flags = daily(5 * DAY, 4), np.zeros(5 * DAY, np.int64)
    values[4 * DAY : 4 * DAY + 12] += 60
    flags[4 * DAY : 4 * DAY + 12] = 1
    times = BEGIN + STEP * np.arange(5 * DAY, dtype=np.int64)
    return write_series(folder / name, times, values, flags if labels else None)


def figures(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, Any]]:
    assert main(["backtest", *map(str, arguments), "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_a_folder_in_two_processes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = labelled_folder(tmp_path / "data")
    assert main(["backtest", str(folder), "--out", str(tmp_path / "out"), "--at", "3"]) == 0
    seen = capsys.readouterr()
    assert seen.err == ""  # no progress where nobody watches
    first = seen.out.splitlines()
    assert first[0] == "recall at so many false alarms a series and day, one threshold on anomaly_score for each set"
    assert first[1].split() == [
        "set",
        "series",
        "days",
        "incidents",
        "at",
        "0.05",
        "at",
        "0.1",
        "at",
        "0.2",
        "at",
        "0.5",
    ]
    assert first[2].split() == ["db", "1", "2", "1", "1.000", "1.000", "1.000", "1.000"]
    assert first[3].split() == ["web", "2", "4", "2", "1.000", "1.000", "1.000", "1.000"]
    # In six days one false episode is more than 0.1 a day.
    assert first[4].split()[:4] == ["pooled", "3", "6", "3"]
    assert first[4].split()[-1] == "1.000"
    for title in ("what is flagged (anomaly = 1)", "what anomaly_score >= 3 gives"):
        assert title in first
    assert len({len(line) for line in first[1:5]}) == 1  # aligned
    with (tmp_path / "out/web/one.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["time", "score", "value", "yhat", "lower", "upper", "anomaly"]
    assert [int(row["time"]) for row in rows] == [int(BEGIN // SECOND) + 300 * i for i in range(2 * DAY, 4 * DAY)]
    spike = rows[DAY]
    assert float(spike["score"]) > 1
    assert float(spike["value"]) > float(spike["upper"])
    assert spike["anomaly"] == "1.0"


def test_a_file_with_and_without_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = figures(capsys, one_file(tmp_path))
    assert (found["name"], found["series"], found["incidents"]) == ("file", 1, 1)
    assert found["recall"]["0.1"] == 1.0
    assert found["flagged"]["recall"] == 1.0
    assert 0.5 < found["coverage"] <= 1
    assert found["nab"]["standard"] > 90
    (bare,) = figures(capsys, one_file(tmp_path, "bare.csv.gz", labels=False))
    assert (bare["incidents"], bare["recall"]["0.1"], bare["flagged"]["recall"]) == (0, None, None)
    assert bare["samples"] == found["samples"] == 5 * DAY - int(0.15 * 5 * DAY)


def test_where_some_series_have_labels_their_incidents_count_and_the_others_are_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    folder = labelled_folder(tmp_path)
    with gzip.open(folder / "web" / "two.csv.gz", "rt") as file:
        rows = [line.rsplit(",", 1)[0] for line in file]
    (folder / "web" / "two.csv.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    found = {one["name"]: one for one in figures(capsys, folder, "--set", "detector.type=gaussian1d")}
    assert {name: one["incidents"] for name, one in found.items()} == {"db": 1, "web": 1, "pooled": 2}
    assert found["web"]["flagged"]["recall"] == 1
    said = "series have no labels; whatever is raised there counts as a false alarm"
    assert caplog.messages == [f"web: 1 of 2 {said}", f"pooled: 1 of 3 {said}"]


def test_labels_in_a_file_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = BEGIN // SECOND + 4 * DAY * 300
    labels = tmp_path / "incidents.csv"
    labels.write_text(f"series,start,end\nload,{start},{start + 3300}\n", "utf-8")
    (beside,) = figures(capsys, one_file(tmp_path, labels=False), "--labels", labels)
    (inside,) = figures(capsys, one_file(tmp_path))
    assert beside == inside


def test_windows_that_have_none_of_the_samples_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    start = BEGIN // SECOND + 4 * DAY * 300
    labels = tmp_path / "incidents.csv"
    labels.write_text(f"series,start,end\nload,{start},{start + 3300}\nload,{start - 9 * 86400},{start - 8 * 86400}\n")
    read = with_windows(read_file(one_file(tmp_path), "x", None), read_windows(labels, [("x", "load")]))
    assert read.labels.sum() == 12
    (said,) = caplog.messages
    assert said.startswith("load: 1 of 2 windows of --labels have none of its samples, which are of 20")


def test_settings_from_a_file_and_from_the_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, config = one_file(tmp_path), tmp_path / "sentio.yml"
    config.write_text(CONFIGURATION, "utf-8")
    (narrow,) = figures(capsys, path, "--config.file", config, "--pipeline", "narrow")
    (wide,) = figures(capsys, path, "--config.file", config, "--pipeline", "wide")
    (wider,) = figures(
        capsys, path, "--config.file", config, "--pipeline", "narrow", "--set", "detector.interval_width=0.999"
    )
    assert narrow["coverage"] < wide["coverage"]
    assert wider == wide


def test_a_pipeline_is_read_from_its_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "sentio.yml"
    config.write_text(
        """
        sources: {here: {type: "tests.evaluation.waves:Waves", series: 40}}
        pipelines: {waves: {source: here, query: up, step: 5m, train: {window: 3d}, score: {delay: 1m}}}
        """,
        "utf-8",
    )
    end = int(BEGIN // SECOND)
    labels = tmp_path / "incidents.csv"
    labels.write_text(f'series,start,end\n"up{{i=""3""}}",{end - 7200},{end}\n', "utf-8")
    arguments = ["waves", "--config.file", config, "--end", end, "--warm-up", "2d", "--labels", labels]
    (found,) = figures(capsys, *arguments, "--out", tmp_path / "out")
    assert (found["name"], found["series"], found["incidents"]) == ("waves", 40, 1)
    assert found["days"] == 40 * 2.5  # one and a half times three days, less two to learn from
    assert len(list((tmp_path / "out/waves").iterdir())) == 40
    (shorter,) = figures(capsys, *arguments, "--window", "3d")
    (same,) = figures(capsys, *arguments, "--start", end - 3 * 86400)
    assert shorter == same
    assert shorter["days"] == 40


def test_training_more_often_is_another_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = one_file(tmp_path)
    (daily_,), (hourly,) = figures(capsys, path), figures(capsys, path, "--train-every", "1h", "--warm-up", "1d")
    assert daily_["samples"] != hourly["samples"]
    assert daily_["coverage"] != hourly["coverage"]


def test_another_step_than_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = figures(capsys, one_file(tmp_path), "--set", "step=10m")
    assert found["samples"] == 5 * DAY - int(0.15 * 5 * DAY)
    assert found["scored"] == found["samples"] // 2  # one in each step


def test_a_sample_a_day_is_learned_from_further_back_than_a_configuration_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two weeks of them are too few for a model."""
    values = 100 + np.random.default_rng(8).normal(size=400)
    values[350] = 160
    flags = (np.arange(400) == 350).astype(np.int64)
    path = write_series(tmp_path / "sales.csv", BEGIN + 86_400 * SECOND * np.arange(400, dtype=np.int64), values, flags)
    (found,) = figures(capsys, path)
    assert (found["scored"], found["flagged"]["recall"]) == (340, 1)
    for asked in (("--train-window", "14d"), ("--set", "train.window=14d")):
        assert figures(capsys, path, *asked)[0]["scored"] == 0
    config = tmp_path / "sentio.yml"
    config.write_text(CONFIGURATION, "utf-8")
    assert figures(capsys, path, "--config.file", config, "--pipeline", "wide")[0]["scored"] == 0


def test_a_file_that_is_too_short_for_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "short.csv"
    path.write_text("time,value\n600,2\n0,1\n300,\n", "utf-8")
    (found,) = figures(capsys, path)
    assert (found["samples"], found["scored"], found["coverage"]) == (3, 0, None)
    assert main(["backtest", str(path)]) == 0
    assert capsys.readouterr().err == (
        "file: no sample has a score, for no model was learned before the last one; more samples, or a longer "
        "--train-window, are expected\n"
    )


def test_values_that_are_too_large_for_the_judge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = one_file(tmp_path)
    rows = [line.split(",") for line in path.read_text().splitlines()]
    path.write_text("\n".join([",".join(rows[0]), *(f"{at},{value}e40,{label}" for at, value, label in rows[1:])]))
    assert main(["backtest", str(path)]) == 0
    assert capsys.readouterr().err == (
        "file: no sample has a score, for the judge counts in single precision and values are beyond 3.4e38; smaller "
        "ones, as in another unit, are expected\n"
    )


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = main(["backtest", *map(str, arguments)])
    return code, capsys.readouterr().err.strip()


def test_what_is_refused_and_what_could_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, config = one_file(tmp_path), tmp_path / "sentio.yml"
    config.write_text(CONFIGURATION, "utf-8")
    assert refused(capsys, tmp_path / "none.csv") == (
        2,
        f"DATA: there is no file or folder {tmp_path}/none.csv; one, or a pipeline of --config.file, is expected",
    )
    assert refused(capsys, path, "--config.file", config) == (
        2,
        "--pipeline: is not given; narrow or wide is expected",
    )
    assert refused(capsys, "cpu", "--config.file", config) == (
        2,
        'pipeline: is "cpu", which is no pipeline; narrow or wide is expected',
    )
    assert refused(capsys, path, "--set", "interval_width") == (
        2,
        '--set: is "interval_width"; a key and a value, such as detector.interval_width=0.95, are expected',
    )
    assert refused(capsys, path, "--set", "detector.interval_width=2") == (
        2,
        "--set detector.interval_width:1: pipelines.backtest.detector.interval_width: is 2; "
        "a number up to 0.999999 is expected",
    )
    assert refused(capsys, "narrow", "--config.file", config, "--start", "5", "--end", "4") == (
        2,
        "--start: is not before --end; an earlier time is expected",
    )
    for flag in ("--start", "--end", "--window"):
        assert refused(capsys, path, flag, "1d" if flag == "--window" else "5") == (
            2,
            f"{flag}: is given, and DATA is no pipeline; all of a file or a folder is replayed",
        )
    assert refused(capsys, tmp_path, "--warm-up", "0s") == (
        2,
        "--warm-up: is given, and DATA is a folder; scored_from_index of its manifest, which says it for each series, "
        "is expected",
    )
    assert refused(capsys, "narrow", "--config.file", config, "--pipeline", "wide") == (
        2,
        "--pipeline: is given, and DATA is a pipeline, too; one of the two is expected",
    )
    assert refused(capsys, "narrow", "--config.file", config, "--start", "5", "--window", "1d") == (
        2,
        "--window: is given beside --start; one of the two is expected",
    )
    assert refused(capsys, "narrow", "--config.file", config, "--start", "5", "--end", "0") == (
        2,
        "--start: is not before --end; an earlier time is expected",
    )
    bad = tmp_path / "bad.csv"
    bad.write_text("time,value\n1,x\n", "utf-8")
    assert refused(capsys, bad) == (1, f"sentio: {bad}:2: value is 'x'; a finite number, or nothing, is expected")
    bad.write_text("time,value\n1,1\n2,1\n3,1\n100000000,1\n", "utf-8")
    assert refused(capsys, bad) == (
        1,
        "sentio: bad: its times are 100,000,000 steps of 1 s apart; at most 50,000,000 are expected, "
        "so all times near each other, or a longer step",
    )
    assert refused(capsys, tmp_path) == (
        1,
        f"sentio: {tmp_path}/manifest.csv: cannot be read (No such file or directory); "
        "a CSV file, or one in gzip, is expected",
    )


def test_a_folder_that_cannot_be_written_is_refused_before_the_replay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = one_file(tmp_path)
    monkeypatch.setattr(backtest, "of_file", None)  # and never called
    for out, why in ((path, "File exists"), (path / "out", "Not a directory")):
        said = f"sentio: --out {out}: cannot be written ({why}); a folder is expected"
        assert refused(capsys, path, "--out", out) == (1, said)


def test_figures_are_told_where_the_scores_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = one_file(tmp_path), tmp_path / "out"
    (out / "file" / "load.csv").mkdir(parents=True)
    assert main(["backtest", str(path), "--out", str(out)]) == 1
    seen = capsys.readouterr()
    assert "what is flagged (anomaly = 1)" in seen.out
    assert seen.err == f"sentio: --out {out}: cannot be written (Is a directory); a folder is expected\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--workers", "0"], "argument --workers: is '0'; a whole number from 1 is expected"),
        (["--train-every", "0s"], 'argument --train-every: is "0s"; a duration above 0, such as 15s, 5m or 14d, is'),
        (["--at", "nan"], "argument --at: is 'nan'; a finite number, such as 1.5, is expected"),
        (["--at", "high"], "argument --at: is 'high'; a finite number, such as 1.5, is expected"),
        (["--start", "now"], "argument --start: is 'now'; seconds since 1970, or a time such as 2024-05-01T12:00:00Z,"),
    ],
)
def test_calls_that_are_wrong(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["backtest", "x.csv", *arguments])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_the_help_teaches() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sentio", "backtest", "--help"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    for words in (
        "judges each sample by what came before it",
        "PIPELINE the name of a pipeline of --config.file",
        "seldom is faster (default: 1d)",
        "0s: nothing (15% of the samples)",
        "sentio backtest requests.csv --labels incidents.csv --out scores",
    ):
        assert words in text


def test_samples_that_did_not_arrive_are_an_incident_that_can_be_caught(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values, flags = daily(5 * DAY, 4), np.zeros(5 * DAY, np.int64)
    gap = slice(4 * DAY, 4 * DAY + 12)
    values[gap], flags[gap] = np.nan, 1
    file = write_series(tmp_path / "load.csv", BEGIN + STEP * np.arange(5 * DAY, dtype=np.int64), values, flags)
    (found,) = figures(capsys, file, "--out", tmp_path / "out")
    assert (found["incidents"], found["flagged"]["recall"]) == (1, 1.0)
    with (tmp_path / "out" / "file" / "load.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if not row["value"]]
    assert rows
    assert {float(row["anomaly"]) for row in rows} == {1.0}
