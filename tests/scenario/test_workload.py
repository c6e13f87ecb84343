"""The two programs of a workload container, run on this machine."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests.servers import until

from .support import END_S, Place, need_load

BASE = {
    "CPU_PERCENT": "20",
    "CPU_DAILY_PERCENT": "0",
    "CPU_PEAK_HOUR": "12",
    "MEMORY_MIB": "40",
    "DISK_KIB": "64",
}


@pytest.fixture
def room(here: Place) -> Place:
    need_load()
    (here.temporary / "state").mkdir()
    (here.temporary / "files").mkdir()
    here.environ.update(STATE_DIR=str(here.temporary / "state"), WORK_DIR=str(here.temporary / "files"), **BASE)
    return here


def load(room: Place, *arguments: str) -> subprocess.Popen[str]:
    return room.start("sh", "scenarios/workload/load", *arguments)


def files(room: Place) -> list[str]:
    return sorted(path.name for path in room.temporary.rglob("*") if path.name not in ("state", "files"))


def ended(process: subprocess.Popen[str], room: Place) -> int:
    process.communicate(timeout=END_S)
    until(lambda: not room.processes(), 5, "nothing runs any more")
    return process.returncode


def test_load_ends_after_its_time(room: Place) -> None:
    assert ended(load(room, "a", "1", "30", "20", "1"), room) == 0
    assert not files(room)


def test_load_ends_when_its_file_is_removed(room: Place) -> None:
    process = load(room, "a-1", "600", "30", "20", "0.5")
    until(lambda: room.loads("stress-ng-vm") and room.loads("fio"), END_S, "load")
    (room.temporary / "state/a-1").unlink()
    assert ended(process, room) == 0
    assert not files(room)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_load_ends_on_a_signal(room: Place, number: signal.Signals) -> None:
    process = load(room, "a", "600", "30", "0", "1")
    until(lambda: room.loads("stress-ng-cpu") and room.loads("fio"), END_S, "load")
    process.send_signal(number)
    assert ended(process, room) == 128 + number
    assert not files(room)


@pytest.mark.parametrize("arguments", [("a", "5"), ("../a", "5", "1", "0", "0"), ("", "5", "1", "0", "0")])
def test_load_refuses(room: Place, arguments: tuple[str, ...]) -> None:
    assert ended(load(room, *arguments), room) == 2
    assert not files(room)


def levels(room: Place) -> list[str]:
    """The shares of a core that are asked for."""
    lines = [one.line for one in room.loads("stress-ng")]
    return [line[line.index("--cpu-load") + 1] for line in lines if "--cpu-load" in line]


def test_base_load_rests_and_goes_on(room: Place) -> None:
    idle = room.temporary / "state/idle"
    process = room.start("sh", "scenarios/workload/base")
    # 20 % less what it takes for itself, rounded.
    until(lambda: levels(room) == ["19"] and room.loads("fio") and room.loads("stress-ng-vm"), END_S, "the base load")
    idle.write_text("99999999999\n")
    until(lambda: levels(room) == ["0"], END_S, "the rest")
    assert room.loads("stress-ng-vm")
    idle.unlink()
    until(lambda: levels(room) == ["19"], END_S, "the base load again")
    idle.write_text("99999999999\n")
    until(lambda: levels(room) == ["0"], END_S, "the rest again")
    process.terminate()
    assert ended(process, room) == 0
    assert files(room) == ["idle"]


def test_base_load_ends_when_a_part_of_it_does(room: Place) -> None:
    process = room.start("sh", "scenarios/workload/base")
    until(lambda: levels(room) and room.loads("fio"), END_S, "the base load")
    (fio,) = room.loads("fio")
    os.kill(fio.pid, signal.SIGKILL)
    assert ended(process, room) == 1


def test_base_load_needs_its_environment(room: Place) -> None:
    del room.environ["MEMORY_MIB"]
    process = room.start("sh", "scenarios/workload/base")
    _, err = process.communicate(timeout=END_S)
    assert (process.returncode, err) == (2, "base: MEMORY_MIB: is not set; a value is expected\n")
