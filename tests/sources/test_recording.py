"""What is recorded is read as it was: from a real Prometheus, and of every shape."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from sentio import build
from sentio.cli import main
from sentio.config.load import load
from sentio.demo.series import Series
from sentio.errors import OutputError, SensorsError, SourceError
from sentio.sources.recording import Recording
from sentio.tables.recording import recording
from sentio.telemetry import Telemetry
from sentio.types import SECOND, Panel, SeriesKey, Window, stack
from tests.servers import running_prometheus

STEP = 15 * SECOND
START = 1_700_000_010 * SECOND
POINTS = 3000
pytestmark = pytest.mark.filterwarnings("ignore")  # of fastparquet, with the newest pandas


def source(path: Path) -> Recording:
    return Recording(Recording.Options(path=path))


def same(one: Panel, other: Panel) -> bool:
    order = [other.keys.index(key) for key in one.keys]
    equal = one.values.tobytes() == other.values[order].tobytes()
    return equal and len(one.keys) == len(other.keys) and np.array_equal(one.times, other.times)


def panel_of(series: int, points: int, start: int = START) -> Panel:
    rng = np.random.default_rng(series)
    values = rng.normal(size=(series, points)) * 10.0 ** rng.integers(-200, 200, (series, points))
    values[rng.random(values.shape) < 0.3] = np.nan
    values[0, 0] = -0.0
    keys = tuple(SeriesKey("m", (("i", str(i)), ("what", 'a "b" ü\n'))) for i in range(series))
    return Panel(keys, start + STEP * np.arange(points, dtype=np.int64), values)


def kept(path: Path, panels: Iterable[Panel]) -> Path:
    with recording(path, pipeline="p", query="m", step=STEP) as file:
        for panel in panels:
            file.add(panel)
    return path


def window_of(panel: Panel, step: int = STEP) -> Window:
    return Window(int(panel.times[0]), int(panel.times[-1]), step)


@pytest.mark.parametrize("at_once", [1, 1000, 1_000_000])
def test_bit_equal(at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentio.tables.recording._SAMPLES_AT_ONCE", at_once)
    first = panel_of(7, 100)
    second = panel_of(9, 50, int(first.times[-1]) + STEP)
    whole = stack([first, second])
    file = source(kept(tmp_path / "r.parquet", [first, second]))
    assert same(file.read("m", window_of(whole)), whole)
    assert same(file.read("*", window_of(first)), first)
    parts = [file.read("*", part) for part in window_of(whole).split(13)]
    assert same(stack(parts), whole)


def test_of_a_coarser_step_and_beyond_its_ends(tmp_path: Path) -> None:
    panel = panel_of(3, 100)
    panel.values[:] = np.arange(100.0)
    file = source(kept(tmp_path / "r.parquet", [panel]))
    start = START // (4 * STEP) * 4 * STEP - 8 * STEP
    window = Window(start, start + 120 * STEP, 4 * STEP)
    expected = np.where((window.times() < START) | (window.times() > panel.times[-1]), np.nan,
                        (window.times() - START) / STEP)  # fmt: skip
    found = file.read("*", window)
    np.testing.assert_array_equal(found.times, window.times())
    np.testing.assert_array_equal(found.values, [expected] * 3)
    assert file.read("*", Window(0, 10 * STEP, STEP)).values.shape == (0, 11)


def test_refused(tmp_path: Path) -> None:
    path = kept(tmp_path / "r.parquet", [panel_of(2, 10)])

    def error(query: str, step: int, file: Path = path) -> tuple[str, str, bool]:
        with pytest.raises(SourceError) as caught:
            source(file).read(query, Window(0, 10 * step, step))
        return str(caught.value), caught.value.reason, caught.value.permanent

    text = f"{path}: was recorded every 15s; a step that is a multiple of that is expected, not 10s"
    assert error("m", 10 * SECOND) == (text, "bad_query", True)
    assert error("m", 5 * SECOND)[0].endswith("not 5s")
    assert error("n", STEP) == (f'{path}: has no "n"; "m", which was recorded, or * is expected', "bad_query", True)
    assert error("m", STEP, tmp_path / "none")[1] == "not_found"
    other = tmp_path / "other.parquet"
    other.write_text("PAR1")
    text, reason, permanent = error("m", STEP, other)
    assert text.startswith(f"{other}: cannot be read (")
    assert text.endswith("; a file that sentio record has written is expected")
    assert (reason, permanent) == ("bad_answer", True)


def test_nothing_is_left_of_a_recording_that_fails(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    with pytest.raises(SensorsError, match="is not written, for there is no sample; times with samples are expected"):
        kept(path, [])

    def interrupted() -> Iterator[Panel]:
        yield panel_of(2, 10)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept(path, interrupted())
    with pytest.raises(OutputError, match="cannot be written"):
        kept(tmp_path / "none" / "r.parquet", [panel_of(2, 10)])
    assert list(tmp_path.iterdir()) == []


def test_others_can_read_it(tmp_path: Path) -> None:
    """As docs/files.md shows it."""
    import fastparquet

    panel = panel_of(2, 10)
    file = fastparquet.ParquetFile(str(kept(tmp_path / "r.parquet", [panel])))
    told = json.loads(file.key_value_metadata["sentio.recording"])
    assert (told["pipeline"], told["query"], told["step"]) == ("p", "m", STEP)
    assert told["series"][1] == ["m", {"i": "1", "what": 'a "b" ü\n'}]
    rows = file.to_pandas()
    assert list(rows) == ["time", "series", "value"]
    assert len(rows) == np.isfinite(panel.values).sum()
    second = rows[rows["series"] == 1]
    np.testing.assert_array_equal(second["value"], panel.values[1][np.isfinite(panel.values[1])])
    assert str(second["time"].dt.tz) == "UTC"


def configuration(folder: Path, url: str, step: str = "15s") -> Path:
    path = folder / "sentio.yml"
    path.write_text(
        f"""
