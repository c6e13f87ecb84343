"""Sinks: which there are, and which of them a pipeline's alerts go to."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentio.cli import main
from sentio.config.load import load
from sentio.reports import AlertLevel
from sentio.types import SECOND

from .refusals import PIPELINES, SOURCES, loaded, refused

HOOK = "{type: webhook, url: 'http://x'}"
SLACK = "{type: slack, url: 'https://hooks.slack.com/services/T0/B0/hunter2Xyzzy'}"


def with_sinks(sinks: str, pipeline: str = "") -> str:
    return f"{SOURCES}pipelines:\n  cpu: {{source: prometheus, query: up{pipeline}}}\nsinks: {sinks}\n"


def test_every_sink_unless_the_pipeline_says(tmp_path: Path) -> None:
    both = f"{{a: {HOOK}, b: {SLACK}}}"
    assert loaded(tmp_path, SOURCES + PIPELINES).sinks_of("cpu") == ()
    assert loaded(tmp_path, with_sinks(both)).sinks_of("cpu") == ("a", "b")
    assert loaded(tmp_path, with_sinks(both, ", sinks: [b]")).sinks_of("cpu") == ("b",)
    assert loaded(tmp_path, with_sinks(both, ", sinks: []")).sinks_of("cpu") == ()
    text = with_sinks(both) + "defaults: {sinks: [a]}\n"
    assert loaded(tmp_path, text).sinks_of("cpu") == ("a",)


def test_defaults_of_all_sinks(tmp_path: Path) -> None:
    options = loaded(tmp_path, with_sinks(f"{{a: {HOOK}}}")).sinks["a"].options
    assert options.model_dump(include={"min_level", "send_resolved", "timeout", "retry_for"}) == {
        "min_level": "info",
        "send_resolved": True,
        "timeout": 10 * SECOND,
        "retry_for": 3600 * SECOND,
    }
    assert options.least is AlertLevel.INFO  # type: ignore[attr-defined] # those of a sink of alerts


@pytest.mark.parametrize(
    ("sinks", "pipeline", "problem"),
    [
        (
            f"{{slack: {SLACK}, hook: {HOOK}}}",
            ", sinks: [hook, slak]",
            '4: pipelines.cpu.sinks[1]: is "slak", which is no sink; hook or slack is expected (did you mean slack?)',
        ),
        (
            "{}",
            ", sinks: [slack]",
            '4: pipelines.cpu.sinks[0]: is "slack", which is no sink; a sink of that name under sinks, at the top, '
            "is expected",
        ),
        (
            f"{{slack: {SLACK}}}",
            ", sinks: [slack, slack]",
            "4: pipelines.cpu.sinks[1]: is the same as sinks[0]; each once is expected",
        ),
        (f"{{slack: {SLACK}}}", ", sinks: slack", "4: pipelines.cpu.sinks: is text; a list is expected"),
        (
            "{a: {type: exposition}}",
            "",
            '5: sinks.a.type: is "exposition", which is not a known type; alertmanager, apprise, email, slack, webhook '
            "or a module:Class of your own is expected",
        ),
        (
            f"{{exposition: {HOOK}}}",
            "",
            "5: sinks.exposition: is the name of what publishes on /metrics, which is always there; "
            "another name is expected",
        ),
        ("{a: {type: slack}}", "", "5: sinks.a.url: is missing; it has no default and must be given"),
        (
            "{a: {type: slack, url: 'ftp://hunter2Xyzzy'}}",
            "",
            "5: sinks.a.url: is not a URL that starts with http:// or https://; "
            "one such as http://prometheus:9090 is expected",
        ),
        (
            "{a: {type: webhook, url: 'http://x', min_level: bad}}",
            "",
            '5: sinks.a.min_level: is "bad"; info, warning or critical is expected',
        ),
        (
            "{a: {type: webhook, url: 'http://x', bearer_token_file: t, basic_auth: {username: a, password: bbbb}}}",
            "",
            "5: sinks.a: has basic_auth and bearer_token_file; one of them is expected",
        ),
        (
            "{a: {type: alertmanager, urls: []}}",
            "",
            "5: sinks.a.urls: has 0 entries; at least 1 is expected",
        ),
        (
            "{a: {type: alertmanager, urls: ['http://a'], labels: {a-b: x}}}",
            "",
            '5: sinks.a.labels.a-b: is "a-b"; a label name (letters, digits and _) is expected',
        ),
        (
            "{a: {type: email, host: h, from: me, to: [a@example.org]}}",
            "",
            '5: sinks.a.from: is "me"; an address such as me@example.org or "Sentio <me@example.org>" is expected',
        ),
        *(
            (
                f"{{a: {{type: email, host: '{host}', from: me@example.org, to: [a@example.org]}}}}",
                "",
                f'5: sinks.a.host: is "{host}"; a name or an address alone is expected; the port has a key of its own',
            )
            for host in (
                "mail.example:587",
                "smtp://mail.example",
                "[::1]:25",
                "sentio@mail.example",
                "",
                "[mail]",
                "mail..example",
            )
        ),
        (
            "{a: {type: email, host: h, from: me@example.org, to: [a@example.org], password: hunter2Xyzzy}}",
            "",
            "5: sinks.a: has a username without one password, or a password without a username; "
            "username and one of password and password_file, or none of them, are expected",
        ),
        (
            "{a: {type: email, host: h, from: me@example.org, to: [a@example.org], form: x}}",
            "",
            "5: sinks.a.form: unknown key; did you mean from?",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, sinks: str, pipeline: str, problem: str) -> None:
    (said,) = refused(tmp_path, with_sinks(sinks, pipeline))
    assert said == problem
    assert "hunter2" not in said


def test_a_stray_is_told_beside_other_problems(tmp_path: Path) -> None:
    problems = refused(tmp_path, with_sinks(f"{{slack: {SLACK}}}", ", sinks: [slak], stepp: 1s"))
    assert len(problems) == 2


def test_sinks_may_be_spread_over_files(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(SOURCES + PIPELINES + f"sinks: {{a: {HOOK}}}\n")
    (tmp_path / "b.yml").write_text(f"sinks: {{b: {SLACK}}}\n")
    assert sorted(load([tmp_path], {}).sinks_of("cpu")) == ["a", "b"]


def test_an_address_that_is_a_secret_is_no_part_of_what_check_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sentio.yml"
    mail = "{type: email, host: h, from: a@example.org, to: [a@example.org], username: me, password: hunter2Xyzzy}"
    for text in (with_sinks(f"{{a: {SLACK}, b: {mail}}}"), with_sinks(f"{{a: {SLACK}, b: {mail}, c: {{}}}}")):
        file.write_text(text)
        main(["check", str(file)])
    said = capsys.readouterr()
    assert "hunter2" not in said.out + said.err
    assert "hunter2" not in repr(loaded(tmp_path, with_sinks(f"{{a: {SLACK}, b: {mail}}}")))


def test_the_parts_of_a_secret_address_are_secrets(tmp_path: Path) -> None:
    secrets = loaded(tmp_path, with_sinks(f"{{a: {SLACK}}}")).secrets
    assert {"https://hooks.slack.com/services/T0/B0/hunter2Xyzzy", "/services/T0/B0/hunter2Xyzzy"} <= secrets
    assert "hunter2Xyzzy" in secrets
    assert "hooks.slack.com" not in secrets
