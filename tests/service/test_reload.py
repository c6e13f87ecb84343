"""Start and reload: a bad file is refused with every problem in it, and changes nothing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sentio import build
from sentio.cli import main
from sentio.config.load import load
from sentio.runner import STOP_S
from tests.config.bad_configs import BAD_CONFIGS
from tests.servers import PATIENCE_S, free_port
from tests.service import saver
from tests.service.support import config_text, eventually, get, metric, prometheus, running

NOWHERE = "http://127.0.0.1:1"
IDS = [bad.path.stem for bad in BAD_CONFIGS]


def bands(page: str, alias: str = "load") -> list[str]:
    return [line for line in page.splitlines() if line.startswith("sentio_yhat{") and f'query="{alias}"' in line]


def test_there_are_enough_of_them():
    assert len(BAD_CONFIGS) >= 25
    assert all(bad.problems for bad in BAD_CONFIGS)


@pytest.mark.parametrize("bad", BAD_CONFIGS, ids=IDS)
def test_at_start_a_bad_file_is_refused(bad, capsys):
    assert main(["serve", f"--config.file={bad.path}"]) == 2
    assert capsys.readouterr().err.splitlines() == list(bad.problems)


@pytest.mark.parametrize("bad", BAD_CONFIGS, ids=IDS)
def test_check_says_the_same(bad, capsys):
    assert main(["check", str(bad.path)]) == 2
    assert capsys.readouterr().err.splitlines() == list(bad.problems)


def test_on_reload_a_bad_file_changes_nothing(tmp_path, caplog):
    good = tmp_path / "sentio.yml"
    with prometheus() as server:
        good.write_text(config_text(server.url, tmp_path / "db"))
        paths = [good]
        with running(paths, lifecycle=True) as (service, web):
            eventually(lambda: len(bands(get(f"{web.url}/metrics")[1])) == 3)
            service._scheduler._scheduler.remove_job("chore reload")  # which would refuse some of them once more
            accepted = metric(get(f"{web.url}/metrics")[1], "sentio_config_last_reload_success_timestamp_seconds")
            before = service.config
            for bad in BAD_CONFIGS:
                paths[:] = [bad.path]
                caplog.clear()
                status, said = get(f"{web.url}/-/reload", "POST")
                assert status == 400
                assert said.splitlines()[1:] == list(bad.problems)
                assert [f"configuration refused: {p}" for p in bad.problems] == caplog.messages
                status, page = get(f"{web.url}/metrics")
                assert status == 200
                assert metric(page, "sentio_config_last_reload_successful") == 0
                assert metric(page, "sentio_config_last_reload_success_timestamp_seconds") == accepted
                assert service.config is before
                assert len(bands(page)) == 3
            paths[:] = [good]
            assert get(f"{web.url}/-/reload", "POST")[0] == 200
            assert metric(get(f"{web.url}/metrics")[1], "sentio_config_last_reload_successful") == 1


def test_an_unchanged_pipeline_keeps_its_state_and_the_others_come_and_go(tmp_path):
    path = tmp_path / "sentio.yml"
    with prometheus() as server:
        path.write_text(config_text(server.url, tmp_path / "db", kept="query: load", gone='query: "load{i=\\"0\\"}"'))
        with running([path]) as (service, web):
            eventually(lambda: len(bands(get(f"{web.url}/metrics")[1], "gone")) == 1)
            eventually(lambda: len(bands(get(f"{web.url}/metrics")[1], "kept")) == 3)
            kept, state = service.runners()[0], service.runners()[0].state
            path.write_text(
                config_text(server.url, tmp_path / "db", new='query: "load{i=\\"1\\"}"', kept="query: load")
            )
            assert service.reload() is None
            assert [r.line.alias for r in service.runners()] == ["new", "kept"]
            assert service.runners()[1] is kept
            assert kept.state is state
            page = get(f"{web.url}/metrics")[1]
            assert bands(page, "gone") == []
            assert len(bands(page, "kept")) == 3
            assert 'sentio_series{query="gone"' not in page
            eventually(lambda: len(bands(get(f"{web.url}/metrics")[1], "new")) == 1)


def test_detectors_that_hang_hold_up_neither_a_reload_nor_the_end(tmp_path, caplog):
    path = tmp_path / "sentio.yml"
    with prometheus() as server:
        path.write_text(
            config_text(server.url, tmp_path / "db", gone="query: load", **{f"p{i}": "query: load" for i in range(3)})
        )
        with running([path]) as (service, web):
            eventually(lambda: all(r.state.keys and r._trained for r in service.runners()))
            for runner in service.runners():
                runner._lock.__enter__()  # what a detector that hangs leaves
            path.write_text(config_text(server.url, tmp_path / "db", **{f"p{i}": "query: load" for i in range(3)}))
            began = time.monotonic()
            assert service.reload() is None
            assert bands(get(f"{web.url}/metrics")[1], "gone") == []
            assert time.monotonic() - began < 2 * STOP_S
            began = time.monotonic()
        assert time.monotonic() - began < 4 * STOP_S
    texts = [m for m in caplog.messages if "its state is not saved once more" in m]
    assert sorted(t.split(":")[0] for t in texts) == [f"pipeline {alias}" for alias in ("gone", "p0", "p1", "p2")]


def test_a_pipeline_whose_horizons_change_is_not_learned_anew(tmp_path):
    path = tmp_path / "sentio.yml"
    with prometheus() as server:
        path.write_text(config_text(server.url, tmp_path / "db"))
        with running([path]) as (service, web):
            eventually(lambda: len(bands(get(f"{web.url}/metrics")[1])) == 3)
            fitted = service.runners()[0].state["fitted_at"].tolist()
            path.write_text(config_text(server.url, tmp_path / "db", load="query: load, forecast: {horizons: [2h]}"))
            assert service.reload() is None
            page = get(f"{web.url}/metrics")[1]
            assert page.count('horizon="2h"') == 9
            assert 'horizon="5m"' not in page
            assert service.runners()[0].state["fitted_at"].tolist() == fitted


def test_a_dropped_runner_saves_nothing_in_its_successors_name(tmp_path, monkeypatch):
    path = tmp_path / "sentio.yml"
    path.write_text(config_text(NOWHERE, tmp_path / "db"))
    with running([path]) as (service, _):
        old, before = service.runners()[0], build.fingerprint(service.config.pipelines["load"])
        monkeypatch.setattr(old, "snapshot", lambda: saver.state(1.0))
        path.write_text(config_text(NOWHERE, tmp_path / "db", load="query: load + 1"))
        assert service.reload() is None
        after = build.fingerprint(service.config.pipelines["load"])
        assert service._store.load("load", before) is not None, "saved as it was dropped"
        old._save(saver.state(2.0))
        assert service._store.load("load", after) is None
        assert service._store.load("load", before)["m"][0] == 1.0


def test_a_source_of_another_name_leaves_no_gauge_of_the_old_one(tmp_path):
    path = tmp_path / "sentio.yml"
    text = config_text(NOWHERE, tmp_path / "db")
    path.write_text(text)
    with running([path]) as (service, web):
        old = 'sentio_datasource_up{query="load",source="main"}'
        eventually(lambda: old in get(f"{web.url}/metrics")[1])
        eventually(lambda: not service._scheduler._runs)
        path.write_text(text.replace("main", "other"))
        assert service.reload() is None
        assert old not in get(f"{web.url}/metrics")[1]


def test_what_the_bands_are_to_hold_is_told_of_those_that_the_judge_draws(tmp_path):
    path = tmp_path / "sentio.yml"
    narrow, name = "query: load, detector: {interval_width: 0.9}", "sentio_forecast_nominal_coverage_ratio"
    texts = [
        config_text(NOWHERE, tmp_path / "db", **{"load": query, "other": "query: load, detector: {type: mad}"})
        for query in (narrow, narrow.replace("0.9", "0.95"), f"{narrow}, judgement: {{enabled: false}}")
    ]
    path.write_text(texts[0])
    with running([path]) as (service, web):
        for text, told in zip(texts, (0.9, 0.95, None), strict=True):
            path.write_text(text)
            assert service.reload() is None
            page = get(f"{web.url}/metrics")[1]
            assert metric(page, f'{name}{{query="load"}}') == told
            assert metric(page, f'{name}{{query="other"}}') is None


def test_a_defect_while_it_is_taken_changes_nothing(tmp_path, monkeypatch, caplog):
    path, real = tmp_path / "sentio.yml", build.runner
    path.write_text(config_text(NOWHERE, tmp_path / "db", a="query: a", b="query: b"))

    def runner(config, alias, **more):
        if alias == "b":
            raise RuntimeError("a defect")
        return real(config, alias, **more)

    with running([path], lifecycle=True) as (service, web):
        before, runners, jobs = service.config, service.runners(), dict(service._scheduler._jobs)
        monkeypatch.setattr(build, "runner", runner)
        path.write_text(config_text(NOWHERE, tmp_path / "db", a="query: a2", b="query: b2"))
        status, said = get(f"{web.url}/-/reload", "POST")
        assert status == 400
        assert "configuration: it could not be taken (RuntimeError); the log says where" in said
        assert service.config is before
        assert service.runners() == runners
        assert service._scheduler._jobs == jobs
        assert not any(r._stopped for r in runners)
        assert metric(get(f"{web.url}/metrics")[1], "sentio_config_last_reload_successful") == 0
        assert any(r.exc_info for r in caplog.records if r.levelname == "ERROR")
        monkeypatch.undo()
        assert service.reload() is None
        assert [r.line.query for r in service.runners()] == ["a2", "b2"]
        assert service.config.pipelines["a"].query == "a2"


def test_a_text_that_cannot_be_read_ends_nothing(tmp_path, monkeypatch):
    path = tmp_path / "sentio.yml"
    path.write_text(config_text(NOWHERE, tmp_path / "db"))
    with running([path]) as (service, _):
        runner = service.runners()[0]

        def unreadable():
            raise PermissionError(13, "no")

        monkeypatch.setattr(service, "_digest", unreadable)
        service._check()
        assert service.reload() is None  # what was there could be read all the same
        monkeypatch.setattr(service, "_load", unreadable)
        assert "PermissionError" in str(service.reload())
        assert service.runners() == [runner]


def test_a_training_is_late_when_the_next_is_due_and_measured_by_that(tmp_path):
    path = tmp_path / "sentio.yml"
    path.write_text(config_text(NOWHERE, tmp_path / "db", load="query: load, train: {every: 30m}"))
    with running([path]) as (service, _):
        late = {job.name: (job.every, job.late_after) for job in service._scheduler._jobs.values()}
        assert late["train"] == (60 * 10**9, 1800 * 10**9)
        assert late["score"][1] is None


def test_a_changed_text_is_noticed(tmp_path):
    path = tmp_path / "sentio.yml"
    with prometheus() as server:
        path.write_text(config_text(server.url, tmp_path / "db"))
        with running([path]) as (service, _):
            runner = service.runners()[0]
            service._check()
            assert service.runners()[0] is runner
            path.write_text(config_text(server.url, tmp_path / "db", load="query: load, ttl: 10m"))
            service._check()
            assert service.runners()[0] is not runner
            path.write_text("nothing")
            service._check()
            assert service.telemetry.reload_ok._value.get() == 0
            assert service.runners()[0].timing.ttl == 600 * 10**9


def test_reload_over_http_is_off_unless_it_is_asked_for(tmp_path):
    path = tmp_path / "sentio.yml"
    path.write_text(config_text("http://127.0.0.1:1", tmp_path / "db"))
    with running([path]) as (_, web):
        assert get(f"{web.url}/-/reload", "POST") == (
            403,
            "reload over HTTP is off; start with --web.enable-lifecycle\n",
        )
        assert get(f"{web.url}/-/reload")[0] == 405


def test_a_secret_is_in_no_refusal_and_no_log(tmp_path, capsys):
    path = tmp_path / "sentio.yml"
    text = config_text("http://127.0.0.1:1", tmp_path / "db")
    auth = "basic_auth: {username: me, password: 'hunter22-secret'}"
    path.write_text(text.replace("retries: 0", f"retries: 0, {auth}, bearer_token_file: /x"))
    assert main(["check", str(path)]) == 2
    shown = capsys.readouterr()
    assert "one of them is expected" in shown.err
    assert "hunter22" not in shown.err + shown.out
    path.write_text(text.replace("retries: 0", f"retries: 0, {auth}"))
    assert "hunter22" not in repr(load([path], os.environ))


@pytest.fixture
def program(tmp_path):
    """``sentio serve`` as a process of its own, over a Prometheus that is not there."""
    port, path, log = free_port(), tmp_path / "sentio.yml", tmp_path / "log"
    path.write_text(config_text("http://127.0.0.1:1", tmp_path / "db"))
    command = [
        sys.executable,
        "-m",
        "sentio",
        "serve",
        f"--config.file={path}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with log.open("w") as out:
        process = subprocess.Popen(command, stderr=out, stdout=out)
    try:
        eventually(lambda: get(f"http://127.0.0.1:{port}/-/ready")[0] == 200)
        yield process, path, log, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def test_hangup_reloads_and_terminate_ends(program):
    process, path, log, url = program
    path.write_text("nonsense: 1")
    process.send_signal(signal.SIGHUP)
    eventually(lambda: "nonsense" in log.read_text())
    assert metric(get(f"{url}/metrics")[1], "sentio_config_last_reload_successful") == 0
    assert get(f"{url}/-/healthy") == (200, "Sentio is healthy.\n")
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0
    lines = Path(log).read_text().splitlines()
    assert all(re.match(r'ts=\S+ level=\w+ logger=\S+ msg=(\S+|".*")$', line) for line in lines), lines


def test_hangup_during_the_start_ends_nothing(tmp_path):
    """As the program is loaded, and as the service is: what it asks for is done by then, or comes after."""
    port, path, log = free_port(), tmp_path / "sentio.yml", tmp_path / "log"
    path.write_text(config_text(NOWHERE, tmp_path / "db"))
    command = [sys.executable, "-X", "importtime", "-m", "sentio", "serve", f"--config.file={path}"]
    with log.open("w") as out:
        process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stderr=out, stdout=out)
    try:
        for module in ("numpy", "pydantic", "sentio.config.load", "requests", "starlette.routing"):
            eventually(lambda name=module: process.poll() is not None or re.search(rf"\| +{name}\n", log.read_text()))
            process.send_signal(signal.SIGHUP)
        eventually(lambda: process.poll() is not None or get(f"http://127.0.0.1:{port}/-/ready")[0] == 200)
        assert process.poll() is None, log.read_text()[-2000:]
    finally:
        process.kill()
        process.wait()


def test_a_port_that_is_taken_is_said(program, tmp_path):
    _, path, _, url = program
    other = tmp_path / "other.yml"
    other.write_text(path.read_text().replace(str(tmp_path / "db"), str(tmp_path / "other-db")))
    address = url.removeprefix("http://")
    done = subprocess.run(
        [sys.executable, "-m", "sentio", "serve", f"--config.file={other}", f"--web.listen-address={address}"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 1
    assert f"sentio: server web: cannot listen on {address}: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr
