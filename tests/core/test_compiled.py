"""What is compiled is kept, and is compiled anew where a file has changed that it was made of; records that it is
handed."""

from __future__ import annotations

import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Protocol

import numba
import numpy as np
import numpy.typing as npt
import pytest

from sentio.compiled import record
from sentio.types import Floats

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


class Known(Protocol):
    flag: npt.NDArray[np.int8]
    days: npt.NDArray[np.uint16]
    level: Floats
    ring: npt.NDArray[np.float32]


class Whole(Protocol):
    level: Floats


def test_the_fields_of_a_record_lie_where_they_are_read_in_one_go() -> None:
    kind = record(Known, ring=(2, 3))
    assert kind.fields is not None
    assert {name: at for name, (_, at, *_) in kind.fields.items()} == {
        "level": 0, "ring": 8, "days": 32, "flag": 34, "filler": 35,
    }  # fmt: skip
    assert kind.itemsize == 40  # so that the next one lies as well
    assert kind["ring"].shape == (2, 3)
    assert "filler" not in (record(Whole).names or ())


def test_a_field_is_named_as_nothing_that_every_array_has() -> None:
    class Odd(Protocol):
        flat: Floats
        base: Floats

    with pytest.raises(TypeError, match=r"^Odd: of an array flat, base is another thing; other names are expected$"):
        record(Odd)
    with pytest.raises(TypeError, match=r"^Known: a shape is given for rings; fields of it are expected$"):
        record(Known, rings=(2,))


def test_records_that_were_saved_and_put_together_are_what_the_kernel_was_compiled_for() -> None:
    mine = np.zeros(2, record(Known, ring=(2, 3)))
    file = BytesIO()
    np.save(file, mine)
    file.seek(0)
    read = np.load(file)
    for array in (read, np.concatenate([read, read]), np.concatenate([read, mine]), np.where(True, read, read)):
        assert numba.typeof(np.atleast_1d(array)) == numba.typeof(mine)


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
