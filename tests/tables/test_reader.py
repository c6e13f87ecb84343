"""Tables of every form that is accepted, and what is known of them."""

from __future__ import annotations

import gzip
import io
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sentio.tables.lay import lay
from sentio.tables.reader import Choice, Rows, Table, open_table
from sentio.tables.writer import names_of
from sentio.types import SECOND, SeriesKey
from tests.docs.pages import ROOT

DATA = ROOT / "tests/data"
CARS = DATA / "cardata_sample.csv"
ANY = Choice()
NOW = 1_700_000_000 * SECOND + 5
MAY = 1_714_521_600 * SECOND
"""2024-05-01T00:00:00Z"""


def file_of(folder: Path, text: str, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def all_of(path: Path | str, choice: Choice = ANY) -> tuple[Table, list[Rows]]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with open_table(path, choice, now=NOW) as table:
            return table, list(table.chunks())


def test_cars() -> None:
    table, (rows,) = all_of(CARS)
    assert (table.name, table.timefield, table.clock.unit) == ("cardata_sample", "time", "s")
    assert len(table.sensors) == 12, "all but the time and the numbers of the rows, which have no name"
    assert "" not in table.sensors
    expected = pd.read_csv(CARS)
    assert (len(rows), rows.line) == (1357, 2)
    np.testing.assert_array_equal(rows.values, expected[list(table.sensors)].to_numpy(np.float64).T)
    assert rows.times[0] == 1_369_419_697_399_740_000
    assert table.clock.write(int(rows.times[0])) == "1369419697.39974"


def test_one_column_without_a_name() -> None:
    table, (rows,) = all_of(DATA / "cf_test.tsv")
    assert (table.sensors, table.timefield) == (("value",), "")
    assert rows.line == 1
    np.testing.assert_array_equal(rows.values[0], np.loadtxt(DATA / "cf_test.tsv"))
    first = NOW // SECOND * SECOND
    np.testing.assert_array_equal(rows.times, first + SECOND * np.arange(2503))


@pytest.mark.parametrize("mark", [",", "\t", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_and_ends(mark: str, end: str, tmp_path: Path) -> None:
    lines = ["\ufefftime,what,a", "", '1,"x, y; ""z""\n2",1.5', "3,,-2e-3", "4,NA, 7 ", ""]
    text = end.join(line.replace(",", mark) if "x" not in line else line for line in lines)
    text = text.replace('1,"', f'1{mark}"').replace('",1.5', f'"{mark}1.5')
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    table, (rows,) = all_of(path, Choice(by=("what",)))
    assert table.sensors == ("a",)
    assert rows.values.tolist() == [[1.5, -0.002, 7.0]]
    assert rows.groups == (('x, y; "z"\n2',), ("",), ("NA",))
    assert rows.times.tolist() == [SECOND, 3 * SECOND, 4 * SECOND]


@pytest.mark.parametrize("empty", ["", "NaN", "nan", "null", "NULL", "None", "NA", " "])
def test_no_sample(empty: str, tmp_path: Path) -> None:
    path = file_of(tmp_path, f"time,a,b\n1,1,{empty}\n2,{empty},{empty}\n")
    table, (rows,) = all_of(path)
    assert table.sensors == ("a", "b"), "a column without a sample is a sensor, too"
    np.testing.assert_array_equal(rows.values, [[1, np.nan], [np.nan, np.nan]])


def test_large_numbers_and_every_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=5000) * 10.0 ** rng.integers(-300, 300, 5000)
    values[:2] = 1e308, -1e308
    path = file_of(tmp_path, "a\n" + "".join(f"{v!r}\n" for v in values.tolist()))
    _, (rows,) = all_of(path)
    np.testing.assert_array_equal(rows.values[0], values)


def test_text_is_no_sensor(tmp_path: Path) -> None:
    table, (rows,) = all_of(file_of(tmp_path, "time,name,on,a,Unnamed: 3\n1,x,true,5,9\n2,y,false,6,9\n"))
    assert table.sensors == ("a",)
    assert rows.values.tolist() == [[5, 6]]


def test_a_column_with_something_else_among_its_numbers_is_told_of(tmp_path: Path) -> None:
    path = file_of(tmp_path, "time,what,cpu,a,Unnamed: 4\n1,x,5,5,1\n\n2,y,n/k,6,x\n3,z,7,,x\n4,,o,7,x\n")
    table, _ = all_of(path)
    assert (table.sensors, table.left_out) == (("a",), (f'{path}:4: cpu is "n/k"; the column is left out',))
    for choice in (Choice(by=("cpu",)), Choice(sensors=("a",))):
        assert all_of(path, choice)[0].left_out == ()


def test_many_columns_take_no_more_time_each(tmp_path: Path) -> None:
    """As where each name is looked for among all of them."""
    seconds = []
    for count in (500, 8000):
        names = [f"column_{i}" for i in range(count)]
        rows = "".join(f"{t}{',1' * count}\n" for t in range(3))
        path = file_of(tmp_path, f"time,{','.join(names)}\n{rows}", f"{count}.csv")
        began = time.process_time()
        table, _ = all_of(path, Choice(sensors=tuple(names)))
        names_of(table, ("far",))
        seconds.append(time.process_time() - began)
    assert seconds[1] < 50 * seconds[0]


TIMES = {
    "seconds": (["1714521600", "1714521601.25"], [MAY, MAY + SECOND * 5 // 4], "s"),
    "milliseconds": (["1714521600000", "1714521601250"], [MAY, MAY + SECOND * 5 // 4], "ms"),
    "ISO 8601": (["2024-05-01", "2024-05-01T02:00:01+01:00"], [MAY, MAY + 3601 * SECOND], "date"),
    "no zone": (["2024-05-01 00:00", "2024-05-01 00:01"], [MAY, MAY + 60 * SECOND], "date"),
    "month first": (["05/01/2024", "05/13/2024"], [MAY, MAY + 12 * 86_400 * SECOND], "date"),
    "day first": (["01/05/2024", "13/05/2024"], [MAY, MAY + 12 * 86_400 * SECOND], "date"),
    "day first, by the order": (["30/04/2024", "01/05/2024"], [MAY - 86_400 * SECOND, MAY], "date"),
    "dots": (["01.05.2024 00:00:00", "02.05.2024 00:00:00"], [MAY, MAY + 86_400 * SECOND], "date"),
    "words": (["May 1, 2024 12 AM", "June 1, 2024"], [MAY, MAY + 31 * 86_400 * SECOND], "date"),
    "mail": (["Wed, 01 May 2024 00:00:00 GMT", "Sat, 01 Jun 2024"], [MAY, MAY + 31 * 86_400 * SECOND], "date"),
}  # fmt: skip


@pytest.mark.parametrize("case", TIMES)
def test_times(case: str, tmp_path: Path) -> None:
    texts, expected, unit = TIMES[case]
    path = file_of(tmp_path, "date;a\n" + "".join(f"{text};1\n" for text in texts))
    table, (rows,) = all_of(path)
    assert (rows.times.tolist(), table.clock.unit) == (expected, unit)


NAMED = {
    "exact names first": ("Time,timestamp,a", "timestamp"),
    "in their order": ("timestamp,date,a", "date"),
    "any case": ("TimeStamp,a,b", "TimeStamp"),
    "none": ("when,a,b", ""),
}


@pytest.mark.parametrize("case", NAMED)
def test_which_column_has_the_times(case: str, tmp_path: Path) -> None:
    head, found = NAMED[case]
    table, _ = all_of(file_of(tmp_path, head + "\n1,2,3\n2,3,4\n"))
    assert table.timefield == found


def test_a_column_that_goes_back_or_is_no_time_is_passed_over(tmp_path: Path) -> None:
    table, _ = all_of(file_of(tmp_path, "time,datetime,date,a\n5,x,1,1\n4,y,2,2\n"))
    assert (table.timefield, table.sensors) == ("date", ("time", "a"))


def test_a_time_of_day_beside_a_date_is_passed_over_where_the_date_will_do(tmp_path: Path) -> None:
    table, (rows,) = all_of(file_of(tmp_path, "time,date,a\n08:00,2024-05-01,1\n08:00,2024-05-02,2\n"))
    assert (table.timefield, table.sensors, rows.times[0]) == ("date", ("a",), MAY)


def test_the_time_that_is_asked_for(tmp_path: Path) -> None:
    path = file_of(tmp_path, "time,at,a\n1,2024-05-01,1\n2,2024-05-02,2\n")
    table, (rows,) = all_of(path, Choice(timefield="at"))
    assert (table.sensors, rows.times[0]) == (("time", "a"), MAY)
    table, (rows,) = all_of(path, Choice(timefield="at", sensors=("a",)))
    assert table.sensors == ("a",)


def test_gzip_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "cardata_sample.csv.gz"
    path.write_bytes(gzip.compress(CARS.read_bytes()))
    (table, (rows,)), (_, (plain,)) = all_of(path), all_of(CARS)
    assert table.name == "cardata_sample"
    np.testing.assert_array_equal(rows.values, plain.values)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Piped:
        buffer = io.BytesIO(CARS.read_bytes())

    monkeypatch.setattr(sys, "stdin", Piped)
    (table, (rows,)), (_, (plain,)) = all_of("-"), all_of(CARS)
    assert table.name == "stdin"
    np.testing.assert_array_equal(rows.values, plain.values)
    assert not Piped.buffer.closed


def test_pieces_are_the_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"time": np.arange(150_000), "a": rng.normal(size=150_000), "b": rng.normal(size=150_000)})
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    _, parts = all_of(path)
    assert len(parts) > 5
    np.testing.assert_array_equal(np.concatenate([p.values for p in parts], axis=1), frame[["a", "b"]].to_numpy().T)
    np.testing.assert_array_equal(np.concatenate([p.times for p in parts]), frame["time"].to_numpy() * SECOND)
    assert [p.line for p in parts[:2]] == [2, 2 + len(parts[0])]


@pytest.mark.parametrize("kind", ["datetime64[ns]", "datetime64[ms, UTC]", "numbers", "texts"])
@pytest.mark.filterwarnings("ignore")  # of fastparquet, with the newest pandas
def test_parquet(kind: str, tmp_path: Path) -> None:
    import fastparquet

    times: Any = MAY + SECOND * np.arange(120_000)
    column = {"numbers": times // SECOND, "texts": pd.to_datetime(times, utc=True).strftime("%Y-%m-%dT%H:%M:%S%z")}
    at = column.get(kind, pd.to_datetime(times, utc="UTC" in kind))
    values = np.where(np.arange(120_000) % 7 == 0, np.nan, np.arange(120_000) / 3)
    frame = pd.DataFrame({"time": at, "a": values, "n": np.arange(120_000), "host": "x", "on": True})
    path = tmp_path / "t.parquet"
    fastparquet.write(str(path), frame, row_group_offsets=70_000)
    with open_table(path, Choice(by=("host",)), now=0) as table:
        parts = list(table.chunks())
    assert (table.name, table.sensors, len(parts)) == ("t", ("a", "n"), 4)
    np.testing.assert_array_equal(np.concatenate([p.times for p in parts]), times)
    np.testing.assert_array_equal(np.concatenate([p.values[0] for p in parts]), values)
    assert {p.groups for p in parts} == {(("x",),)}


def test_rows_as_a_panel_and_back(tmp_path: Path) -> None:
    text = "time,host,data center,a,b\n1,x,east,1,2\n1,y,,3,4\n2,y,,5,\n4,x,east,7,8\n"
    table, (rows,) = all_of(file_of(tmp_path, text), Choice(by=("host", "data center")))
    laid = lay(rows, "web", table.sensors, table.by)
    east = (("data_center", "east"), ("field", "a"), ("host", "x"))
    assert laid.panel.keys[0] == SeriesKey("web", east)
    assert laid.panel.keys[3] == SeriesKey("web", (("field", "b"), ("host", "y"))), "an empty text is no label"
    assert laid.panel.times.tolist() == [SECOND, 2 * SECOND, 4 * SECOND]
    nan = np.nan
    expected = [[1, nan, 7], [2, nan, 8], [3, 5, nan], [4, nan, nan]]
    np.testing.assert_array_equal(laid.panel.values, expected)
    np.testing.assert_array_equal(laid.back(laid.panel.values), rows.values)


def test_series_with_times_of_their_own_make_no_large_panel(tmp_path: Path) -> None:
    n = 20_000
    path = tmp_path / "t.csv"
    pd.DataFrame({"time": np.arange(n), "id": np.arange(n) % 3000, "a": np.arange(n) / 7}).to_csv(path, index=False)
    with open_table(path, Choice(by=("id",)), now=0) as table:
        parts = list(table.chunks())
        panels = [lay(rows, "t", table.sensors, table.by) for rows in parts]
    assert max(laid.panel.values.size for laid in panels) <= 4_000_000
    assert np.concatenate([rows.times for rows in parts]).tolist() == (np.arange(n) * SECOND).tolist()
    assert [int(rows.groups[g][0]) for rows in parts for g in rows.group.tolist()] == (np.arange(n) % 3000).tolist()
    assert np.concatenate([laid.back(laid.panel.values)[0] for laid in panels]).tolist() == (np.arange(n) / 7).tolist()
    assert [rows.line for rows in parts] == np.cumsum([2, *map(len, parts[:-1])]).tolist()
