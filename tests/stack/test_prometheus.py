"""The stack's Prometheus and Alertmanager: their files, checked by their own programs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "prometheus"
START = PROMETHEUS / "alertmanager/start.sh"
SLACK = {"SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/very/secret", "SLACK_CHANNEL": "#it's: on call"}
MAIL = {"SMTP_SMARTHOST": "mail:587", "SMTP_FROM": "sentio@example.org", "SMTP_TO": "a@example.org, b@example.org"}
LOGIN = {"SMTP_USERNAME": "sentio", "SMTP_PASSWORD": "p'\"\\ {{ x }}"}


def run(*command: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not on PATH; on Debian: apt-get install prometheus prometheus-alertmanager")
    own = {"PATH": os.environ["PATH"], **(environment or {})}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=own)


def test_promtool_accepts_the_configuration_and_the_rules() -> None:
    done = run("promtool", "check", "config", str(PROMETHEUS / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Checking {PROMETHEUS}/rules/sentio.yml" in done.stdout


def test_the_rules_fire_when_they_should_and_only_then() -> None:
    done = run("promtool", "test", "rules", *map(str, sorted((PROMETHEUS / "tests").glob("*.yml"))))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_is_tested_to_fire_and_explained() -> None:
    rules = [
        r
        for f in (PROMETHEUS / "rules").glob("*.yml")
        for g in yaml.safe_load(f.read_text())["groups"]
        for r in g["rules"]
    ]
    fired = {
        case["alertname"]
        for file in (PROMETHEUS / "tests").glob("*.yml")
        for test in yaml.safe_load(file.read_text())["tests"]
        for case in test["alert_rule_test"]
        if case["exp_alerts"]
    }  # fmt: skip
    assert {rule["alert"] for rule in rules} == fired
    for rule in rules:
        of_the_level = "{{ if eq $value 3.0 }}critical{{ else }}warning{{ end }}"
        assert rule["labels"]["severity"] in {"warning", "critical", of_the_level}
        assert rule["annotations"]["runbook_url"].endswith(f"/runbook#{rule['alert']}")


def test_the_job_of_sentio_keeps_the_labels_of_its_series() -> None:
    jobs = {
        job["job_name"]: job for job in yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    }
    assert jobs["sentio"]["honor_labels"] is True
    assert jobs["scenario"]["honor_labels"] is True


@pytest.mark.parametrize(
    "environment", [{}, SLACK, MAIL, {**SLACK, **MAIL, **LOGIN}], ids=["none", "slack", "mail", "all"]
)
def test_amtool_accepts_what_the_environment_makes(environment: dict[str, str], tmp_path: Path) -> None:
    made = run("sh", str(START), "--print", str(tmp_path), environment=environment)
    assert made.returncode == 0, made.stderr
    file = tmp_path / "alertmanager.yml"
    done = run("amtool", "check-config", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    (receiver,) = yaml.safe_load(file.read_text())["receivers"]
    assert ("slack_configs" in receiver) == ("SLACK_CHANNEL" in environment)
    assert ("email_configs" in receiver) == ("SMTP_TO" in environment)
    for sent in receiver.get("slack_configs", []):
        assert sent["channel"] == SLACK["SLACK_CHANNEL"]
        assert Path(sent["api_url_file"]).read_text() == SLACK["SLACK_WEBHOOK_URL"]
    for sent in receiver.get("email_configs", []):
        assert sent["to"] == MAIL["SMTP_TO"]
        assert ("auth_password_file" in sent) == ("SMTP_PASSWORD" in environment)
        if "auth_password_file" in sent:
            assert Path(sent["auth_password_file"]).read_text() == LOGIN["SMTP_PASSWORD"]


def test_secrets_are_in_files_of_their_own_that_nobody_else_reads(tmp_path: Path) -> None:
    made = run("sh", str(START), "--print", str(tmp_path), environment={**SLACK, **MAIL, **LOGIN})
    said = (tmp_path / "alertmanager.yml").read_text() + made.stdout + made.stderr
    assert "very/secret" not in said
    assert LOGIN["SMTP_PASSWORD"] not in said
    assert {file.stat().st_mode & 0o077 for file in tmp_path.iterdir()} == {0}


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({**MAIL, "SMTP_FROM": ""}, "SMTP_FROM: is not set, and SMTP_SMARTHOST is; the sender's address is expected"),
        (
            {**MAIL, "SMTP_TO": ""},
            "SMTP_TO: is not set, and SMTP_SMARTHOST is; an address, or several with commas, is expected",
        ),
        (
            {**MAIL, "SMTP_SMARTHOST": ""},
            "SMTP_SMARTHOST: is not set, and SMTP_TO or SMTP_FROM is; host:port is expected",
        ),
        ({**MAIL, "SMTP_SMARTHOST": "mail"}, "SMTP_SMARTHOST: is mail; host:port is expected"),
        ({**MAIL, "SMTP_SMARTHOST": "mail:2x5"}, "SMTP_SMARTHOST: is mail:2x5; host:port is expected"),
        ({**MAIL, "SMTP_SMARTHOST": ":25"}, "SMTP_SMARTHOST: is :25; host:port is expected"),
        (
            LOGIN,
            "SMTP_SMARTHOST: is not set, and SMTP_USERNAME or SMTP_PASSWORD is; host:port is expected",
        ),
        (
            {**MAIL, **LOGIN, "SMTP_PASSWORD": ""},
            "SMTP_PASSWORD: is not set, and SMTP_USERNAME is; its password is expected",
        ),
        (
            {**MAIL, **LOGIN, "SMTP_USERNAME": ""},
            "SMTP_USERNAME: is not set, and SMTP_PASSWORD is; the name that it belongs to is expected",
        ),
        (
            {**SLACK, "SLACK_WEBHOOK_URL": ""},
            "SLACK_WEBHOOK_URL: is not set, and SLACK_CHANNEL is; the webhook's address is expected",
        ),
        ({"SLACK_WEBHOOK_URL": "hooks.slack.com/x"}, "SLACK_WEBHOOK_URL: is no address; https://… is expected"),
        ({**MAIL, "SMTP_REQUIRE_TLS": "no"}, "SMTP_REQUIRE_TLS: is no; true or false is expected"),
        ({"SLACK_WEBHOOK_URL": "a\nb"}, "SLACK_WEBHOOK_URL: has more than one line; one line is expected"),
    ],
)
def test_a_bad_environment_is_refused_in_one_line(environment: dict[str, str], text: str, tmp_path: Path) -> None:
    made = run("sh", str(START), "--print", str(tmp_path), environment=environment)
    assert (made.returncode, made.stderr) == (2, f"alertmanager: {text}\n")
    assert list(tmp_path.iterdir()) == []
