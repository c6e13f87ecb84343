"""``sentio restream``: a file through the service itself, at its own pace times a number."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from sentio.cli import main
from sentio.detection.plan import Wanted, plan
from sentio.detection.restream import Restreamed, moved
from sentio.detection.run import Request
from sentio.errors import SensorsError
from sentio.tables.reader import Choice, open_table
from sentio.tables.whole import samples_of
from sentio.types import SECOND, Window
from tests.detection.test_detect import BEGIN, spiky, table
from tests.faulty import FaultyServer, answer, text
from tests.servers import PATIENCE_S, free_port
from tests.service.support import metric

VALUE = 'sentio_value{field="speed",metric="cars",query="cars"}'
NOW = 1_800_000_000 * SECOND + 123_456_789


def cars(path: Path, rows: int = 120, at: int = 100) -> Path:
    return table(
        path, ("time", [BEGIN + i for i in range(rows)]), ("speed", spiky(rows, at)), ("rpm", spiky(rows, at, 2))
    )


@contextmanager
def running(*arguments: object):
    command = [sys.executable, "-m", "sentio", "restream", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def page(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as response:
            return response.read().decode()
    except OSError:
        return ""


def test_every_row_is_published_and_told_and_it_ends(tmp_path):
    port = free_port()
    with FaultyServer(answer(text("ok"))) as hook:
        config = tmp_path / "sinks.yml"
        config.write_text(f"sinks: {{hook: {{type: webhook, url: '{hook.url}'}}}}\n")
        file = cars(tmp_path / "cars.csv")
        with running(
            file, "--speed", 20, "--config.file", config, "--web.listen-address", f"127.0.0.1:{port}"
        ) as process:
            last, until, samples = "", time.monotonic() + 60, 0.0
            while process.poll() is None and time.monotonic() < until:
                seen = page(port)
                last = seen if VALUE in seen else last  # once no sample comes any more, there is no value
                samples = max(samples, metric(seen, 'sentio_samples_total{query="cars"}') or 0)
                time.sleep(0.1)
            out, err = process.communicate()
        assert process.returncode == 0, err
        assert re.match(r"240 rows in \d+ s, 20 times as fast|120 rows in 6 s, 20 times as fast: http://", out), out
        assert metric(last, VALUE) is not None
        assert metric(last, 'sentio_output{field="rpm",metric="cars",query="cars",output="distance"}') is not None
        assert samples >= 200
        told = [json.loads(request.body) for request in hook.requests]
        assert any("speed" in json.dumps(one) for one in told), told


def test_it_stays_where_it_is_asked_to(tmp_path):
    port = free_port()
    with running(
        cars(tmp_path / "cars.csv", 40, 30), "--speed", 40, "--stay", "--web.listen-address", f"127.0.0.1:{port}"
    ) as process:
        done = 'sentio_samples_total{query="cars"}'
        until = time.monotonic() + 60
        while (metric(page(port), done) or 0) < 80 and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(1.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0


def wanted(path: Path, speed: float, detector: str = "gaussian1d", *changes: str) -> Wanted:
    return Wanted(str(path), Choice(), speed, Request(detector, changes), NOW)


def samples(path: Path):
    with open_table(path, now=NOW) as opened:
        return samples_of(opened)


@pytest.mark.parametrize("speed", [1, 10, 4, 0.5, 3])
def test_each_sample_has_a_step_of_its_own(tmp_path, speed):
    file = cars(tmp_path / "cars.csv")
    planned = plan(samples(file), wanted(file, speed), NOW)
    assert planned.lost == 0
    assert planned.rows == 120
    assert planned.first % planned.step == 0
    assert planned.first > NOW + 2 * SECOND
    options = json.loads(planned.over[0][1])["sources"]["restream"]
    source = Restreamed(
        Restreamed.Options.model_validate_json(json.dumps({k: v for k, v in options.items() if k != "type"}))
    )
    read = source.read("*", Window(planned.first, planned.last + planned.step, planned.step))
    expected = samples(file).groups[()][1]
    there = np.isfinite(read.values).all(axis=0)
    assert there.sum() == 120
    np.testing.assert_array_equal(read.values[:, there], expected)
    assert not there[120:].any()


def test_the_first_batch_is_history_once_more(tmp_path):
    file = cars(tmp_path / "cars.csv", 1200, 1100)
    planned = plan(samples(file), wanted(file, 10), NOW)
    document = json.loads(planned.over[0][1])
    source = document["sources"]["restream"]
    assert source["batch"] == 600
    assert tuple(name for name, _ in planned.over if "batch" in name) == ("--set detector.batch",)
    options = Restreamed.Options.model_validate_json(json.dumps({k: v for k, v in source.items() if k != "type"}))
    times, values = moved(samples(file), options).groups[()]
    assert (np.diff(times) > 0).all()
    assert times[599] == source["history_end"] < NOW
    np.testing.assert_array_equal(values[:, :600], values[:, 600:1200])
    assert times[600] == planned.first


def test_what_is_trained_has_had_the_first_samples(tmp_path):
    file = cars(tmp_path / "cars.csv", 1000, 900)
    planned = plan(samples(file), wanted(file, 10, "prophet"), NOW)
    assert planned.rows == 850
    options = json.loads(planned.over[0][1])["sources"]["restream"]
    assert options["since"] == (BEGIN + 150) * SECOND
    assert options["batch"] == 0


def test_rows_that_are_too_near_are_told(tmp_path):
    file = table(tmp_path / "a.csv", ("time", [0, 10, 20, 30, 31, 40, 50, 60]), ("a", list(range(8))))
    assert plan(samples(file), wanted(file, 1), NOW).lost == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-"], 4, "standard input: cannot be read twice"),
        (["no.csv"], 4, "no.csv: is not there"),
        (["FILE", "--detector", "gausian1d"], 2, "which is no detector"),
        (["FILE", "--param", "threshold=7"], 2, "--param threshold: is 7"),
        (["FILE", "--config.file", "no.yml"], 2, "no.yml"),
    ],
)
def test_what_cannot_be_is_said(tmp_path, capsys, monkeypatch, arguments, code, said):
    monkeypatch.chdir(tmp_path)
    file = cars(tmp_path / "cars.csv", 10, 5)
    assert main(["restream", *(str(file) if a == "FILE" else a for a in arguments)]) == code
    assert said in capsys.readouterr().err


def test_one_time_is_no_pace(tmp_path):
    file = table(tmp_path / "a.csv", ("time", [1]), ("a", [1]))
    with pytest.raises(SensorsError, match="has samples of one time only; at least two times are expected"):
        plan(samples(file), wanted(file, 1), NOW)


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "inf"])
def test_a_speed_that_is_none(capsys, speed):
    with pytest.raises(SystemExit):
        main(["restream", "a.csv", "--speed", speed])
    assert f"is '{speed}'; a number above 0, such as 10, is expected" in capsys.readouterr().err
