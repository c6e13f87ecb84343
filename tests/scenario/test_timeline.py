"""When a scenario does what."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentio.scenario.files import load_scenario
from sentio.scenario.shape import Scenario
from sentio.scenario.timeline import STEPS, Act, Expected, Idle, Stop, Stress, timeline
from sentio.types import SECOND

MINUTE = 60 * SECOND


def scenario(folder: Path, phases: str) -> Scenario:
    path = folder / "mine.yaml"
    path.write_text(f"description: d\ncontainer: c\nphases:\n{phases}\n")
    return load_scenario(path, {})


def one_act(folder: Path, load: str) -> Act:
    (act,) = timeline(scenario(folder, f"  - {{name: p, for: 6m, load: {load}}}"))
    return act


def total(act: Act, at: float) -> Stress:
    """What is on at this part of the act."""
    time = act.start + at * (act.end - act.start)
    found = Stress()
    for piece in act.pieces:
        if isinstance(piece.what, Stress) and piece.start <= time < piece.end:
            found += piece.what
    return found


def test_phases_follow_one_another(tmp_path: Path) -> None:
    mine = scenario(tmp_path, "  - {name: a, for: 1m}\n  - {name: b, for: 90s}\n  - {name: c, for: 30s}")
    assert [(act.name, act.start, act.end) for act in timeline(mine)] == [
        ("a", 0, MINUTE),
        ("b", MINUTE, 150 * SECOND),
        ("c", 150 * SECOND, 180 * SECOND),
    ]


@pytest.mark.parametrize("length", [SECOND, 7 * SECOND, 60 * MINUTE])
def test_a_length_changes_all_phases_in_proportion(tmp_path: Path, length: int) -> None:
    mine = scenario(
        tmp_path, "  - {name: a, for: 1m}\n  - {name: b, for: 90s, load: {cpu: 5}}\n  - {name: c, for: 30s}"
    )
    acts = timeline(mine, length=length)
    assert [act.end for act in acts] == [length // 3, length * 5 // 6, length]
    assert [act.start for act in acts] == [0, *(act.end for act in acts[:-1])]
    (piece,) = acts[1].pieces
    assert (piece.start, piece.end) == (acts[1].start, acts[1].end)


def test_levels_that_do_not_change_are_one_piece(tmp_path: Path) -> None:
    act = one_act(tmp_path, "{cpu: 150, memory: 100MiB, disk: 512KiB}")
    (piece,) = act.pieces
    assert piece.what == Stress(cpu=150, memory=100, disk=0.5)
    assert (piece.start, piece.end, piece.container) == (act.start, act.end, "c")


def test_a_little_is_not_nothing(tmp_path: Path) -> None:
    (piece,) = one_act(tmp_path, "{cpu: 0.2, memory: 1kB, disk: 1kB}").pieces
    assert piece.what == Stress(cpu=1, memory=1, disk=1000 / 2**20)


@pytest.mark.parametrize(
    ("load", "levels"),
    [
        ("{cpu: {from: 50, to: 100}}", [50, 60, 70, 80, 90, 100]),
        ("{cpu: {from: 100, to: 50}}", [100, 90, 80, 70, 60, 50]),
        ("{cpu: {to: 100}}", [0, 20, 40, 60, 80, 100]),
        ("{cpu: {from: 100}}", [100, 80, 60, 40, 20, 0]),
    ],
)
def test_steps(tmp_path: Path, load: str, levels: list[int]) -> None:
    act = one_act(tmp_path, load)
    assert [total(act, (i + 0.5) / STEPS).cpu for i in range(STEPS)] == levels
    assert all(isinstance(piece.what, Stress) and piece.what.cpu for piece in act.pieces)


@pytest.mark.parametrize("load", ["{memory: {from: 50MiB, to: 300MiB}}", "{memory: {from: 300MiB, to: 50MiB}}"])
def test_memory_is_never_let_go_to_be_taken_again(tmp_path: Path, load: str) -> None:
    act = one_act(tmp_path, load)
    levels = [total(act, (i + 0.5) / STEPS).memory for i in range(STEPS)]
    assert sorted(levels) == [50, 100, 150, 200, 250, 300]
    rising = levels == sorted(levels)
    assert all((piece.end == act.end) if rising else (piece.start == act.start) for piece in act.pieces)


def test_idle_and_stop(tmp_path: Path) -> None:
    act = one_act(tmp_path, "[{idle: true, disk: 1MiB}, {container: d, stop: true}]")
    assert [(piece.container, piece.what) for piece in act.pieces] == [
        ("c", Idle()),
        ("c", Stress(disk=1.0)),
        ("d", Stop()),
    ]


def test_another_container_takes_the_place_of_the_scenarios_own(tmp_path: Path) -> None:
    mine = scenario(
        tmp_path,
        "  - name: p\n    for: 1m\n    load: [{cpu: 5}, {container: d, cpu: 6}]\n"
        "    expect: [{query: cpu, is: above}, {query: cpu, is: below, container: d}]",
    )
    (act,) = timeline(mine, "other")
    assert [piece.container for piece in act.pieces] == ["other", "d"]
    assert act.expected == (Expected("other", "cpu", "above"), Expected("d", "cpu", "below"))
    assert act.container == "other"


def test_no_two_pieces_have_one_name(tmp_path: Path) -> None:
    ramps = "[{cpu: {to: 60}, memory: {to: 60MiB}, idle: true}, {container: d, cpu: {to: 60}}]"
    mine = scenario(tmp_path, "\n".join(f"  - {{name: p{i}, for: 6m, load: {ramps}}}" for i in range(3)))
    names = [piece.name for act in timeline(mine) for piece in act.pieces]
    assert len(names) == len(set(names)) > 3 * STEPS
