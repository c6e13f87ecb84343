"""What is compiled is kept, and is compiled anew where a file has changed that it was made of."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

KERNEL = """
import sys
sys.path.insert(0, {folder!r})
from sentio.compiled import kernel
from parts import twice

@kernel
def both(x):
    return twice(x) + 1

print(both(20), sum(both.stats.cache_hits.values()))
"""
PART = """
from sentio.compiled import part

@part
def twice(x):
    return {times} * x
"""


def test_a_kernel_is_kept_until_a_file_beside_it_has_changed(tmp_path: Path) -> None:
    folder = tmp_path / "kernels"
    folder.mkdir()
    (folder / "whole.py").write_text(KERNEL.format(folder=str(folder)))
    (folder / "parts.py").write_text(PART.format(times=2))
    assert run(folder) == "41 0"
    assert run(folder) == "41 1"
    (folder / "parts.py").write_text(PART.format(times=3))
    assert run(folder) == "61 0"
    assert run(folder) == "61 1"


def run(folder: Path) -> str:
    """What a process of its own prints: the result, and how often the kernel was read from disk."""
    env = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache")}
    done = subprocess.run([sys.executable, folder / "whole.py"], env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()
