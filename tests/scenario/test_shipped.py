"""The scenarios that there are, what the documents say of them, and the containers that they load."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic import BaseModel

from sentio.cli import main
from sentio.scenario.files import load_scenario, names
from sentio.scenario.shape import CpuRange, DiskRange, MemoryRange, Scenario
from sentio.scenario.timeline import Stop, Stress, timeline
from sentio.types import SECOND
from tests.docs.pages import ROOT, named, section

SCENARIOS = ROOT / "scenarios"
WORKLOADS = SCENARIOS / "workload"
PAGE = (ROOT / "docs/scenarios.md").read_text("utf-8")
MINUTE = 60 * SECOND

EXPECTED = {
    "burst": {("workload", "cpu", "above")},
    "daily-cycle": set(),
    "disk-saturation": {("workload-db", "disk", "above")},
    "leak": {("workload", "memory", "above")},
    "noisy-neighbour": {("workload-batch", query, "above") for query in ("cpu", "disk", "memory")},
    "outage": {("workload", "cpu", "below"), ("workload", "disk", "below")},
    "ramp": {("workload", "cpu", "above")},
    "silent-container": {("workload-db", query, "missing") for query in ("cpu", "memory", "disk")},
    "steady": set(),
}


def shipped(name: str) -> Scenario:
    return load_scenario(SCENARIOS / f"{name}.yaml", {})


def test_all_of_them_are_here_and_valid(capsys: pytest.CaptureFixture[str]) -> None:
    assert names(SCENARIOS) == sorted(EXPECTED)
    assert main(["scenario", "check", "--dir", str(SCENARIOS)]) == 0
    assert main(["scenario", "list", "--dir", str(SCENARIOS)]) == 0
    listed = capsys.readouterr().out.splitlines()[-len(EXPECTED) :]
    assert [line.split()[0] for line in listed] == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_what_should_be_found(name: str) -> None:
    found = {(one.container, one.query, one.verdict) for act in timeline(shipped(name)) for one in act.expected}
    assert found == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_its_timeline_sums_up(name: str) -> None:
    scenario = shipped(name)
    acts = timeline(scenario)
    assert acts[-1].end == scenario.length
    assert 6 * MINUTE <= scenario.length <= 9 * MINUTE
    for act in acts:
        assert all(act.start <= piece.start < piece.end <= act.end for piece in act.pieces)
        assert act.end - act.start == act.phase.length


@pytest.mark.parametrize("name", EXPECTED)
def test_it_suits_a_laptop_and_loads_what_it_is_true_about(name: str) -> None:
    for act in timeline(shipped(name)):
        stresses = [piece.what for piece in act.pieces if isinstance(piece.what, Stress)]
        assert sum(stress.memory for stress in stresses) <= 300
        # Each piece that writes has a file of 8 MiB, and so has the base load.
        assert (sum(stress.disk > 0 for stress in stresses) + 1) * 8 <= 64
        assert {one.container for one in act.expected} <= {piece.container for piece in act.pieces}
        stopped = {piece.container for piece in act.pieces if isinstance(piece.what, Stop)}
        assert stopped == {one.container for one in act.expected if one.verdict == "missing"}


@pytest.mark.parametrize("name", EXPECTED)
def test_its_containers_are_of_the_stack(name: str) -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    for act in timeline(shipped(name)):
        for container in {act.container, *(piece.container for piece in act.pieces)}:
            service = services[container]
            assert service["container_name"] == container
            assert service["env_file"] == f"scenarios/workload/{container}.env"


@pytest.mark.parametrize("file", sorted(WORKLOADS.glob("*.env")), ids=lambda file: file.stem)
def test_base_load(file: Path) -> None:
    lines = [line for line in file.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    load = {name: int(value) for name, value in (line.split("=") for line in lines)}
    assert list(load) == ["CPU_PERCENT", "CPU_DAILY_PERCENT", "CPU_PEAK_HOUR", "MEMORY_MIB", "DISK_KIB"]
    assert 15 <= load["CPU_PERCENT"] <= 25
    assert 3 <= load["CPU_DAILY_PERCENT"] <= 5
    assert 0 <= load["CPU_PEAK_HOUR"] < 24
    assert 48 <= load["MEMORY_MIB"] <= 128
    assert 256 <= load["DISK_KIB"] <= 1024


def test_the_documents_list_them() -> None:
    assert set(named(section(PAGE, "## Those that there are"))) == set(EXPECTED)


def keys(model: type[BaseModel], before: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = before + (field.alias or name)
        yield key
        for arm in get_args(field.annotation):
            if isinstance(arm, type) and issubclass(arm, BaseModel) and arm not in (CpuRange, MemoryRange, DiskRange):
                yield from keys(arm, f"{key}[].")


def test_the_documents_list_every_key() -> None:
    assert set(named(section(PAGE, "## Writing one"))) == set(keys(Scenario))
