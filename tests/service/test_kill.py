"""``kill -9`` at any moment: the next start publishes the last bands, soon, and without fitting first."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.scenario.support import processes
from tests.servers import PATIENCE_S, free_port
from tests.service import saver
from tests.service.support import config_text, eventually, get, metric, prometheus, running

NOWHERE = "http://127.0.0.1:1"
KILLS = 50


def lines(page: str, name: str) -> dict[str, float]:
    rows = [line for line in page.splitlines() if line.startswith(f"{name}{{")]
    return {row.partition("{")[2].rpartition("}")[0]: float(row.rpartition(" ")[2]) for row in rows}


def test_fifty_kills_during_a_save(tmp_path):
    """A process saves one of two states over and over, and is killed some time after it has begun one of its saves;
    then a whole service starts over the same file, with no Prometheus to ask, and must publish one of the two,
    complete."""
    config = tmp_path / "sentio.yml"
    config.write_text(config_text(NOWHERE, tmp_path / "sentio.db"))
    rng, seen, in_a_save = random.Random(1), set(), 0
    for _ in range(KILLS):
        started = subprocess.Popen([sys.executable, "-m", "tests.service.saver", str(config)], stdout=subprocess.PIPE)
        assert started.stdout is not None
        assert started.stdout.readline() == b"saving\n"
        told = started.stdout.read(1 + 2 * rng.randrange(6))
        time.sleep(rng.uniform(0, 0.01))
        started.send_signal(signal.SIGKILL)
        started.wait()
        told += started.stdout.read()
        in_a_save += told.count(b"(") > told.count(b")")
        with running([config]) as (service, web):
            page = get(f"{web.url}/metrics")[1]
            assert metric(page, "sentio_store_set_aside_total") == 0
            assert not next(iter(service.telemetry.fits.collect())).samples
            yhat = set(lines(page, "sentio_yhat").values())
            assert len(lines(page, "sentio_yhat")) == saver.SERIES
            assert len(yhat) == 1, "a mixture of two saves"
            assert yhat <= set(saver.LEVELS)
            seen |= yhat
            low, high = lines(page, "sentio_yhat_lower"), lines(page, "sentio_yhat_upper")
            assert all(low[k] < v < high[k] for k, v in lines(page, "sentio_yhat").items())
    assert seen == set(saver.LEVELS), "every kill met the same save"
    assert in_a_save >= KILLS * 0.8


def test_the_whole_program_killed_and_started_again(tmp_path):
    """A real fit, a kill -9, a start with Prometheus gone: the same bands, and no fit."""
    config, port = tmp_path / "sentio.yml", free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        sys.executable,
        "-m",
        "sentio",
        "serve",
        f"--config.file={config}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with prometheus() as server:
        config.write_text(config_text(server.url, tmp_path / "sentio.db"))
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            eventually(lambda: (metric(get(f"{url}/metrics")[1], "sentio_store_saves_total") or 0) >= 1)
            before = lines(get(f"{url}/metrics")[1], "sentio_yhat")
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert len(before) == 3
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: len(lines(get(f"{url}/metrics")[1], "sentio_yhat")) == 3)
        page = get(f"{url}/metrics")[1]
        after = lines(page, "sentio_yhat")
        assert after.keys() == before.keys()
        # The model is the same; only the time it is evaluated at has gone on by some seconds.
        np.testing.assert_allclose(list(after.values()), list(before.values()), rtol=0.05)
        assert metric(page, "sentio_fits_total{") is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()


def workers(folder: Path) -> list[int]:
    """Those of the pool of a Sentio that has its temporary files there: each leads a session."""
    mark = f"TMPDIR={folder}\0".encode()
    return [one.pid for one in processes() if one.pid == one.session and mark in one.environ]


def test_a_stop_does_not_wait_for_fits(tmp_path):
    """For fits that never end: their workers are held still."""
    config, port = tmp_path / "sentio.yml", free_port()
    # Enough of them that the first fit is far from being the last.
    with prometheus(series=150, hours=24) as server:
        config.write_text(
            config_text(
                server.url,
                tmp_path / "sentio.db",
                load="query: load, train: {window: 1d}, detector: {type: prophet, engine: stan}",
            )
        )
        command = [
            sys.executable,
            "-m",
            "sentio",
            "serve",
            f"--config.file={config}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)}
        )
        try:
            # What a fit writes while it lasts; the kernels may have to be compiled first.
            eventually(lambda: list(tmp_path.glob("sentio-work-*/*/*")), within_s=5 * PATIENCE_S)
            held = workers(tmp_path)
            assert held
            for worker in held:
                os.kill(worker, signal.SIGSTOP)
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=PATIENCE_S)
        finally:
            for worker in workers(tmp_path):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
            process.kill()
            process.wait()
    assert process.returncode == 0
    assert "Traceback" not in said
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith("sentio.")] == []


@pytest.mark.parametrize("what", ["garbage", "gone"])
def test_a_start_over_a_damaged_store_goes_on(tmp_path, what):
    config, store = tmp_path / "sentio.yml", tmp_path / "sentio.db"
    config.write_text(config_text(NOWHERE, store))
    if what == "garbage":
        Path(store).write_bytes(b"garbage" * 1000)
    with running([config]) as (_, web):
        page = get(f"{web.url}/metrics")[1]
        assert metric(page, "sentio_store_set_aside_total") == (what == "garbage")
        assert lines(page, "sentio_yhat") == {}
