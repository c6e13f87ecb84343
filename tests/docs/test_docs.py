"""The documents say what the code does. Where the two disagree the build fails.

`test_notices` alters a document, one way for each thing a check looks at, and expects that check to see it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sentio.cli import main
from sentio.config.load import load
from sentio.errors import ConfigError
from sentio.scenario.files import load_scenario
from tests.docs import checks
from tests.docs.pages import ROOT, Pages, all_pages, blocks, documents, rows, section

PAGES = all_pages()
ENVIRON = {
    "SENTIO_TOKEN": "secret",
    "SENTIO_PASSWORD": "secret",
    "SENTIO_SLACK_URL": "https://slack.example/services/T0/B0/xyz",
}
CONFIGURATIONS = (
    *("sentio.yml", "full.yml", "stack.yml", "alerts.yml", "detectors.yml", "files.yml"),
    *("own_detector.yml", "own_sink.yml"),
)
CONFIGURATION, METRICS, ARCHITECTURE = checks.CONFIGURATION, checks.METRICS, checks.ARCHITECTURE
OPERATIONS, RULES = "docs/operations.md", "prometheus/rules/sentio.yml"

Check = Callable[[Pages], list[str]]


@pytest.mark.parametrize("check", checks.ALL, ids=lambda check: check.__name__)
def test_documents_and_code_agree(check: Check) -> None:
    problems = check(PAGES)
    assert not problems, "\n".join(problems)


NOTICED: tuple[tuple[Check, str, str, str], ...] = (
    (checks.options, CONFIGURATION, "| `retries` |", "| `attempts` |"),
    (checks.options, CONFIGURATION, "| `seed` | whole number, 0 to 2147483647 |", "| `seed` | whole number |"),
    (checks.options, CONFIGURATION, "| `timeout` | duration | `30s` |", "| `timeout` | duration | `31s` |"),
    (checks.options, CONFIGURATION, "| `max_bytes` | size | `64MiB` |", "| `max_bytes` | number | `64MiB` |"),
    (checks.options, CONFIGURATION, "| `max_bytes` | size | `64MiB` |", "| `max_bytes` | size | `64MB` |"),
    (checks.options, CONFIGURATION, "| `train.ttl` | duration | none (", "| `train.ttl` | duration | `1d` ("),
    (checks.options, CONFIGURATION, "| `[5m, 1h]` |", "| `[5m]` |"),
    (checks.options, CONFIGURATION, "| `tls.insecure_skip_verify` | true or false | `false` |", "| `tls.x` | | |"),
    (checks.options, CONFIGURATION, "`linear`, `flat` or `logistic` |", "`linear` or `flat` |"),
    (checks.options, CONFIGURATION, "| `detector` | mapping | `{type: prophet}` |", "| `detector` | mapping | none |"),
    (checks.options, CONFIGURATION, "| `seasonalities[].period` |", "| `seasonalities[].days` |"),
    (checks.options, CONFIGURATION, "| `workers` | whole number, from 1 |", "| `workers` | whole number, from 2 |"),
    (checks.options, CONFIGURATION, "| Who signed the server's certificate. |", "| |"),
    (checks.options, CONFIGURATION, "| `keep` | whole number, from 2 | `5000` |", "| `keep` | whole number | `5000` |"),
    (checks.sections, CONFIGURATION, "## Executor\n", "## Workers\n"),
    (checks.options, CONFIGURATION, "| `processes` or `dask` |", "| `processes` |"),
    (checks.options, CONFIGURATION, "| `of` | whole number, 1 to 10000 |", "| `of` | whole number, from 1 |"),
    (checks.metrics, METRICS, "| `sentio_yhat` |", "| `sentio_expected` |"),
    (
        checks.metrics,
        METRICS,
        "| `sentio_forecast_lower` | gauge | `horizon` |",
        "| `sentio_forecast_lower` | gauge | |",
    ),
    (checks.metrics, METRICS, "| `sentio_page_size_bytes` |", "| `sentio_page_bytes` |"),
    (
        checks.metrics,
        METRICS,
        "| `sentio_data_age_seconds` | gauge | `query` |",
        "| `sentio_data_age_seconds` | gauge | |",
    ),
    (checks.metrics, METRICS, "| `sentio_reads_total` | counter |", "| `sentio_reads_total` | gauge |"),
    (checks.metrics, METRICS, "| `process_max_fds` |", "| `process_most_fds` |"),
    (checks.metrics, METRICS, "`detector`", "`detektor`"),
    (checks.metrics, METRICS, "`constant`, `failed`.", "`constant`."),
    (checks.mentioned_metrics, RULES, "sentio_datasource_up == 0", "sentio_source_up == 0"),
    (checks.mentioned_metrics, "README.md", "sentio_yhat{", "sentio_expected{"),
    (checks.reasons, METRICS, "| `throttled` |", "| `slow_down` |"),
    (checks.reasons, METRICS, "| `histogram` |", "| `histograms` |"),
    (checks.command_line, CONFIGURATION, "| `--web.enable-lifecycle` |", "| `--web.lifecycle` |"),
    (checks.command_line, CONFIGURATION, "| `--log.level` | `warning` |", "| `--log.level` | `info` |"),
    (checks.command_line, CONFIGURATION, "`logfmt` or `json`.", "`logfmt`."),
    (checks.command_line, CONFIGURATION, "### `sentio check`", "### `sentio verify`"),
    (checks.command_line, CONFIGURATION, "### `sentio scenario run`", "### `sentio scenario start`"),
    (checks.mentioned_commands, "docs/scenarios.md", "sentio scenario check", "sentio scenario verify"),
    (checks.mentioned_commands, "docs/scenarios.md", "sentio scenario run burst --local", "sentio scenario run --here"),
    (checks.mentioned_commands, "docs/tutorial.md", "sentio check sentio.yml", "sentio verify sentio.yml"),
    (checks.mentioned_commands, "README.md", "serve --config.file=", "serve --config="),
    (checks.mentioned_commands, "examples/sentio.yml", "serve --config.file=", "serve --config="),
    (checks.environment_variables, CONFIGURATION, "| `DAYSBACK` | `7d` |", "| `DAYSBACK` | `14d` |"),
    (checks.environment_variables, CONFIGURATION, "| `METRIC_NAME` |", "| `NAME` |"),
    (checks.addresses, OPERATIONS, "| `/-/ready` |", "| `/ready` |"),
    (checks.adapters, CONFIGURATION, "## Detectors: `type: prophet`", "## Detectors: `type: gaussian`"),
    (checks.adapters, CONFIGURATION, "## Sinks: `type: slack`", "## Sinks: `type: teams`"),
    (checks.options, CONFIGURATION, "| `retry_for` | duration | `1h` |", "| `retry_for` | duration | `2h` |"),
    (checks.options, CONFIGURATION, "| `resend_every` | duration | `1m` |", "| `resend` | duration | `1m` |"),
    (checks.options, CONFIGURATION, "| `from` | text | required |", "| `sender` | text | required |"),
    (
        checks.options,
        CONFIGURATION,
        "| `url` | secret URL | required | The webhook.",
        "| `url` | URL | required | The webhook.",
    ),
    (checks.reasons, METRICS, "| `not_taken` |", "| `not_delivered` |"),
    (checks.rooms, ARCHITECTURE, "| `recent.py` |", "| `lately.py` |"),
    (checks.rooms, ARCHITECTURE, "| `web/` |", "| `www/` |"),
    (
        checks.layers,
        ARCHITECTURE,
        "contracts | flagged | history | deadline | alerting | judgement | exclusion\n",
        "contracts | flagged\n",
    ),
    (checks.layers, ARCHITECTURE, "starlette, yaml and", "starlette and"),
    (checks.layers, ARCHITECTURE, "the modules of `sources`,", "the modules of"),
    (checks.nouns, ARCHITECTURE, "| `Notes` |", "| `Remarks` |"),
    (checks.nouns, ARCHITECTURE, "`upper`, `made_at` |", "`upper` |"),
    (checks.error_tree, ARCHITECTURE, "WorkerDiedError ", "WorkerError "),
    (checks.decisions, "docs/decisions/0007-prerendered-page.md", "# 0007", "# 0008"),
    (checks.decisions, ARCHITECTURE, "decisions/0010-http-deadline.md", "decisions"),
    (checks.dependencies, "docs/decisions/0002-dependencies.md", "| `uvicorn` |", "| `hypercorn` |"),
    (checks.broken_links, "README.md", "](docs/metrics.md)", "](docs/metric.md)"),
    (checks.broken_links, "docs/tutorial.md", "metrics.md#labels", "metrics.md#label"),
    (checks.make_targets, "README.md", "`make demo`", "`make try`"),
    (checks.make_targets, "docs/tutorial.md", "make demo", "make try"),
    (checks.machine_words, "README.md", "## Licence", "/home/me/sentio"),
    (checks.machine_words, "README.md", "## Licence", "https://registry.internal/simple"),
    (checks.machine_words, OPERATIONS, "# Operations", "pip --index-url"),
)
"""check, document, what stands there, what it is altered to."""


@pytest.mark.parametrize(("check", "page", "there", "altered"), NOTICED)
def test_notices(check: Check, page: str, there: str, altered: str) -> None:
    assert there in PAGES[page], "the test alters something that is not there any more"
    assert check({**PAGES, page: PAGES[page].replace(there, altered)}) != check(PAGES)


@pytest.mark.parametrize("name", [name for name, parser in checks.commands().items() if parser.epilog])
def test_an_example_of_the_help_can_be_copied(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    parser = checks.commands()[name]
    given = re.findall(rf"(?:^|: ) *(sentio {name} .*)", parser.epilog or "", re.MULTILINE)
    shown = [line.strip().removeprefix("example: ") for line in parser.format_help().splitlines()]
    assert given
    assert all(line.count(f"sentio {name} ") == 1 for line in given), "one a line"
    assert set(given) <= set(shown)


def test_every_check_is_seen_to_fail() -> None:
    assert {check for check, *_ in NOTICED} == set(checks.ALL)


def test_notices_a_gap_in_the_decisions() -> None:
    less = {name: text for name, text in PAGES.items() if "/0004-" not in name}
    assert any(problem.startswith("0005-") for problem in checks.decisions(less))


def test_notices_a_document_that_is_gone() -> None:
    linked = {**PAGES, "README.md": PAGES["README.md"] + "\n[x](docs/none.md) ![x](docs/img/none.png)\n"}
    assert len(checks.broken_links(linked)) - len(checks.broken_links(PAGES)) == 2


def test_the_tutorial_explains_the_columns_of_the_page() -> None:
    shown = re.findall(r"<th(?: class=n)?>([a-z]+)", (ROOT / "sentio/web/page.py").read_text("utf-8"))
    explained = rows(section(PAGES["docs/tutorial.md"], "## 3. Reading the page and the metrics"))
    assert [column for cells in explained for column in cells[0].split(", ")] == shown


def test_the_tutorial_checks_the_rules_and_not_the_configuration_of_the_same_name() -> None:
    written = re.findall(r"promtool check rules (\S+?)`", PAGES["docs/tutorial.md"])
    assert written
    for file in written:
        assert (ROOT / file).is_relative_to(ROOT / "prometheus/rules")
        assert (ROOT / file).is_file()


def test_make_help_lists_every_target() -> None:
    done = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    listed = [line.split()[1] for line in done.stdout.splitlines()]
    (targets,) = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(targets.split())


# --- examples --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_example_is_valid(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)  # where the path of a detector of one's own begins
    for variable, value in ENVIRON.items():
        monkeypatch.setenv(variable, value)
    assert main(["check", str(ROOT / "examples" / name)]) == 0, capsys.readouterr().err


def test_the_sink_of_the_example_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    told, file = tmp_path / "alerts.log", tmp_path / "sentio.yml"
    file.write_text(PAGES["examples/own_sink.yml"].replace("path: alerts.log", f"path: {told}"), "utf-8")
    assert main(["notify", f"--config.file={file}", "lines"]) == 0, capsys.readouterr().err
    assert told.read_text("utf-8").startswith("warning ")
    file.write_text(file.read_text("utf-8").replace(str(told), str(tmp_path)), "utf-8")  # a folder
    assert main(["notify", f"--config.file={file}", "lines"]) == 1
    said = capsys.readouterr()
    assert "cannot be written" in said.out + said.err


def test_every_example_is_checked() -> None:
    names = {path.name for path in (ROOT / "examples").iterdir() if path.is_file()}
    assert names == {*CONFIGURATIONS, "prometheus.yml", "own_detector.py", "own_sink.py", "sentio.service"}


def test_the_full_examples_have_every_option() -> None:
    class Tagged(yaml.SafeLoader):
        pass

    Tagged.add_constructor("!env", lambda _, node: node.value)
    examples = [PAGES[f"examples/{name}.yml"] for name in ("full", "detectors", "files")]
    written = {path for page in examples for path in paths(yaml.load(page, Tagged))}  # noqa: S506 # it is a SafeLoader
    places = {
        "Sources": "sources.*.",
        "Detectors": "pipelines.*.detector.",
        "Detectors of your own": "pipelines.*.detector.",
        "Pipelines": "pipelines.*.",
        "Sinks": "sinks.*.",
    }
    for heading, model in checks.option_tables().items():
        title = heading.removeprefix("## ").split(":")[0]
        place = places.get(title, title.lower() + ".")
        expected = {place + name.replace("[]", "") for name, _ in checks.walk(model)}
        free = {"pipelines.*.source", "sources.*.headers", "executor.scheduler"}
        assert expected <= written | free


def test_full_example_has_the_other_executor_as_a_comment(tmp_path: Path) -> None:
    """Not beside the first: each refuses the other's options."""
    text = re.sub(r"^executor: .*\n# executor: ", "executor: ", PAGES["examples/full.yml"], flags=re.MULTILINE)
    file = tmp_path / "full.yml"
    file.write_text(text, "utf-8")
    assert load([file], ENVIRON).executor.scheduler == "tcp://scheduler:8786"


