"""Several files that make one configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentio.config.load import load
from sentio.errors import ConfigError

from .refusals import PIPELINES, SOURCES


def problems(*paths: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as refused:
        load(paths, {})
    return refused.value.problems


def test_a_directory_is_merged_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("pipelines:\n  b: {source: prometheus, query: up}\n")
    (tmp_path / "a.yml").write_text(SOURCES + "pipelines:\n  a: {source: other, query: up}\n")
    (tmp_path / "c.yaml").write_text(
        "sources:\n  other: {type: prometheus, url: http://other}\ndefaults: {step: 30s}\n"
    )
    (tmp_path / "notes.txt").write_text("not: [yaml")
    (tmp_path / ".#a.yaml").symlink_to("nobody@nowhere")
    (tmp_path / "..data").mkdir()
    config = load([tmp_path], {})
    assert set(config.sources) == {"other", "prometheus"}
    assert set(config.pipelines) == {"a", "b"}
    assert {p.step for p in config.pipelines.values()} == {30 * 10**9}


def test_files_and_directories_together(tmp_path: Path) -> None:
    (tmp_path / "sources.yml").write_text(SOURCES)
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "cpu.yaml").write_text(PIPELINES)
    assert set(load([tmp_path / "sources.yml", tmp_path / "conf.d"], {}).pipelines) == {"cpu"}


def test_the_same_pipeline_in_two_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SOURCES + PIPELINES)
    (tmp_path / "b.yaml").write_text("# more\n" + PIPELINES + "server: {}\n" + SOURCES)
    (tmp_path / "c.yaml").write_text("server: {}\n")
    assert problems(tmp_path) == (
        f"{tmp_path}/b.yaml:3: pipelines.cpu: is in {tmp_path}/a.yaml:4 already; one of the two is expected",
        f"{tmp_path}/b.yaml:6: sources.prometheus: is in {tmp_path}/a.yaml:2 already; one of the two is expected",
        f"{tmp_path}/c.yaml:1: server: is in {tmp_path}/b.yaml:4 already; one of the two is expected",
    )


def test_what_may_stand_in_an_unreadable_file_is_not_missed(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("sources: [\n")
    (tmp_path / "b.yaml").write_text(PIPELINES + "  memory: {source: prometheus, query: up, stepp: 1s}\n")
    assert problems(tmp_path) == (
        f"{tmp_path}/a.yaml:2: document: ends within quotes or brackets; they are expected to be closed",
        f"{tmp_path}/b.yaml:3: pipelines.memory.stepp: unknown key; did you mean step?",
    )


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    gone = tmp_path / "gone.yaml"
    assert problems(gone, tmp_path / "empty") == (
        f"{tmp_path}/empty:1: document: has no *.yaml or *.yml; at least one is expected",
        f"{gone}:1: document: cannot be read (No such file or directory); "
        "a YAML file or a directory of them is expected",
    )


def test_no_path_at_all() -> None:
    assert problems() == ("config: is not given; a YAML file or a directory of them is expected",)


def test_too_big_a_file(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_text("# " + "x" * 5 * 2**20)
    assert problems(path) == (f"{path}:1: document: has more than 4194304 bytes; a smaller file is expected",)


def test_defaults_and_a_detector_of_another_type(tmp_path: Path) -> None:
    own = f"{__package__}.adapters:Detector"
    (tmp_path / "a.yaml").write_text(
        "defaults: {detector: {type: prophet, seed: 5}}\n" + SOURCES + "pipelines:\n"
        "  same: {source: prometheus, query: up, detector: {growth: flat}}\n"
        f"  other: {{source: prometheus, query: up, detector: {{type: '{own}'}}}}\n"
    )
    config = load([tmp_path], {})
    same = config.pipelines["same"].detector.options.model_dump()
    assert (same["seed"], same["growth"]) == (5, "flat")
    assert config.pipelines["other"].detector.options.model_dump() == {}
