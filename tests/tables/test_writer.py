"""What is written is what was read and found, as a whole or not at all."""

from __future__ import annotations

import csv
import json
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sentio.errors import ModuleError, OutputError, TimefieldError
from sentio.tables.blocks import STANDARD
from sentio.tables.reader import Choice, open_table
from sentio.tables.writer import writing
from tests.tables.test_reader import CARS, MAY

ANY = Choice()
CHOICE = Choice(sensors=("engine_speed", "vehicle_speed"))
HEAD = [
    "time", "engine_speed", "vehicle_speed", "SCORE_engine_speed", "FLAG_engine_speed", "far_engine_speed",
    "SCORE_vehicle_speed", "FLAG_vehicle_speed", "far_vehicle_speed",
]  # fmt: skip


def copy(source: Path | str, target: Path | str, choice: Choice = ANY, fail_at: int | None = None) -> None:
    """Each row with a third of its value as the score, flagged above 100, and unjudged where it is 0."""
    with open_table(source, choice, now=MAY) as table, writing(target, table, ("far",)) as file:
        for i, rows in enumerate(table.chunks()):
            scores = np.where(rows.values == 0, np.nan, rows.values / 3)
            flags = np.where(np.isnan(scores), np.nan, scores > 100)
            file.write(rows, scores, flags, {"far": -scores})
            if i == fail_at:
                raise KeyboardInterrupt


def test_csv(tmp_path: Path) -> None:
    copy(CARS, tmp_path / "out.csv", CHOICE)
    with (tmp_path / "out.csv").open(newline="") as written, CARS.open(newline="") as read:
        rows, before = list(csv.DictReader(written)), list(csv.DictReader(read))
    assert list(rows[0]) == HEAD
    assert len(rows) == 1357
    for row, was in zip(rows, before, strict=True):
        assert (row["time"], row["engine_speed"]) == (was["time"], was["engine_speed"])
        speed = float(was["vehicle_speed"])
        assert float(row["vehicle_speed"]) == speed
        assert row["SCORE_vehicle_speed"] == ("" if speed == 0 else repr(speed / 3).removesuffix(".0"))
        assert row["FLAG_vehicle_speed"] == ("" if speed == 0 else str(speed / 3 > 100).lower())
    assert {row["FLAG_vehicle_speed"] for row in rows} == {"", "false"}
    assert {row["FLAG_engine_speed"] for row in rows} == {"", "true", "false"}


