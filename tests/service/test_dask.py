"""`executor: {type: dask}`: a service whose cluster is not there yet, and then is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dask.cluster import DaskCluster
from tests.service.support import config_text, eventually, get, metric, prometheus, running

LEAST = "{engine: stan, growth: flat, yearly_seasonality: false, weekly_seasonality: false, daily_seasonality: false}"


def test_score_ticks_go_on_without_the_cluster_and_fits_are_made_once_it_is_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentio.dask.cluster._CONNECT_S", 3.0)
    config = tmp_path / "sentio.yml"
    pipeline = f"query: load, step: 1s, train: {{window: 10m, every: 1s}}, detector: {LEAST}"
    with DaskCluster(tmp_path / "dask") as cluster, prometheus() as server:
        text = config_text(server.url, tmp_path / "db", load=pipeline)
        config.write_text(f"{text}executor: {{type: dask, scheduler: '{cluster.address}'}}\n")
        with running([config]) as (service, web):

            def count(line: str) -> float:
                return metric(get(f"{web.url}/metrics")[1], line) or 0

            failed, judged = (
                f'sentio_ticks_total{{outcome="{outcome}",query="load",tick="{tick}"}}'
                for tick, outcome in (("train", "failed"), ("score", "ok"))
            )
            eventually(lambda: count(failed) >= 2)
            before = count(judged)
            eventually(lambda: count(judged) > before)
            page = get(f"{web.url}/metrics")[1]
            assert page.count("\nsentio_value{") == 3
            assert "\nsentio_yhat{" not in page
            assert 'sentio_series{query="load",state="failed"} 0' in page
            assert f"executor {cluster.address}: cannot be used (Connection refused)" in caplog.text
            cluster.start()
            cluster.add_worker()
            eventually(lambda: get(f"{web.url}/metrics")[1].count("\nsentio_yhat{") == 3)
            assert count("sentio_executor_queue_size") >= 0
            cluster.stop()
            before = count(judged)
            eventually(lambda: count(judged) > before + 1)
            assert get(f"{web.url}/metrics")[1].count("\nsentio_yhat{") == 3
            assert service.ready
        assert "Traceback" not in caplog.text
