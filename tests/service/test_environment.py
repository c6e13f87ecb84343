"""The eight variables of the first Sentio, and the names it published."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import numpy as np

from sentio.demo.api import api
from sentio.demo.series import Series
from sentio.demo.tsdb import Tsdb
from sentio.server import Server
from sentio.types import SECOND, SeriesKey
from tests.servers import PATIENCE_S, free_port
from tests.service.support import eventually, get


def test_the_variables_make_a_pipeline_and_the_old_names_are_there(tmp_path):
    store, now = Tsdb(), time.time()
    times = (np.arange(now - 3600, now + 600, 15) * SECOND).astype(np.int64)
    for name in ("web", "db"):
        values = 0.01 * np.abs(np.random.default_rng(len(name)).normal(size=len(times)))  # the band reaches below 0
        key = SeriesKey("docker_cpu", (("container_name", name), ("cpu", "total")))
        store.extend(Series(key, times, values))
    port = free_port()
    with Server(api(store, time.time), name="store") as server:
        variables = {
            "PROMETHEUS": f"{server.url}/api/v1/query",
            "DAYSBACK": "1d",
            "PREDICTION_PERIODS": "30",
            "PREDICTION_FREQUENCY": "s",
            "CHANGEPOINT_PRIOR_SCALE": "1",
            "METRIC_LABEL": "container_name",
            "METRIC_NAME": "cpu",
            "METRIC_TYPE": "docker_cpu",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "sentio", "serve", f"--web.listen-address=127.0.0.1:{port}"],
            env=os.environ | variables,
            cwd=tmp_path,
            stderr=subprocess.DEVNULL,
        )
        try:
            url = f"http://127.0.0.1:{port}/metrics"
            eventually(lambda: get(url)[1].count("\ndocker_cpu_yhat{") == 2)
            page = get(url)[1]
            for edge in ("", "_lower", "_upper"):
                rows = re.findall(rf'^docker_cpu_yhat{edge}\{{container_name="(\w+)"\}} (\S+)$', page, re.MULTILINE)
                assert sorted(name for name, _ in rows) == ["db", "web"]
                assert all(float(value) >= 0 for _, value in rows)
            assert page.count("\nsentio_yhat{") == 2
            assert re.search(r"sentio_yhat_lower\{.*\} -0\.0", page), "only the old names are clamped"
        finally:
            process.terminate()
            assert process.wait(PATIENCE_S) == 0


def test_without_a_configuration_it_says_what_to_do(tmp_path):
    bare = {k: v for k, v in os.environ.items() if not k.startswith(("PROMETHEUS", "METRIC_"))}
    command = [sys.executable, "-m", "sentio", "serve"]
    done = subprocess.run(command, env=bare, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == (
        "sentio serve: there is no sentio.yml here and no --config.file; a configuration is expected, or the variables "
        "PROMETHEUS, METRIC_LABEL, METRIC_NAME, METRIC_TYPE. To look around first: sentio demo\n"
    )
    done = subprocess.run(command, env=bare | {"PROMETHEUS": "nonsense"}, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 4
    assert all(line.startswith("environment: ") for line in done.stderr.splitlines()), done.stderr
