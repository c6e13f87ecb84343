"""Whatever is wrong with a table is told with its file and line, and ends a command with the code of its kind."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import pytest

from sentio.errors import DetectorNotFoundError, InputError, ModuleError, SensorsError, TimefieldError
from sentio.tables.reader import Choice, open_table

ANY = Choice()
HEAD = "time,a,b\n"
BODY = "".join(f"{t},{t % 7},{t % 3}\n" for t in range(20))
FAR = "".join(f"{t},1,2\n" for t in range(200_000))
"""More than is looked at to tell what the columns are."""

NUMBER = " a finite number, or nothing, is expected"
TEXT = " a CSV file in UTF-8, or one of them in gzip, is expected"
FEED = " a line that ends with a line feed is expected"
THREE = " 3, as many as the first line has, is expected"
MOMENT = " seconds or milliseconds since 1970, or times such as 2024-05-01T12:00:00Z, are expected"
LATER = " a later one, or the column that tells the series apart (by), is expected"

SENSORS: dict[str, tuple[bytes | str, Choice, str]] = {
    "empty": ("", ANY, ":1: is empty; a line with the names of the columns, and rows below it, is expected"),
    "blank": (" \n\n", ANY, ":1: is empty; a line with the names of the columns, and rows below it, is expected"),
    "header only": (HEAD, ANY, ":1: has no rows below its names; at least one row is expected"),
    "the one column": ("time,a\n1,1\n2,x\n", ANY, ':3: a is "x"; a finite number, or nothing, is expected'),
    "no numbers": (
        "time,a,b\n1,x,y\n2,y,z\n", ANY, ":1: has no column of numbers beside the times; at least one is expected"
    ),
    "no numbers alone": ("time,a,b\n1,2,\n2,3,y\n3,x,4\n", ANY, ':3: b is "y";' + NUMBER),
    "text, by name": ("time,a\n1,2\n2,y\n", Choice(sensors=("a",)), ':3: a is "y";' + NUMBER),
    "text, later": (
        HEAD + FAR + "200000,7,oops\n", ANY, ':200002: b is "oops";' + NUMBER
    ),
    "infinite": (HEAD + "1,2,3\n2,3,-inf\n", ANY, ":3: b is \"-inf\";" + NUMBER),
    "overflows": (HEAD + "1,2,3\n2,1e309,3\n", ANY, ":3: a is \"1e309\";" + NUMBER),
    "short row": (HEAD + BODY + "20,1\n", ANY, ":22: has 2 fields;" + THREE),
    "long row": (HEAD + "1,2,3\n\n2,3,4,5\n", ANY, ":4: has 4 fields;" + THREE),
    "twice": ("time,a,a\n1,2,3\n", ANY, ':1: has the column "a" twice; a name for each column is expected'),
    "no names": ("1,2\n3,4\n", ANY, ':1: is "1, 2"; a line with the names of the columns is expected'),
    "unknown sensor": (
        HEAD + BODY, Choice(sensors=("bb",)),
        ':1: has no column "bb" (sensors); time, a or b is expected (did you mean b?)',
    ),
    "sensor twice": (
        HEAD + BODY, Choice(sensors=("b", "b")), ':1: sensors has "b" twice; each column once is expected'
    ),
    "sensor and by": (
        HEAD + BODY, Choice(sensors=("a",), by=("a",)),
        ':1: "a" is asked for as two of timefield, sensors and by; one of them is expected',
    ),
    "time and by": (
        HEAD + BODY, Choice(by=("time",)),
        ':1: "time" is asked for as two of timefield, sensors and by; one of them is expected',
    ),
    "unknown by": (HEAD + BODY, Choice(by=("host",)), ':1: has no column "host" (by); time, a or b is expected'),
    "binary": (b"\x7fELF\x02\x01\x01\0\0", ANY, ":1: is not text;" + TEXT),
    "binary below": ((HEAD + BODY).encode() + b"20,\0,1\n", ANY, ":22: is not text;" + TEXT),
    "Latin-1": (HEAD.encode() + b"1,2,\xe9\n", ANY, ":2: has the byte 0xe9, which is not UTF-8; UTF-8 is expected"),
    "UTF-16": ((HEAD + BODY).encode("utf-16"), ANY, ":1: is UTF-16; UTF-8 is expected"),
    "old ends": ("time,a\r1,2\r2,3\r", ANY, ":1: has a carriage return that ends no line;" + FEED),
    "an old end": (HEAD + "1,2,3\n2,2\r,3\n", ANY, ":3: has a carriage return that ends no line;" + FEED),
    "mark not closed": (
        'time,a\n1,"2\n', ANY,
        ":1: has, in this line or below, a quotation mark that none closes; a second is expected",
    ),
    "mark within a field": (
        'time,what,a\n1,5" pipe,2\n2,6" pipe,3\n', ANY,
        ":2: has, in this line or below, a quotation mark within a field; a field in quotation marks, with the mark "
        "doubled, is expected",
    ),
    "a line without end": (HEAD + "2" * 3_000_000, ANY, ":2: has a line of more than 1 MiB; a shorter one is expected"),
}  # fmt: skip
"""Each without its file: what is in it, what is asked for, and what is said."""

TIMES: dict[str, tuple[str, Choice, str]] = {
    "unknown": (
        HEAD + BODY, Choice(timefield="tiem"),
        ':1: has no column "tiem" (timefield); time, a or b is expected (did you mean time?)',
    ),
    "no time": (
        "time,a\nnever,1\n", ANY,
        ':2: time is "never";' + MOMENT,
    ),
    "no time, by name": (
        "at,a\n2024-05-01,1\nlater,2\n", Choice(timefield="at"),
        ':3: at is "later";' + MOMENT,
    ),
    "no time, later": (
        "time,a\n" + "".join(f"2024-05-{d:02} 10:00,1\n" for d in range(1, 32)) + "soon,1\n", ANY,
        ':33: time is "soon";' + MOMENT,
    ),
    "nanoseconds": (
        "time,a\n1700000000000000000,1\n1700000001000000000,2\n", ANY,
        ':2: time is "1700000000000000000";' + MOMENT,
    ),
    "far, later": (
        HEAD + BODY + "20000000000,1,1\n", ANY, ':22: time is "20000000000";' + MOMENT
    ),
    "text among numbers": (
        HEAD + BODY + "soon,1,1\n", ANY, ':22: time is "soon";' + MOMENT
    ),
    "empty": (
        HEAD + BODY + ",1,1\n", ANY,
        ':22: time is "";' + MOMENT,
    ),
    "times of day": (
        "time,a\n12:30,1\n12:31,2\n", ANY,
        ':2: time is "12:30", a time of day without a date; one column that has both is expected',
    ),
    "a date and a time of day": (
        "date,time,a\n2024-05-01,12:30:00,1\n2024-05-01,12:31:00,2\n", ANY,
        ':2: time is "12:30:00", a time of day without a date; one column that has both is expected',
    ),
    "a time of day, later": (
        "at,a\n" + "".join(f"May {d} 2024,1\n" for d in range(1, 31)) + "1:05 PM,2\n", Choice(timefield="at"),
        ':32: at is "1:05 PM", a time of day without a date; one column that has both is expected',
    ),
    "too far": (
        "time,a\n9999-01-01,1\n", ANY,
        ':2: time is "9999-01-01";' + MOMENT,
    ),
    "twice": (
        HEAD + BODY + "19,1,1\n", ANY,
        ":22: the time 19 is the same as that of line 21 (19);" + LATER,
    ),
    "backward": (
        "time,a\n2024-05-01,1\n2024-05-03,1\n2024-05-02T12:30:00.5,1\n", ANY,
        ":4: the time 2024-05-02T12:30:00.5Z is before that of line 3 (2024-05-03T00:00:00Z);" + LATER,
    ),
    "backward across blocks": (
        HEAD + FAR + "199999,1,1\n", ANY,
        ":200002: the time 199999 is the same as that of line 200001 (199999);" + LATER,
    ),
    "twice in one series": (
        "time,host,a\n1,x,1\n1,y,2\n2,x,3\n1,y,4\n", Choice(by=("host",)),
        ":5: the time 1 is the same as that of line 3 (1);" + LATER,
    ),
}  # fmt: skip


def read(path: Path | str, choice: Choice = ANY) -> None:
    with open_table(path, choice, now=0) as table:
        for _ in table.chunks():
            pass


def refused(path: Path | str, choice: Choice = ANY) -> InputError:
    with pytest.raises(InputError) as caught:
        read(path, choice)
    return caught.value


@pytest.mark.parametrize("case", SENSORS)
def test_what_is_no_table(case: str, tmp_path: Path) -> None:
    content, choice, text = SENSORS[case]
    file = tmp_path / "t.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    error = refused(file, choice)
    assert str(error) == f"{file}{text}"
    assert (type(error), error.code) == (SensorsError, 4)


@pytest.mark.parametrize("case", TIMES)
def test_times_that_are_none(case: str, tmp_path: Path) -> None:
    content, choice, text = TIMES[case]
    file = tmp_path / "t.csv"
    file.write_text(content, "utf-8")
    error = refused(file, choice)
    assert str(error) == f"{file}{text}"
    assert (type(error), error.code) == (TimefieldError, 3)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    none = tmp_path / "none.csv"
    assert str(refused(none)) == f"{none}: is not there; a file of samples is expected"
    assert str(refused(tmp_path)) == f"{tmp_path}: is a folder; a file is expected"
    for name in ("none.parquet", "none.csv.gz"):
        assert str(refused(tmp_path / name)) == f"{tmp_path / name}: is not there; a file of samples is expected"


def test_gzip_that_is_none_and_gzip_that_breaks_off(tmp_path: Path) -> None:
    file = tmp_path / "t.csv.gz"
    file.write_text(HEAD + BODY)
    assert "cannot be read (Not a gzipped file" in str(refused(file))
    file.write_bytes(gzip.compress((HEAD + BODY).encode())[:-20])
    assert "cannot be read (Compressed file ended" in str(refused(file))


def test_parquet_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    file.write_text(HEAD + BODY)
    text = str(refused(file))
    assert text.startswith(f"{file}: cannot be read (")
    assert text.endswith("; a Parquet file is expected")


def test_parquet_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastparquet", None)
    error = refused(tmp_path / "t.parquet")
    assert (type(error), error.code) == (ModuleError, 1)
    assert "pip install 'sentio[parquet]'" in str(error)


def test_each_kind_has_a_code_of_datastream_io() -> None:
    assert [e.code for e in (ModuleError, DetectorNotFoundError, TimefieldError, SensorsError)] == [1, 2, 3, 4]