sources:
  live: {{type: prometheus, url: "{url}"}}
  kept: {{type: recording, path: {folder}/r.parquet}}
pipelines:
  live: {{source: live, query: the_metric, step: {step}, score: {{every: {step}}}}}
  kept: {{source: kept, query: the_metric, step: {step}, score: {{every: {step}}}}}
""",
        "utf-8",
    )
    return path


def test_a_real_prometheus_is_read_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    times = START + STEP * np.arange(POINTS, dtype=np.int64)
    values = np.random.default_rng(1).normal(size=(20, POINTS))
    past = [
        Series(SeriesKey("the_metric", (("host", f"h{i}"), ("job", "x"))), times[i * 40 :], values[i, i * 40 :])
        for i in range(20)
    ]
    with running_prometheus(tmp_path / "prometheus", history=past, exporter="127.0.0.1:1", interval=600.0) as server:
        config = configuration(tmp_path, server.url)
        end = int(times[-1]) // SECOND
        call = ["record", "live", "--config.file", str(config), "--end", str(end), "--out", f"{tmp_path}/r.parquet"]
        assert main([*call, "--for", f"{POINTS * 15}s"]) == 0
        seen = capsys.readouterr()
        assert seen.err == "", "no progress where nobody watches"
        assert seen.out.endswith(f" samples of 20 series in {tmp_path}/r.parquet\n")
        loaded = load([config], {})
        window = Window.ending(int(times[-1]), POINTS * STEP, STEP)
        live, back = (
            build.reader(loaded, name, telemetry=Telemetry(), pause=lambda _: None).read("the_metric", window)
            for name in ("live", "kept")
        )
        assert len(live.keys) == 20
        assert np.isnan(live.values).any()
        assert same(live, back)
        written = (tmp_path / "r.parquet").read_bytes()
        assert main([*call, "--start", "0", "--end", "60"]) == 4
        assert "is not written, for there is no sample" in capsys.readouterr().err
        assert (tmp_path / "r.parquet").read_bytes() == written, "what was there is left"


def test_calls_that_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["record", "live", "--config.file", str(configuration(tmp_path, "http://127.0.0.1:9")), "--out", "r.parquet"]
    for further, text in (
        (["--start", "5", "--for", "1h"], "--for: is given beside --start; one of the two is expected"),
        (["--start", "5", "--end", "0"], "--start: is not before --end; an earlier time is expected"),
        (["--start", "5", "--end", "5"], "--start: is not before --end; an earlier time is expected"),
    ):
        assert main([*call, *further]) == 2
        assert capsys.readouterr().err == f"{text}\n"
    assert main(["record", "lvie", *call[2:]]) == 2
    assert capsys.readouterr().err.startswith('PIPELINE: is "lvie", which is no pipeline; kept or live is expected')
