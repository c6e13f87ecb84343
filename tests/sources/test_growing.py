"""A file that another program writes while it is read: no half row, no row lost, and whatever takes its place."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from sentio.cli import main
from sentio.errors import SensorsError, SourceError
from sentio.sources.csv import Csv
from sentio.tables.blocks import Blocks
from sentio.types import SECOND, Window

ROWS = (
    ("time,host,cpu\r\n", None),
    ("1,zürich,12.345\r\n", 12.345),
    ('2,"a ""b""\nc, d",23.5\n', 23.5),
    ("3,x,1e5\n", 1e5),
    ('4,"",-7\n', -7.0),
    ("\n", None),
    ("55,x,8.25\r\n", 8.25),
)
WINDOW = Window(SECOND, 60 * SECOND, SECOND)
_WRITER = """
import sys
with open(sys.argv[1], "ab", buffering=0) as file:
    for line in sys.stdin:
        file.write(bytes.fromhex(line))
        print(flush=True)
"""


@contextmanager
def appending(path: Path) -> Iterator[object]:
    """Appends bytes to ``path`` in another process, and has done so when the call is over."""
    command = [sys.executable, "-c", _WRITER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:

        def append(data: bytes) -> None:
            writer.stdin.write(data.hex() + "\n")
            writer.stdin.flush()
            writer.stdout.readline()

        yield append
        writer.stdin.close()


def read(source: Csv) -> list[float]:
    """The samples in the order of their times."""
    panel = source.read("*", WINDOW)
    return [float(v) for v in panel.values.T.ravel() if np.isfinite(v)]


@pytest.mark.parametrize("size", [1, 2, 7])
def test_no_half_row_wherever_it_is_cut(tmp_path: Path, size: int) -> None:
    path = tmp_path / "t.csv"
    data = "".join(row for row, _ in ROWS).encode()
    ends = np.cumsum([len(row.encode()) for row, _ in ROWS])
    source = Csv(Csv.Options(path=path, by=("host",)))
    with appending(path) as append:
        for at in range(0, len(data), size):
            append(data[at : at + size])
            whole = [
                value for (_, value), end in zip(ROWS, ends, strict=True) if value is not None and end <= at + size
            ]
            if whole:
                assert read(source) == whole, data[: at + size]
            else:
                with pytest.raises(SourceError, match=r"has no line yet that has ended|has no rows below its names"):
                    read(source)


@pytest.mark.parametrize(("growing", "seen"), [(True, b"time,a\n"), (False, b"time,a\n1,5")])
def test_a_row_that_goes_on_while_the_file_is_read(tmp_path: Path, growing: bool, seen: bytes) -> None:
    """Once the end was seen, what is appended is the rest of a row, and none of its own."""
    path = tmp_path / "t.csv"
    path.write_text("time,a\n1,5")
    blocks = Blocks(str(path), str(path), growing=growing)
    parts = iter(blocks)
    assert next(parts) == (1, seen)
    with path.open("a") as file:
        file.write(".25\n2,6\n")
    assert list(parts) == []
    blocks.close()


def test_a_finished_file_is_read_to_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.csv"
    path.write_text("time,a\n1,5\n2,12.3")
    assert main(["detect", str(path), "--out", str(tmp_path / "out.csv")]) == 0
    assert "2 rows" in capsys.readouterr().out
    assert (tmp_path / "out.csv").read_text().splitlines()[-1].startswith("2,12.3,")
    assert read(Csv(Csv.Options(path=path))) == [5]


def test_a_new_file_in_its_place(tmp_path: Path) -> None:
    """Renamed away and begun anew, as logrotate does; truncated and written again; and one put there that has the
    same size and the same time."""
    path, beside = tmp_path / "t.csv", tmp_path / "new.csv"
    path.write_text("time,a\n1,5\n2,6\n3,7\n")
    source = Csv(Csv.Options(path=path))
    assert read(source) == [5, 6, 7]
    path.rename(tmp_path / "t.csv.1")
    with pytest.raises(SourceError) as caught:
        read(source)
    assert (caught.value.reason, caught.value.permanent) == ("not_found", False)
    path.write_text("time,a\n4,8\n")
    assert read(source) == [8]
    path.write_text("time,b\n5,")
    with pytest.raises(SourceError, match="has no rows below its names; at least one row, with the end of its line,"):
        read(source)
    path.write_text("time,b\n5,9\n")
    assert [str(key) for key in source.read("*", WINDOW).keys] == ['t{field="b"}']
    beside.write_text("time,b\n5,3\n")
    stamp = path.stat().st_mtime_ns
    os.utime(beside, ns=(stamp, stamp))
    beside.replace(path)
    assert read(source) == [3]


def test_what_is_written_anew_without_a_head_is_told(tmp_path: Path) -> None:
    """As after ``copytruncate``; a program that goes on at its old place leaves a hole."""
    path = tmp_path / "t.csv"
    path.write_text("time,a\n1,5\n")
    source = Csv(Csv.Options(path=path))
    assert read(source) == [5]
    path.write_text("2,6\n")
    with pytest.raises(SourceError, match=r'is "2, 6"; a line with the names of the columns is expected'):
        read(source)
    path.write_bytes(bytes(11) + b"2,6\n")
    with pytest.raises(SourceError, match="is not text"):
        read(source)


def test_a_quotation_mark_too_many_does_not_hide_all_that_follows(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    head = 'time,host,a\n1,x,5\n2,"y,6\n'
    path.write_text(head + "".join(f"{t},x,7\n" for t in range(3, 103)))
    source = Csv(Csv.Options(path=path, by=("host",)))
    with pytest.raises(SourceError, match="a quotation mark that none closes"):
        read(source)
    path.write_text(head)
    assert read(source) == [5]
    with pytest.raises(SensorsError, match="a quotation mark that none closes"):
        list(Blocks(str(path), str(path), growing=False))
