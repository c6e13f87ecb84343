"""The runbook has what the rules refer to, and says what is so."""

from __future__ import annotations

import http.client
import re
import shutil
import subprocess
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
import yaml

from sentio.web.advice import SECTIONS, Look, Section
from sentio.web.runbook import render
from tests.docs.pages import ROOT, named
from tests.service.support import config_text, prometheus, running

RULES = [
    rule
    for file in sorted((ROOT / "prometheus/rules").glob("*.yml"))
    for group in yaml.safe_load(file.read_text("utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
]
DOCUMENTS = "\n".join(file.read_text("utf-8") for file in (ROOT / "docs").glob("*.md"))
METRICS = named((ROOT / "docs/metrics.md").read_text("utf-8"))
LOOKS = [look for section in SECTIONS for look in section.look]


class Seen(HTMLParser):
    """The tags, anchors and links of a page, and what a browser would show."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.shown = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name == "href"]

    def handle_data(self, data):
        self.shown += data


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runbook")
    with prometheus(series=1, hours=0.1) as server:
        (folder / "sentio.yml").write_text(config_text(server.url, folder / "db"))
        with running([folder / "sentio.yml"]) as (_, web):
            yield web


def fetch(web, path: str) -> tuple[http.client.HTTPResponse, str]:
    connection = http.client.HTTPConnection(web.host, web.port, timeout=60)
    connection.request("GET", path)
    response = connection.getresponse()
    return response, response.read().decode()


def test_every_alert_has_a_section_and_every_section_an_alert():
    alerts = [section.alert for section in SECTIONS]
    assert sorted(alerts) == sorted({rule["alert"] for rule in RULES}), "one may have several rules"


def test_the_served_page_has_what_the_rules_link_to(web):
    response, page = fetch(web, "/runbook")
    assert response.status == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    seen = Seen(page)
    assert len(seen.ids) == len(set(seen.ids))
    for rule in RULES:
        link = urlsplit(rule["annotations"]["runbook_url"])
        assert (link.path, link.fragment) == ("/runbook", rule["alert"])
        assert link.fragment in seen.ids
    assert [link for link in seen.links if link.startswith("#")] == [f"#{name}" for name in seen.ids]


def test_the_two_pages_link_each_other(web):
    assert "runbook" in Seen(fetch(web, "/")[1]).links
    assert "./" in Seen(fetch(web, "/runbook")[1]).links


def test_nothing_of_the_request_is_on_the_page(web):
    assert fetch(web, "/runbook?q=%3Cscript%3Eboom")[1] == fetch(web, "/runbook")[1]


def test_every_text_is_escaped():
    evil = "<script>boom</script>\"&'"
    look = (Look(evil, query=evil), Look(evil, command=evil))
    page = Seen(render([Section(evil, evil, look, (evil,), (evil,), (f"`{evil}`",))]))
    assert "script" not in page.tags
    assert page.shown.count(evil) == 10
    assert page.ids == [evil]


def test_every_section_says_something_of_everything():
    for section in SECTIONS:
        assert all((section.means, section.look, section.causes, section.do, section.tune)), section.alert
        assert any(look.query or look.command for look in section.look), section.alert


def test_every_metric_on_the_page_exists():
    names = set(re.findall(r"\bsentio_\w+", render(SECTIONS)))
    assert len(names) > 10
    known = {*METRICS, *(f"{name}_bucket" for name, (kind, *_) in METRICS.items() if kind == "histogram")}
    assert not names - known


def test_every_name_in_the_prose_is_documented():
    """Options, reasons, commands: what stands in backquotes is in a document, but for the PromQL in it."""
    texts = [text for s in SECTIONS for text in (s.means, *(look.text for look in s.look), *s.causes, *s.do, *s.tune)]
    names = {name for text in texts for name in re.findall(r"`([^`]+)`", text)}
    assert len(names) > 30
    promql = {name for name in names if re.search(r"[({>]", name)}
    of_the_rule = {"for", "scrape_timeout"}
    documented = {name for name in names if re.search(rf"`[^`\n]*{re.escape(name)}[^`\n]*`", DOCUMENTS)}
    assert not names - promql - of_the_rule - documented


def test_the_words_for_times_are_those_of_the_rules():
    """The page says in words what the rules say in numbers."""
    rules = {rule["alert"]: rule for rule in RULES}
    assert rules["SentioAnomaly"]["expr"].startswith("sentio_alert_level >= 2 unless")
    assert rules["SentioAnomaly"]["for"] == "30s"
    assert rules["SentioCoverageLow"]["expr"].endswith("(sentio_forecast_nominal_coverage_ratio) - 0.02")
    assert rules["SentioCoverageLow"]["for"] == "1d"
    assert "> 0.5" in rules["SentioForecastFallback"]["expr"]
    assert rules["SentioForecastFallback"]["for"] == "1h"
    assert rules["SentioSeriesMissing"]["for"] == "1m"
    assert rules["SentioDatasourceDown"]["for"] == "2m"
    assert (
        "sentio_data_age_seconds > 300 or sentio_model_age_seconds > 6 * 3600" in rules["SentioForecastStale"]["expr"]
    )
    assert "[15m]" in rules["SentioTicksSkipped"]["expr"]
    assert "[30m]" in rules["SentioSeriesLeftOut"]["expr"]


def test_prometheus_understands_every_query(tmp_path):
    if not shutil.which("promtool"):
        pytest.skip("promtool is missing; on Debian: apt-get install prometheus")
    rules = [{"record": f"look:{i}", "expr": look.query} for i, look in enumerate(LOOKS) if look.query]
    assert len(rules) > len(SECTIONS)
    file = tmp_path / "looks.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "looks", "rules": rules}]}), "utf-8")
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
