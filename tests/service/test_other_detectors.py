"""The whole service with detectors that do not forecast: published, shown, and told apart by name."""

from __future__ import annotations

import json

from tests.service.support import config_text, eventually, get, metric, prometheus, running

SEVERAL = (
    "query: load, detector: {type: several, of: {forecast: {type: prophet}, gauss: {type: gaussian1d}}}, "
    "alerts: {info: gauss.distance >= 0}"
)


def test_they_are_published_and_shown(tmp_path):
    file = tmp_path / "sentio.yml"
    with prometheus() as store:
        text = config_text(
            store.url, tmp_path / "sentio.db", plain="query: load, detector: {type: gaussian1d}", both=SEVERAL
        )
        file.write_text(text)
        with running([file]) as (_, server):
            own = 'sentio_output{i="0",metric="load",query="plain",output="distance"}'
            named = 'sentio_output{i="0",metric="load",query="both",detector="gauss",output="distance"}'
            band = 'sentio_yhat{i="0",metric="load",query="both"}'
            level = 'sentio_alert_level{i="0",metric="load",query="both"}'
            for line in (own, named, band, level):
                eventually(lambda line=line: metric(get(server.url + "/metrics")[1], line) is not None, 60)
            page = get(server.url + "/metrics")[1]
            eventually(lambda: metric(get(server.url + "/metrics")[1], level) == 1, 40)
            assert 'sentio_yhat{i="0",metric="load",query="plain"}' not in page
            for path in ("/", "/?query=plain", "/api/v1/anomalies"):
                assert get(server.url + path)[0] == 200, path
            found = json.loads(get(server.url + "/api/v1/series?query=plain")[1])
            assert found["series"][0]["yhat"] is None
            assert found["series"][0]["score"] is not None
