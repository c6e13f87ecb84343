"""A file of samples as a source: on the grid, and as it is now."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sentio import build
from sentio.config.load import load
from sentio.errors import SourceError
from sentio.evaluation.recorded import gridded
from sentio.sources.csv import Csv
from sentio.telemetry import Telemetry
from sentio.types import SECOND, Panel, SeriesKey, Window
from tests.tables.test_reader import CARS

STEP = 10 * SECOND
FIRST = 1_369_419_690 * SECOND


def source(path: Path, **options: object) -> Csv:
    return Csv(Csv.Options(path=path, **options))


def refused(path: Path, query: str = "*", **options: object) -> SourceError:
    with pytest.raises(SourceError) as caught:
        source(path, **options).read(query, Window(0, 10 * STEP, STEP))
    return caught.value


def bits(panel: Panel) -> bytes:
    return panel.values.tobytes()


def test_on_the_grid_as_a_replay_has_it() -> None:
    frame = pd.read_csv(CARS)
    window = Window.ending(FIRST + 2000 * SECOND, 2000 * SECOND, STEP)
    panel = source(CARS).read("vehicle_speed, engine_speed", window)
    assert panel.keys == tuple(
        SeriesKey("cardata_sample", (("field", name),)) for name in ("vehicle_speed", "engine_speed")
    )
    np.testing.assert_array_equal(panel.times, window.times())
    times = (frame["time"] * 1e6).round().astype(np.int64).to_numpy() * 1000
    samples = [(times, frame[name].to_numpy(np.float64)) for name in ("vehicle_speed", "engine_speed")]
    whole = gridded(panel.keys, samples, STEP)
    columns = (window.times() - whole.times[0]) // STEP
    there = (columns >= 0) & (columns < len(whole.times))
    assert 130 < there.sum() < len(window), "the window begins before the samples and ends after them"
    np.testing.assert_array_equal(panel.values[:, there], whole.values[:, columns[there]])
    assert np.isnan(panel.values[:, ~there]).all()


def test_all_sensors_and_those_that_are_chosen() -> None:
    window = Window(FIRST + STEP, FIRST + 20 * STEP, STEP)
    assert len(source(CARS).read("*", window).keys) == 12
    chosen = source(CARS, sensors=("odometer", "fuel_level"), name="car")
    assert [str(key) for key in chosen.read(" * ", window).keys] == ['car{field="odometer"}', 'car{field="fuel_level"}']
    assert len(chosen.read("odometer", window).keys) == 1


@pytest.mark.parametrize("cut", [1, 3, 7, 50])
def test_windows_cut_anywhere_give_the_same_bits(cut: int) -> None:
    file = source(CARS)
    window = Window(FIRST + STEP, FIRST + 100 * STEP, STEP)
    parts = [file.read("*", part).values for part in window.split(cut)]
    assert np.concatenate(parts, axis=1).tobytes() == bits(file.read("*", window))


def test_series_without_a_sample_in_the_window_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("time,host,a,b\n10,x,1,\n10,y,2,3\n25,x,4,\n")
    panel = source(path, by=("host",)).read("*", Window(0, 30 * SECOND, STEP))
    assert [str(key) for key in panel.keys] == [
        't{field="a",host="x"}', 't{field="a",host="y"}', 't{field="b",host="y"}',
    ]  # fmt: skip
    nan = np.nan
    np.testing.assert_array_equal(panel.values, [[nan, 1, nan, 4], [nan, 2, nan, nan], [nan, 3, nan, nan]])
    assert source(path, by=("host",)).read("*", Window(40 * SECOND, 60 * SECOND, STEP)).values.shape == (0, 3)


def test_an_empty_cell_hides_no_sample_of_its_step(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("time,a\n1,5\n8,6\n9,\n12,\n")
    panel = source(path).read("a", Window(0, 20 * SECOND, STEP))
    np.testing.assert_array_equal(panel.values, [[np.nan, 6, np.nan]])


def test_read_again_only_where_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentio.sources import csv

    opened = []
    monkeypatch.setattr(csv, "open_table", lambda *a, o=csv.open_table, **k: opened.append(a) or o(*a, **k))
    path, window = tmp_path / "t.csv", Window(0, 20 * SECOND, STEP)
    path.write_text("time,a\n1,5\n")
    file = source(path)
    assert file.read("a", window).values[0, 1] == 5
    file.read("a", window)
    assert len(opened) == 1
    path.write_text("time,a\n1,6\n")
    os.utime(path, ns=(1, 1))
    assert file.read("a", window).values[0, 1] == 6
    path.write_text("time,a\n1,6\n11,")
    with pytest.raises(SourceError):
        file.read("b", window)
    path.write_text("time,a\n1,6\n11,7\n")
    assert file.read("a", window).values[0].tolist()[1:] == [6, 7]


def test_reasons(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    error = refused(path)
    assert (str(error), error.reason, error.permanent) == (
        f"{path}: is not there; a file is expected",
        "not_found",
        False,
    )
    path.write_text("time,a\n1,5\n1,6\n")
    error = refused(path)
    assert (error.reason, error.permanent) == ("bad_answer", True)
    assert str(error).startswith(f"{path}:3: the time 1 is the same as")
    path.write_text("time,abc\n1,5\n")
    error = refused(path, "abd")
    assert (error.reason, error.permanent) == ("bad_query", True)
    assert str(error) == f'{path}: has no sensor "abd"; abc or * is expected (did you mean abc?)'
    path.write_text("a\n1\n")
    error = refused(path)
    assert str(error) == f"{path}: has no column of times; one, or timefield, is expected"
    path.write_text("time,field,a\n1,x,1\n")
    assert 'by: "field" would be the label field, which is taken' in str(refused(path, by=("field",)))


def test_as_configured(tmp_path: Path) -> None:
    config = tmp_path / "sentio.yml"
    config.write_text(
        f"sources: {{car: {{type: csv, path: {CARS}, sensors: [odometer], by: [], name: car}}}}\n"
        "pipelines: {car: {source: car, query: '*', step: 10s}}\n"
    )
    reader = build.reader(load([config], {}), "car", telemetry=Telemetry(), pause=lambda _: None)
    panel = reader.read("*", Window(FIRST + STEP, FIRST + 3 * STEP, STEP))
    assert [str(key) for key in panel.keys] == ['car{field="odometer"}']
    assert np.isfinite(panel.values).all()