def test_json_lines(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text('time;100 %;"a ""b"""\n2024-05-01 02:00+02:00;0;600\n2024-05-01 00:00:00.5;-6;\n', "utf-8")
    copy(source, tmp_path / "out.jsonl", Choice(by=('a "b"',)))
    one, two = map(json.loads, (tmp_path / "out.jsonl").read_text("utf-8").splitlines())
    nothing = {"SCORE_100 %": None, "FLAG_100 %": None, "far_100 %": None}
    assert one == {"time": "2024-05-01T00:00:00Z", 'a "b"': "600", "100 %": 0, **nothing}
    found = {"SCORE_100 %": -2, "FLAG_100 %": False, "far_100 %": 2}
    assert two == {"time": "2024-05-01T00:00:00.5Z", 'a "b"': "", "100 %": -6, **found}


def test_times_that_the_table_has_not_are_dates(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("600\n\n3\n")
    copy(source, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines() == [
        "time,value,SCORE_value,FLAG_value,far_value",
        "2024-05-01T00:00:00Z,600,200,true,-200",
        "2024-05-01T00:00:01Z,3,1,false,-1",
    ]


@pytest.mark.filterwarnings("ignore")  # of fastparquet, with the newest pandas
@pytest.mark.parametrize("dates", [False, True])
def test_parquet(dates: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fastparquet

    monkeypatch.setattr("sentio.tables.writer._CELLS_AT_ONCE", 100_000)
    n = 120_000
    source, times = tmp_path / "in.csv", MAY // 10**9 + np.arange(n) / 4
    at = pd.to_datetime(times, unit="s").strftime("%Y-%m-%d %H:%M:%S.%f") if dates else times
    pd.DataFrame({"time": at, "a": np.arange(n) % 500, "host": "x"}).to_csv(source, index=False)
    copy(source, tmp_path / "out.parquet", Choice(by=("host",)))
    file = fastparquet.ParquetFile(str(tmp_path / "out.parquet"))
    assert len(file.row_groups) > 1
    found = file.to_pandas()
    assert list(found) == ["time", "host", "a", "SCORE_a", "FLAG_a", "far_a"]
    assert found["time"].tolist() == (pd.to_datetime(times, unit="s", utc=True) if dates else times).tolist()
    values = np.arange(n) % 500
    np.testing.assert_array_equal(found["a"], values)
    np.testing.assert_array_equal(found["SCORE_a"], np.where(values == 0, np.nan, values / 3))
    assert found["FLAG_a"].isna().tolist() == (values == 0).tolist()
    assert found["FLAG_a"].fillna(False).tolist() == (values > 300).tolist()
    with open_table(tmp_path / "out.parquet", Choice(sensors=("a",), by=("host",)), now=0) as table:
        assert np.concatenate([rows.times for rows in table.chunks()])[-1] == MAY + (n - 1) * 250_000_000


def test_standard_output(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    copy(CARS, STANDARD, CHOICE)
    copy(CARS, tmp_path / "out.csv", CHOICE)
    assert capsys.readouterr().out == (tmp_path / "out.csv").read_text()


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
@pytest.mark.parametrize("was", [None, "as it was"])
def test_nothing_half_written(name: str, was: str | None, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / name
    source.write_text("time,a\n" + "".join(f"{t},1\n" for t in range(200_000)) + "7,1\n")
    if was:
        target.write_text(was)
    with pytest.raises(TimefieldError):
        copy(source, target)
    with pytest.raises(KeyboardInterrupt):
        copy(source, target, fail_at=0)
    assert {p.name for p in tmp_path.iterdir()} == ({"in.csv", name} if was else {"in.csv"})
    assert not was or target.read_text() == was


def test_what_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = tmp_path / "none" / "out.csv"
    (tmp_path / "folder.csv").mkdir()
    for path, text in (
        (nowhere, f"{nowhere}: cannot be written (No such file or directory); a file that can be is expected"),
        (tmp_path / "folder.csv", f"{tmp_path}/folder.csv: cannot be written (Is a directory); a file that can be is "
         "expected"),
    ):  # fmt: skip
        with pytest.raises(OutputError) as caught:
            copy(CARS, path, CHOICE)
        assert str(caught.value) == text
    source = tmp_path / "in.csv"
    source.write_text("time,a,SCORE_a\n1,2,3\n")
    with pytest.raises(OutputError, match="has a column SCORE_a, which is written beside it; another name is expected"):
        copy(source, tmp_path / "out.csv")
    with open_table(CARS, now=0) as table, pytest.raises(OutputError, match="cannot take Parquet"):
        writing(STANDARD, table, form="parquet").__enter__()
    monkeypatch.setitem(__import__("sys").modules, "fastparquet", None)
    with pytest.raises(ModuleError, match=r"sentio\[parquet\]"):
        copy(CARS, tmp_path / "out.parquet", CHOICE)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.csv", "in.csv"]


def test_texts_that_need_quotation_marks(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text('time,where,"a, ""b"""\n1,"x\ny",5\n1,"z, ""w""",6\n1,,7\n')
    choice = Choice(by=("where",))
    copy(source, tmp_path / "out.csv", choice)
    with open_table(tmp_path / "out.csv", Choice(sensors=('a, "b"',), by=("where",)), now=0) as table:
        (rows,) = table.chunks()
    assert rows.groups == (("x\ny",), ('z, "w"',), ("",))
    assert rows.values.tolist() == [[5, 6, 7]]


def test_a_link_stays_one(tmp_path: Path) -> None:
    """Home folders have links to where there is room: what they lead to is written, and the link is left."""
    there, link = tmp_path / "there.csv", tmp_path / "link.csv"
    there.write_text("as it was")
    link.symlink_to(there)
    copy(CARS, link, CHOICE)
    assert link.is_symlink()
    assert len(there.read_text().splitlines()) == 1358


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_what_is_no_file_is_not_replaced(name: str, tmp_path: Path) -> None:
    """Or root would have a file in place of /dev/null."""
    pipe = tmp_path / name
    os.mkfifo(pipe)
    if name == "out.parquet":
        with pytest.raises(OutputError, match="is no file, and cannot take this; a file that can be written"):
            copy(CARS, pipe, CHOICE)
    else:
        read: list[str] = []
        reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
        reader.start()
        copy(CARS, pipe, CHOICE)
        reader.join(60)
        assert len(read[0].splitlines()) == 1358
    assert pipe.is_fifo()
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_standard_output_that_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(OutputError, match="standard output: is closed; one that is open, or a file, is expected"):
        copy(CARS, STANDARD, CHOICE)
