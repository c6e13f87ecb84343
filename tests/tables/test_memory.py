"""A file that is ten times as large takes no more memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

_COPY = """
import resource, sys
import numpy as np
from sentio.tables.reader import open_table
from sentio.tables.writer import writing
read = 0
with open_table(sys.argv[1], now=0) as table, writing(sys.argv[2], table) as file:
    for rows in table.chunks():
        read += len(rows)
        file.write(rows, rows.values / 2, (rows.values > 1).astype(float), {})
print(read, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
_ROWS = 80_000
_LESS_MIB = 40
"""What the peak may differ by; the larger file alone has more than that beyond the smaller."""


def made(path: Path, rows: int) -> Path:
    block = np.random.default_rng(1).normal(size=(1000, 8))
    tail = ["," + ",".join(map(repr, row)) for row in block.tolist()]
    with path.open("w") as file:
        file.write("time," + ",".join(f"sensor{i}" for i in range(8)) + "\n")
        for start in range(0, rows, 1000):
            file.write("".join(f"{1_700_000_000 + start + i}{text}\n" for i, text in enumerate(tail)))
    return path


def peak_mib(source: Path, target: Path, rows: int) -> float:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _COPY, str(source), str(target)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    read, peak = map(int, done.stdout.split())
    assert read == rows
    return peak / 1024


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_of_a_table(form: str, tmp_path: Path) -> None:
    few, many = made(tmp_path / "few.csv", _ROWS // 10), made(tmp_path / "many.csv", _ROWS * 6)
    assert many.stat().st_size > 70 << 20
    small = peak_mib(few, tmp_path / f"few.{form}", _ROWS // 10)
    large = peak_mib(many, tmp_path / f"many.{form}", _ROWS * 6)
    assert large - small < _LESS_MIB
