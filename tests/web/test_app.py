"""The routes, over a socket."""

from __future__ import annotations

import gzip
import http.client
import shutil
import subprocess

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.service.support import config_text, eventually, get, prometheus, running

# What Prometheus 2.42 and 3.5 send.
ACCEPT_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"  # noqa: E501 # one header
ACCEPT_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"  # noqa: E501 # one header


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    folder = tmp_path_factory.mktemp("web")
    with prometheus() as server:
        (folder / "sentio.yml").write_text(config_text(server.url, folder / "db"))
        with running([folder / "sentio.yml"]) as (_, web):
            eventually(lambda: get(f"{web.url}/metrics")[1].count("\nsentio_yhat{") == 3)
            yield web


def fetch(web, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(web.host, web.port, timeout=60)
    connection.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    response = connection.getresponse()
    return response, response.read()


@pytest.mark.parametrize(
    ("accept", "content_type", "parse"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8", parse_text),
        ("text/plain;version=0.0.4", "text/plain; version=0.0.4; charset=utf-8", parse_text),
        ("text/plain;version=1.0.0", "text/plain; version=1.0.0; charset=utf-8; escaping=underscores", parse_text),
        (
            ACCEPT_2,
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
            parse_openmetrics,
        ),
        (
            ACCEPT_3,
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
            parse_openmetrics,
        ),
    ],
)
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_the_metrics_page_in_each_format(web, accept, content_type, parse, encoding):
    response, body = fetch(web, "/metrics", Accept=accept, Accept_Encoding=encoding)
    assert response.status == 200
    assert response.headers["content-type"] == content_type
    assert response.headers.get("content-encoding") == ("gzip" if encoding == "gzip" else None)
    text = (gzip.decompress(body) if encoding == "gzip" else body).decode()
    families = {f.name: f for f in parse(text)}
    assert len(families["sentio_yhat"].samples) == 3
    assert families["sentio_reads"].type == "counter"
    assert all(s.timestamp is None for f in families.values() for s in f.samples)


def test_promtool_has_nothing_to_say(web):
    if not shutil.which("promtool"):
        pytest.skip("promtool is missing; on Debian: apt-get install prometheus")
    page = get(f"{web.url}/metrics")[1]
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_health_and_readiness(web):
    assert get(f"{web.url}/-/healthy") == (200, "Sentio is healthy.\n")
    assert get(f"{web.url}/-/ready") == (200, "Sentio is ready.\n")
    assert get(f"{web.url}/nothing")[0] == 404


def test_a_query_from_a_variable_is_not_on_the_page(tmp_path, monkeypatch):
    monkeypatch.setenv("THE_QUERY", 'load{i="0"}')
    (tmp_path / "sentio.yml").write_text(
        config_text("http://127.0.0.1:1", tmp_path / "db", load="query: !env THE_QUERY")
    )
    with running([tmp_path / "sentio.yml"]) as (service, web):
        eventually(lambda: service.runners()[0].errors["score"])
        page = get(f"{web.url}/")[1]
    assert "<code>&lt;redacted&gt;</code>" in page
    assert "load{" not in page


def test_the_page_is_html_and_links_the_rest(web):
    response, body = fetch(web, "/?q=load&state=ready&page=1")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    text = body.decode()
    for link in ('href="metrics"', 'href="-/healthy"', 'href="-/ready"'):
        assert link in text
    assert text.count("<svg") == 3
