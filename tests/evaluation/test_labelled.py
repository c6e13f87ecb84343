"""What files may look like, and what is said of those that do not."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from sentio.errors import ConfigError, EvaluationError
from sentio.evaluation.labelled import of_panel, read_file, read_manifest, read_windows, with_windows
from sentio.evaluation.samples import moment, read_samples
from sentio.types import SECOND, Panel, SeriesKey
from tests.evaluation.made import STEP, labelled_folder

NAN = float("nan")


def written(folder: Path, text: str, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    "times",
    [
        ("1700000000", "1700000300.5"),
        ("1700000000000", "1700000300500"),
        ("2023-11-14T22:13:20Z", "2023-11-14T22:18:20.500Z"),
        ("2023-11-14 22:13:20", "2023-11-14 22:18:20.5"),
        ("2023-11-15T00:13:20+02:00", "2023-11-15T00:18:20.500+02:00"),
    ],
)
def test_times_in_seconds_milliseconds_and_words(tmp_path: Path, times: tuple[str, str]) -> None:
    path = written(tmp_path, f"\ufeffvalue, Time ,other,label\n1.5,{times[0]},x,0\n,{times[1]},y,1\n")
    found = read_samples(path)
    assert found.times.tolist() == [1_700_000_000 * SECOND, 1_700_000_300 * SECOND + SECOND // 2]
    np.testing.assert_array_equal(found.values, [1.5, np.nan])
    assert found.labels is not None
    assert found.labels.tolist() == [0, 1]
    assert moment(times[1]) == found.times[1]


TIME = "seconds or milliseconds since 1970, or a time such as 2024-05-01T12:00:00Z, are expected"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1: is empty; a line with the columns time and value, and rows below it, is expected"),
        ("\n\nt,value\n1,2\n", "3: has the columns t, value; time and value are expected"),
        ("t,value\n1,2\n", "1: has the columns t, value; time and value are expected"),
        ("time,value\n", "1: has no rows below its head; at least one is expected"),
        ("time,value\n1,2\n3\n", "3: has 1 fields; 2 are expected"),
        ("time,value\n\n1,2\n\n2\n", "5: has 1 fields; 2 are expected"),
        ("time,value\n1,2\n2,51,76\n", "3: has 3 fields; 2 are expected"),
        ("time,value,value\n1,2,3\n", "1: has the column value twice; each of them once is expected"),
        ("time,value,label,Label\n1,2,0,1\n", "1: has the column label twice; each of them once is expected"),
        ("time,value\n1,2\nyesterday,3\n", f"3: time is 'yesterday'; {TIME}"),
        ("time,value\n\n1,2\n\nyesterday,3\n", f"5: time is 'yesterday'; {TIME}"),
        (
            "time,value\n1700000000,1\n0,2\n1700000060,3\n1700000120,4\n",
            "3: time is '0', 54 years from the nearest one; times near each other, such as '1700000000', are expected",
        ),
        (
            "time,value\n1700000000,1\n1700000060,2\n1700000120,3\n2100-01-01T00:00:00Z,4\n",
            "5: time is '2100-01-01T00:00:00Z', 76 years from the nearest one; times near each other, such as "
            "'1700000120', are expected",
        ),
        (
            "time,value\n-8500000000,1\n1700000000,2\n1700000060,3\n1700000120,4\n",
            "2: time is '-8500000000', 323 years from the nearest one; times near each other, such as '1700000000', "
            "are expected",
        ),
        (
            "time,value\n1969-12-31T23:59:00Z,1\n1969-12-31T23:58:00Z,2\n1970-01-01T00:00:00Z,3\n",
            "3: time is '1969-12-31T23:58:00Z', before 1970; times from then on are expected",
        ),
        ("time,value\n1,2\n1e20,3\n", f"3: time is '1e20'; {TIME}"),
        ("time,value\n1,2\n2,high\n", "3: value is 'high'; a finite number, or nothing, is expected"),
        ("time,value\n1,2\n2,-inf\n3,high\n", "3: value is '-inf'; a finite number, or nothing, is expected"),
        ("time,value\n1,2\n2,1e999\n", "3: value is '1e999'; a finite number, or nothing, is expected"),
        ("time,value,label\n1,2,0\n2,3,yes\n", "3: label is 'yes'; 0, or 1 inside an incident, is expected"),
    ],
)
def test_a_file_that_is_wrong_is_told_by_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(EvaluationError, match=f"^{re.escape(f'{path}:{said}')}$"):
        read_samples(path)


def test_years_between_samples_that_are_years_apart_are_no_mistake(tmp_path: Path) -> None:
    text = "time,value\n" + "".join(f"{1970 + 7 * i}-01-01T00:00:00Z,1\n" for i in range(12))
    assert len(read_samples(written(tmp_path, text)).times) == 12


def test_a_byte_order_mark_in_gzip(tmp_path: Path) -> None:
    path = tmp_path / "marked.csv.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbftime,value\n1,2\n"))
    assert read_samples(path).values.tolist() == [2]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    expected = "a CSV file, or one in gzip, is expected"
    with pytest.raises(
        EvaluationError, match=re.escape(f"{path}: cannot be read (No such file or directory); {expected}")
    ):
        read_samples(path)
    path = written(tmp_path, "time,value\n1,2\n", "plain.csv.gz")
    with pytest.raises(EvaluationError, match=re.escape(f"{path}: cannot be read (Not a gzipped file")):
        read_samples(path)
    path = tmp_path / "bytes.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EvaluationError, match=re.escape(f"{path}: cannot be read ('utf-8' codec")):
        read_samples(path)
    path = written(tmp_path, "time,value\n5,2\n5,3\n")
    with pytest.raises(EvaluationError, match="has samples of one time only; at least two times are expected"):
        read_file(path, "file", None)


def test_the_step_is_the_usual_distance_and_the_warm_up_is_left_out(tmp_path: Path) -> None:
    times = [60 * i + (600 if i > 50 else 0) for i in range(100)]
    path = written(tmp_path, "time,value\n" + "".join(f"{t},1\n" for t in times), "a.b.csv")
    found = read_file(path, "file", None)
    assert (found.name, found.step, found.scored_from, found.known) == ("a.b", 60 * SECOND, 15, False)
    assert read_file(path, "file", 0).scored_from == 0
    assert read_file(path, "file", 600 * SECOND).scored_from == 10
    assert read_file(path, "file", 109 * 60 * SECOND).scored_from == 99
    said = "--warm-up: is 1h50m, and the samples are of 1h49m; less than that is expected"
    with pytest.raises(ConfigError, match=f"^{said}$"):
        read_file(path, "file", 110 * 60 * SECOND)


def test_a_folder_with_a_manifest(tmp_path: Path) -> None:
    entries = read_manifest(labelled_folder(tmp_path))
    assert [(e.group, e.name, e.step // SECOND, e.scored_from) for e in entries] == [
        ("web", "one", 300, 576),
        ("web", "two", 300, 576),
        ("db", "slow", 3600, 48),
    ]
    found = entries[0].read()
    assert (len(found.times), int(found.labels.sum()), found.known) == (1152, 12, True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("web,three,300,0", "2: {folder}/web/three.csv.gz is not there; the samples of each series that is listed are"),
        ("web,one,5m,0", "2: step_seconds is '5m'; a whole number from 1 is expected"),
        (
            "web,one,300,0\ndb,slow,3600,0\nweb,one,300,9",
            "4: web/one stands in line 2, too; each series once is expected",
        ),
        ("web,one,300,-1", "2: scored_from_index is '-1'; a whole number from 0 is expected"),
    ],
)
def test_a_manifest_that_is_wrong(tmp_path: Path, line: str, said: str) -> None:
    path = written(labelled_folder(tmp_path), f"set,series,step_seconds,scored_from_index\n{line}\n", "manifest.csv")
    with pytest.raises(EvaluationError, match=re.escape(f"{path}:{said.format(folder=tmp_path)}")):
        read_manifest(tmp_path)


def test_a_manifest_that_starts_behind_the_last_row(tmp_path: Path) -> None:
    written(labelled_folder(tmp_path), "set,series,step_seconds,scored_from_index\nweb,one,300,1152\n", "manifest.csv")
    with pytest.raises(
        EvaluationError, match=r"has 1152 rows, and manifest\.csv has scored_from_index 1152; a smaller"
    ):
        read_manifest(tmp_path)[0].read()


def test_rows_of_a_folder_are_put_in_the_order_of_time(tmp_path: Path) -> None:
    """As those of a file are: from their first to their last were no days."""
    folder = labelled_folder(tmp_path)
    (folder / "web" / "one.csv.gz").unlink()
    written(folder, "time,value,label\n900,4,0\n600,3,1\n600,5,0\n300,2,0\n0,1,0\n", "web/one.csv")
    written(folder, "set,series,step_seconds,scored_from_index\nweb,one,300,1\n", "manifest.csv")
    found = read_manifest(folder)[0].read()
    assert (found.times // SECOND).tolist() == [0, 300, 600, 600, 900]
    assert (found.values.tolist(), found.labels.tolist()) == ([1, 2, 3, 5, 4], [0, 0, 1, 0, 0])
    assert found.scored_from == 1


def test_windows_beside_the_data(tmp_path: Path) -> None:
    path = written(tmp_path, "time,value\n" + "".join(f"{60 * i},1\n" for i in range(10)))
    labels = written(tmp_path, "series,start,end\na,120,180\na,1970-01-01T00:06:30Z,1970-01-01T00:08:00Z\n", "w.csv")
    found = with_windows(read_file(path, "file", 0), read_windows(labels, [("file", "a")]))
    assert found.labels.tolist() == [0, 0, 1, 1, 0, 0, 0, 1, 1, 0]
    assert found.known


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("b,1,2", "2: series is 'b', which is not among the data; one such as a is expected"),
        ("a,2,1", "2: end is 1, before start (2); a later one is expected"),
        (
            "two,1,2",
            "2: series is 'two', and so is one of each of the sets x, y; a column set, which says of which it is, "
            "is expected",
        ),
        ("two,1,2,z", "2: set is 'z', which has no series two; x or y is expected"),
        ("a,1,2,y", "2: set is 'y', which has no series a; x is expected"),
        ("a,now,1", "2: start is 'now'; a time in seconds since 1970, or in ISO 8601, is expected"),
    ],
)
def test_windows_that_are_wrong(tmp_path: Path, line: str, said: str) -> None:
    path = written(tmp_path, f"series,start,end,set\n{line}{',' * (4 - line.count(',') - 1)}\n")
    with pytest.raises(EvaluationError, match=f"^{re.escape(f'{path}:{said}')}$"):
        read_windows(path, [("x", "a"), ("x", "two"), ("y", "two")])


def test_windows_of_a_name_that_two_sets_have(tmp_path: Path) -> None:
    path = written(tmp_path, "set,series,start,end\ny,two,1,2\n,a,3,4\nx,two,5,6\ny,two,7,8\n")
    found = read_windows(path, [("x", "a"), ("x", "two"), ("y", "two")])
    seconds = {key: [(start // SECOND, end // SECOND) for start, end in own] for key, own in found.items()}
    assert seconds == {("y", "two"): [(1, 2), (7, 8)], ("x", "a"): [(3, 4)], ("x", "two"): [(5, 6)]}


def test_windows_with_times_of_a_zone(tmp_path: Path) -> None:
    text = "series,start,end\na,2026-04-01T08:00,2026-04-01T08:00:00Z\n"
    found = read_windows(written(tmp_path, text), [("file", "a")], ZoneInfo("Europe/Berlin"))
    ((start, end),) = found["file", "a"]
    assert end - start == 2 * 3600 * SECOND


def test_a_gap_within_a_series_of_a_pipeline_is_kept_and_what_is_outside_of_it_is_not():
    values = np.array([[NAN, 1.0, NAN, NAN, 2.0, NAN], [NAN] * 6])
    panel = Panel((SeriesKey("a"), SeriesKey("b")), STEP * np.arange(6, dtype=np.int64), values)
    (found,) = of_panel(panel, "load", STEP, 0)
    assert (found.times // STEP).tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(found.values, [1.0, NAN, NAN, 2.0])
