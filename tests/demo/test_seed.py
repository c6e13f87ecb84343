"""The history that the stack begins with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from sentio.cli import main
from sentio.demo.seed import BaseLoad, SeedError, base_loads
from sentio.types import SECOND
from tests.servers import need_prometheus

HOUR = 3600 * SECOND
GOOD = "CPU_PERCENT=20\nCPU_DAILY_PERCENT=4\nCPU_PEAK_HOUR=14\nMEMORY_MIB=96\nDISK_KIB=512\n"
SHIPPED = Path(__file__).resolve().parents[2] / "scenarios/workload"


@pytest.fixture
def workload(tmp_path: Path) -> Path:
    folder = tmp_path / "workload"
    folder.mkdir()
    (folder / "one.env").write_text("# a comment\n\n" + GOOD)
    return folder


def test_the_load_peaks_at_its_hour() -> None:
    load = BaseLoad(20.0, 4.0, 14.0, 96.0, 512.0)
    day = 20_000 * 24 * HOUR
    np.testing.assert_allclose(load.cpu(np.array([day + 14 * HOUR, day + 2 * HOUR, day + 8 * HOUR])), [24, 16, 20])


def test_what_is_shipped_can_be_read() -> None:
    loads = base_loads(SHIPPED)
    assert set(loads) == {"workload", "workload-db", "workload-batch"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "CPU=1\n", ":6: is 'CPU=1'; NAME=NUMBER, with one of CPU_PERCENT, CPU_DAILY_PERCENT, CPU_PEAK_HOUR, "
                           "MEMORY_MIB, DISK_KIB, is expected"),
        (GOOD.replace("=20", "=lots"), ":1: CPU_PERCENT: is 'lots'; a number from 0 is expected"),
        (GOOD.replace("=96", "=-1"), ":4: MEMORY_MIB: is '-1'; a number from 0 is expected"),
        (GOOD.replace("DISK_KIB=512\n", ""), ": has no DISK_KIB; each with a number is expected"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_with_its_line(text: str, said: str, workload: Path) -> None:
    file = workload / "one.env"
    file.write_text(text)
    with pytest.raises(SeedError) as error:
        base_loads(workload)
    assert str(error.value) == f"{file}{said}"


def test_no_files_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match=r"has no file \*\.env; one for each container is expected$"):
        base_loads(tmp_path)


def samples(blocks: Path) -> dict[str, np.ndarray]:
    """Series → values, as promtool reads them back."""
    data = blocks.with_name("copy")
    shutil.copytree(blocks, data)
    (data / "wal").mkdir()  # which it wants to be there
    done = subprocess.run(["promtool", "tsdb", "dump", str(data)], capture_output=True, text=True, check=True)
    found: dict[str, list[tuple[int, float]]] = {}
    for line in done.stdout.splitlines():
        key, _, rest = line.rpartition("} ")
        value, at = rest.split()
        found.setdefault(key + "}", []).append((int(at), float(value)))
    return {key: np.array([v for _, v in sorted(rows)]) for key, rows in found.items()}


def test_it_makes_two_weeks_marked_as_seeded_once(
    tmp_path: Path, workload: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    need_prometheus()
    data = tmp_path / "data"
    assert main(["seed", str(data), "--workload", str(workload)]) == 0
    assert "two weeks of history of one …\nseed: done\n" in capsys.readouterr().out
    found = samples(data)
    assert len(found) == 3
    for key, values in found.items():
        assert 'container_name="one"' in key
        assert 'seeded="true"' in key
        assert np.isfinite(values).all()
        assert len(values) == pytest.approx(14.25 * 86400 / 15, abs=3)
    cpu = next(v for k, v in found.items() if "cpu_usage_percent" in k)
    assert cpu.mean() == pytest.approx(20, abs=0.3)
    assert cpu.std() == pytest.approx(np.hypot(4 / np.sqrt(2), 1 + 0.06 * 20), rel=0.1)
    written = next(v for k, v in found.items() if "recursive_write" in k)
    assert np.diff(written).mean() / 15 == pytest.approx(512 * 1024, rel=0.01)
    before = sorted(data.iterdir())
    assert main(["seed", str(data), "--workload", str(workload)]) == 0
    assert capsys.readouterr().out == f"seed: {data} has history already; nothing is added\n"
    assert sorted(data.iterdir()) == before


def test_it_can_be_turned_off(tmp_path: Path, workload: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTIO_SEED", "0")
    assert main(["seed", str(tmp_path / "data"), "--workload", str(workload)]) == 0
    assert not (tmp_path / "data").exists()


def test_without_promtool_it_says_what_is_missing(
    tmp_path: Path, workload: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert main(["seed", str(tmp_path / "data"), "--workload", str(workload)]) == 1
    assert "sentio: promtool: no such program on PATH; install it" in capsys.readouterr().err
