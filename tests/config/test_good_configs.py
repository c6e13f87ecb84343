"""What a configuration that loads looks like afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sentio.config.listen import parse_listen
from sentio.config.load import load
from sentio.config.model import DAY, HOUR, MINUTE, Config, Pipeline
from sentio.exclusion import Exclusion
from sentio.types import SECOND

from .bad_configs import CONFIGS
from .refusals import SOURCES, loaded

GOOD = CONFIGS / "good"
PYOD = "{{type: pyod, models: [{{name: IForest, params: {{max_features: {}}}}}]}}"
TOKEN = {"SENTIO_TEST_TOKEN": "a token of the environment"}


def good(name: str) -> Config:
    return load([GOOD / name], TOKEN)


@pytest.mark.parametrize("path", sorted(GOOD.glob("*.yaml")), ids=lambda path: path.stem)
def test_good_config(path: Path) -> None:
    assert load([path], TOKEN) == load([path], TOKEN)


def test_minimal() -> None:
    config = good("minimal.yaml")
    cpu = config.pipelines["cpu"]
    assert cpu.query == "docker_container_cpu_usage_percent"
    assert (cpu.step, cpu.train.window, cpu.train.every) == (15 * SECOND, 14 * DAY, HOUR)
    assert cpu.forecast.horizons == (5 * MINUTE, HOUR)
    assert cpu.detector.type == "prophet"
    assert cpu.detector.options.model_dump()["interval_width"] == 0.99
    assert config.sources["prometheus"].options.model_dump()["url"] == "http://localhost:9090"
    assert config.server.address == parse_listen("0.0.0.0:8000")
    assert config.store.path == Path("data/sentio.db")


def test_everything_else_has_a_default() -> None:
    config = good("least.yaml")
    cpu = config.pipelines["cpu"]
    assert (cpu.step, cpu.score_every, cpu.score.delay, cpu.awaited) == (15 * SECOND, 15 * SECOND, 0, 5 * MINUTE)
    assert (cpu.train.window, cpu.train.every, cpu.train.max_points) == (14 * DAY, HOUR, 6000)
    assert cpu.train.ttl is None
    assert cpu.forecast.horizons == (5 * MINUTE, HOUR)
    assert cpu.detector.type == "prophet"
    assert cpu.legacy_names is None
    assert (config.server.listen, config.store.path) == ("0.0.0.0:8000", Path("data/sentio.db"))
    assert (config.executor.type, config.executor.workers) == ("processes", None)


@pytest.mark.parametrize(
    ("given", "awaited"),
    [
        ("step: 1m", 5 * MINUTE),
        ("step: 5m", 25 * MINUTE),
        ("step: 10m", 50 * MINUTE),
        ("step: 5m, ttl: 6m", 6 * MINUTE),
    ],
)
def test_a_series_is_awaited_long_enough_to_be_found_missing(tmp_path: Path, given: str, awaited: int) -> None:
    file = tmp_path / "sentio.yml"
    source = "sources: {p: {type: prometheus, url: 'http://x'}}"
    file.write_text(f"{source}\npipelines: {{cpu: {{source: p, query: m, {given}}}}}\n")
    assert load([file], {}).pipelines["cpu"].awaited == awaited


def test_full() -> None:
    config = good("full.yaml")
    cpu, memory = config.pipelines["db.cpu-1"], config.pipelines["memory"]
    main = config.sources["main"].options.model_dump()
    assert main["url"] == "https://prometheus.example:9090/prefix"
    assert main["basic_auth"]["password"].get_secret_value() == "a password of a file"
    assert main["headers"]["X-Token"].get_secret_value() == "a token of the environment"
    assert main["max_bytes"] == 16 * 2**20
    assert (cpu.score_every, cpu.score.delay) == (2 * MINUTE, 30 * SECOND)
    assert (cpu.train.window, cpu.train.every, cpu.train.ttl) == (7 * DAY, 2 * HOUR, DAY)
    assert cpu.detector.options.model_dump()["holidays"]["country"] == "NO", "no is not false"
    assert cpu.legacy_names is not None
    assert cpu.legacy_names.clamp_min == 0
    excluded = cpu.judgement.exclusion(cpu.timezone)
    assert [(one.begin, one.end) for one in excluded.weekly] == [(0, 24 * 60), (22 * 60 + 30, 6 * 60)]
    assert excluded.spans == ((1_798_070_400 * SECOND, 1_798_326_000 * SECOND),)
    assert (excluded.timezone, excluded.when) == ("America/New_York", "max by (instance) (maintenance) == 1")
    assert memory.judgement.exclusion(memory.timezone) == Exclusion()
    assert (memory.step, memory.train.window, memory.train.every) == (30 * SECOND, 7 * DAY, 30 * MINUTE)
    assert memory.detector.type == "prophet"
    assert config.server.address == ("::1", 0)
    assert config.executor.scheduler == "tcp://scheduler:8786"
    assert (config.sinks_of("db.cpu-1"), config.sinks_of("memory")) == (("am", "mail"), tuple(config.sinks))
    assert config.shard is not None
    assert (config.shard.index, config.shard.of) == (1, 3)


def test_secrets_are_collected() -> None:
    of_sinks = {"a password of the sinks", "a scope of the sinks", "a password of the mail"}
    of_addresses = {
        "https://hooks.slack.com/services/T0/B0/0123456789", "/services/T0/B0/0123456789", "0123456789",
        "https://hook.example/?key=a-key-of-ours", "/?key=a-key-of-ours", "a-key-of-ours",
        "json://localhost/a-token-of-ours", "/a-token-of-ours", "a-token-of-ours",
    }  # fmt: skip
    of_sources = {"a password of a file", "a token of the environment", "tenant-1"}
    assert good("full.yaml").secrets == of_sources | of_sinks | of_addresses
    assert good("least.yaml").secrets == frozenset()


def test_equality_tells_what_changed(tmp_path: Path) -> None:
    text = (GOOD / "full.yaml").read_text()
    (tmp_path / "password").write_text("another\n")
    changed = tmp_path / "full.yaml"
    changed.write_text(text.replace("max_points: 2000", "max_points: 2001"))
    before, after = good("full.yaml"), load([changed], TOKEN)
    same = {name for name in before.pipelines if before.pipelines[name] == after.pipelines[name]}
    assert same == {"memory"}
    assert {name for name in before.sources if before.sources[name] != after.sources[name]} == {"main"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{daily_seasonality: true}", "{daily_seasonality: 1}"),
        ("{weekly_seasonality: 1}", "{weekly_seasonality: true}"),
        (PYOD.format("true"), PYOD.format("1")),
    ],
)
def test_true_is_not_one(tmp_path: Path, before: str, after: str) -> None:
    def pipeline(detector: str) -> Pipeline:
        text = f"pipelines: {{cpu: {{source: prometheus, query: up, detector: {detector}}}}}\n"
        return loaded(tmp_path, SOURCES + text).pipelines["cpu"]

    assert pipeline(before) != pipeline(after)
    assert pipeline(before) == pipeline(before)


def test_a_config_cannot_change() -> None:
    config = good("least.yaml")
    with pytest.raises(ValueError, match="frozen"):
        config.pipelines["cpu"].step = 5
    with pytest.raises(AttributeError):
        config.sources["prometheus"].type = "other"  # type: ignore[misc]  # what is tested


def test_loading_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pathlib import Path; from sentio.config.load import load;"
        f"load([Path({str(GOOD / 'minimal.yaml')!r})], {{}});"
        "print([m for m in ('prophet', 'pandas', 'cmdstanpy', 'prometheus_api_client') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ran.stdout.strip(), ran.stderr) == ("[]", "")