def paths(value: Any, at: str = "") -> Iterator[str]:
    """The path of everything in it, names of sources and pipelines as ``*``."""
    if isinstance(value, list):
        for item in value:
            yield from paths(item, at)
    elif isinstance(value, dict):
        for key, item in value.items():
            path = f"{at}.*" if at in ("sources", "pipelines", "sinks") else f"{at}.{key}".lstrip(".")
            yield path
            yield from paths(item, path)


def snippets(language: str, key: str) -> list[Any]:
    """The blocks of a language that have a top-level key."""
    return [
        pytest.param(block, id=f"{page}-{number}")
        for page, text in documents(PAGES).items()
        for number, (tag, block) in enumerate(blocks(text))
        if tag == language and re.search(rf"^{key}:", block, re.MULTILINE)
    ]


@pytest.mark.parametrize("block", snippets("yaml", "sources"))
def test_configuration_in_a_document_is_valid(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    file = tmp_path / "sentio.yml"
    file.write_text(block, "utf-8")
    load([file], ENVIRON)


@pytest.mark.parametrize("block", snippets("yaml", "phases"))
def test_scenario_in_a_document_is_valid(block: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(block, "utf-8")
    load_scenario(file, {})


def test_every_yaml_block_is_checked() -> None:
    found = [block for text in documents(PAGES).values() for tag, block in blocks(text) if tag == "yaml"]
    checked = [snippets("yaml", key) for key in ("sources", "scrape_configs", "groups", "phases")]
    assert len(found) == sum(map(len, checked))


def test_a_broken_configuration_would_be_noticed(tmp_path: Path) -> None:
    file = tmp_path / "sentio.yml"
    file.write_text(PAGES["examples/sentio.yml"].replace("query:", "qurey:"), "utf-8")
    with pytest.raises(ConfigError, match="did you mean query"):
        load([file], ENVIRON)


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not on PATH; on Debian: apt-get install prometheus")
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=300)


def test_promtool_accepts_the_example_where_it_stands() -> None:
    """Its rules, too: it starts from the repository as it is."""
    done = promtool("check", "config", str(ROOT / "examples/prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Checking prometheus/rules/sentio.yml" in done.stdout.replace(f"{ROOT}/", "")


@pytest.mark.parametrize("block", snippets("yaml", "groups"))
def test_promtool_accepts_the_rules_of_a_document(block: str, tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(block, "utf-8")
    done = promtool("check", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("block", snippets("yaml", "scrape_configs"))
def test_promtool_accepts_the_scrape_job_of_a_document(block: str, tmp_path: Path) -> None:
    file = tmp_path / "prometheus.yml"
    file.write_text(block, "utf-8")
    done = promtool("check", "config", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "honor_labels: true" in block
