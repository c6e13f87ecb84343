"""``sentio detect``, as it is called."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sentio.cli import main
from sentio.detection import pens, run
from sentio.detection.pens import Png
from sentio.detection.run import first_batch

CARS = Path("tests/data/cardata_sample.csv")
BEGIN = 1_700_000_000


def table(path: Path, *columns: tuple[str, list[object]]) -> Path:
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow([name for name, _ in columns])
        out.writerows(zip(*(values for _, values in columns), strict=True))
    return path


def spiky(rows: int = 600, at: int = 500, seed: int = 1) -> list[object]:
    values = 10 + np.random.default_rng(seed).normal(size=rows)
    values[at : at + 3] += 40
    return values.tolist()


def called(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["detect", *map(str, arguments)]) == 0
    seen = capsys.readouterr()
    assert seen.err == ""  # no progress where nobody watches
    return seen.out


def rows_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_original_s_figures_for_its_own_sample(tmp_path, capsys):
    """Flags and sums of scores of both batches of datastream.io, and the rows that it sent, to 1e-12; it loses the
    first row of each batch, so that 1,357 rows are two more than it gave."""
    out = tmp_path / "scored.jsonl"
    text = called(capsys, CARS, "--sensors", "engine_speed", "vehicle_speed", "--out", out)
    rows = rows_of(out)
    assert len(rows) == 1357
    assert list(rows[0])[:3] == ["time", "engine_speed", "vehicle_speed"]
    for sensor, flags, sums in (("engine_speed", (32, 41), (513.316206, 576.375007)),
                                ("vehicle_speed", (20, 55), (522.870523, 533.9574))):  # fmt: skip
        for part, number, score in zip((rows[:679], rows[679:]), flags, sums, strict=True):
            assert sum(row[f"FLAG_{sensor}"] for row in part) == number
            assert sum(row[f"SCORE_{sensor}"] for row in part) == pytest.approx(score, abs=1e-6)
    sent = rows_of(Path("tests/data/dsio_gaussian1d_docs.jsonl"))
    for row, document in zip(rows[1:], sent, strict=False):
        for name in ("engine_speed", "vehicle_speed", "FLAG_engine_speed", "FLAG_vehicle_speed"):
            assert row[name] == document[name]
        for name in ("SCORE_engine_speed", "SCORE_vehicle_speed"):
            assert row[name] == pytest.approx(document[name], abs=1e-12)
    assert "1,357 rows, judged by gaussian1d" in text
    assert "24 anomalies; the 20 worst" in text


@pytest.mark.parametrize(("rows", "batch"), [(1357, 679), (1000, 1000), (1001, 501), (2503, 835), (1, 2), (10, 10)])
def test_batches_are_those_of_the_original(rows, batch):
    assert first_batch(rows) == batch


def test_what_is_anomalous_is_told_with_its_time(tmp_path, capsys):
    file = table(tmp_path / "a.csv", ("time", [BEGIN + 60 * i for i in range(600)]), ("load", spiky()))
    out = called(capsys, file)
    assert 'a{field="load"}' in out
    assert "2023-11-15T06:33:20Z" in out  # the first of the three


def test_labels_tell_series_apart(tmp_path, capsys):
    times = [BEGIN + 60 * (i // 2) for i in range(1200)]
    values = [v for pair in zip(spiky(seed=1), spiky(seed=2, at=300), strict=True) for v in pair]
    file = table(tmp_path / "a.csv", ("time", times), ("host", ["x", "y"] * 600), ("load", values))
    scored = tmp_path / "scored.csv"
    out = called(capsys, file, "--by", "host", "--param", "batch=100", "--out", scored)
    assert 'a{field="load",host="x"}' in out
    found = list(csv.DictReader(scored.open()))
    assert [row["host"] for row in found] == ["x", "y"] * 600
    flagged = {(row["host"], int(row["time"])) for row in found if row["FLAG_load"] == "true"}
    assert {("x", BEGIN + 60 * i) for i in (500, 501, 502)} <= flagged
    assert {("y", BEGIN + 60 * i) for i in (300, 301, 302)} <= flagged
    assert ("y", BEGIN + 60 * 500) not in flagged


def test_a_forecaster_sees_the_file_as_a_service_would(tmp_path, capsys):
    rows = 5 * 288
    values = 50 + 20 * np.sin(2 * np.pi * np.arange(rows) / 288) + np.random.default_rng(1).normal(size=rows)
    values[1300:1310] += 60
    file = table(tmp_path / "a.csv", ("time", [BEGIN + 300 * i for i in range(rows)]), ("load", values.tolist()))
    scored = tmp_path / "scored.jsonl"
    out = called(capsys, file, "--detector", "prophet", "--out", scored)
    found = rows_of(scored)
    assert len(found) == rows
    # What is only learned from is not judged.
    assert [row["FLAG_load"] for row in found[: int(0.15 * rows)]] == [None] * int(0.15 * rows)
    assert all(row["FLAG_load"] for row in found[1301:1309])
    assert found[1305]["yhat_lower_load"] < found[1305]["yhat_load"] < found[1305]["yhat_upper_load"]
    assert found[1305]["SCORE_load"] > 1
    assert "judged by prophet" in out


def test_a_detector_that_is_trained_says_what_it_says_of_itself(tmp_path, capsys):
    """pyod's own score, and what each of several says, beside the standard score; a band where there is one."""
    file = table(tmp_path / "a.csv", ("time", [BEGIN + 60 * i for i in range(600)]), ("load", spiky()))
    scored = tmp_path / "scored.jsonl"
    called(capsys, file, "--detector", "pyod", "--out", scored)
    found = rows_of(scored)
    assert list(found[0]) == ["time", "load", "SCORE_load", "FLAG_load"]
    said = [row["SCORE_load"] for row in found if row["SCORE_load"] is not None]
    assert len(said) == 510
    assert max(said) == 1  # PyOD's probability; the standard score is that by the threshold
    assert found[500]["FLAG_load"]
    of = "of={rare: {type: pyod}, far: {type: gaussian1d, batch: 50}}"
    called(capsys, file, "--detector", "several", "--param", of, "--out", scored)
    found = rows_of(scored)
    assert {"rare.score_load", "rare.anomaly_score_load", "far.distance_load"} < found[0].keys()
    assert "yhat_load" not in found[0]
    assert found[500]["far.distance_load"] == pytest.approx(40, abs=4)


def test_a_page_and_a_picture(tmp_path, capsys):
    file = table(
        tmp_path / "a.csv", ("time", [BEGIN + 60 * i for i in range(600)]), ("load", spiky()), ("<b>", spiky())
    )
    called(capsys, file, "--plot", tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text()
    assert page.count("<svg") == 2
    assert "<h1>a: 2 anomalies</h1>" in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert page.count("<circle") == page.count("<title>") - 1 >= 6
    called(capsys, file, "--plot", tmp_path / "b.html", "--sensors", "load")
    assert "<h1>a: 1 anomaly</h1>" in (tmp_path / "b.html").read_text()
    called(capsys, file, "--plot", tmp_path / "a.png")
    image = Image.open(tmp_path / "a.png")
    assert image.size == (1100, 380)
    assert (208, 52, 44) in {colour for _, colour in image.getcolors(1 << 20)}


def drawn(text):
    pen = Png(200, 40, "#ffffff")
    pen.text((5, 30), text, "#000000", size=14)
    return np.array(Image.open(io.BytesIO(pen.document)).convert("L"))


@pytest.fixture
def _fresh_fonts():
    pens._other.cache_clear()
    yield
    pens._other.cache_clear()


BOX = "\U0010fffe"


@pytest.mark.usefixtures("_fresh_fonts")
@pytest.mark.parametrize("letter", "üßéøŁαЖ–€")
def test_letters_beyond_ascii_are_no_boxes(letter):
    """A letter that a font does not have is a box, the same for each."""
    assert (drawn(letter) != drawn(BOX)).any()
    assert (drawn(letter) < 0xF0).any(), "and no blank"


@pytest.mark.usefixtures("_fresh_fonts")
def test_an_umlaut_is_its_letter_with_dots_above():
    plain, dotted = drawn(f"u{BOX}")[:, :14] < 0x80, drawn(f"ü{BOX}")[:, :14] < 0x80
    top = int(np.flatnonzero(plain.any(axis=1))[0])
    assert plain[top:].any()
    np.testing.assert_array_equal(dotted[top:], plain[top:])
    assert dotted[:top].any()
    assert not plain[:top].any()


@pytest.mark.usefixtures("_fresh_fonts")
@pytest.mark.parametrize("without", ["matplotlib", "any"])
def test_without_a_font_of_that_kind_there_are_boxes_and_no_failure(monkeypatch, without):
    monkeypatch.setattr(pens, "find_spec", lambda _: None)
    if without == "any":
        monkeypatch.setattr(pens, "_dejavu", lambda: iter(["no-such-font.ttf"]))
        np.testing.assert_array_equal(drawn("ü"), drawn(BOX))
    elif not any(Path(folder).rglob("DejaVuSans.ttf") for folder in ("/usr/share/fonts", "/usr/local/share/fonts")):
        pytest.skip("no DejaVuSans.ttf in the system's folders; on Debian: apt-get install fonts-dejavu-core")
    else:
        assert (drawn("ü") != drawn(BOX)).any()


def test_a_sensors_name_is_drawn_with_its_letters(tmp_path, capsys):
    pictures = []
    for name in ("Küche", "Kéche"):
        file = table(tmp_path / "a.csv", ("time", [BEGIN + 60 * i for i in range(600)]), (name, spiky()))
        called(capsys, file, "--plot", tmp_path / "a.png")
        pictures.append(np.array(Image.open(tmp_path / "a.png")))
    assert (pictures[0] != pictures[1]).any(), "two boxes are alike"


def test_rows_on_standard_output_and_the_rest_beside_them(tmp_path):
    file = table(tmp_path / "a.csv", ("time", [BEGIN + 60 * i for i in range(600)]), ("load", spiky()))
    command = [sys.executable, "-m", "sentio", "detect", str(file), "--out", "-"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0
    assert len(list(csv.DictReader(io.StringIO(ran.stdout)))) == 600
    assert "judged by gaussian1d" in ran.stderr


@pytest.mark.parametrize("further", [[], ["--out", "-"]])
def test_whoever_reads_may_leave(tmp_path, further):
    """As ``head`` does: neither a traceback nor a failure, whether rows or tables are read."""
    columns = [(f"c{i}", [float(i)] * 3000) for i in range(300)]
    file = table(tmp_path / "a.csv", ("time", [BEGIN + 60 * i for i in range(3000)]), *columns)
    command = [sys.executable, "-m", "sentio", "detect", str(file), *further]
    ran = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    ran.stdout.close()
    assert (ran.stderr.read(), ran.wait()) == ("", 0)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("further", [[], ["--out", "-"]])
def test_standard_output_that_takes_no_more_is_told_in_a_line(tmp_path, further, unbuffered):
    file = table(tmp_path / "a.csv", ("time", [BEGIN, BEGIN + 60]), ("load", [1, 2]))
    command = [sys.executable, "-m", "sentio", "detect", str(file), *further]
    environ = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "w") as full:
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environ)
    assert ran.returncode == 1
    (line,) = ran.stderr.splitlines()
    assert line.startswith("sentio: standard output: cannot be written (No space left on device); ")


def test_an_error_of_the_system_that_is_a_mistake_is_shown_as_one(tmp_path, monkeypatch):
    def mistaken(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run, "score", mistaken)
    with pytest.raises(OSError, match="No space left"):
        main(["detect", str(table(tmp_path / "a.csv", ("time", [1, 2]), ("load", [1, 2])))])


def test_what_is_half_written_is_gone_after_sigterm(tmp_path):
    rows = [[BEGIN + 60 * i, *([float(i % 7)] * 20)] for i in range(100_000)]
    file = table(tmp_path / "a.csv", *zip(["time", *"abcdefghijklmnopqrst"], zip(*rows, strict=True), strict=True))
    command = [sys.executable, "-m", "sentio", "detect", str(file), "--out", str(tmp_path / "out.csv")]
    ran = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until = time.monotonic() + 60
    while not list(tmp_path.glob(".out.csv.*")) and ran.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    ran.terminate()
    assert (ran.communicate(), ran.returncode) == ((b"", b""), 143)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_times_and_numbers_stay_in_one_piece_on_a_narrow_terminal(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    file = table(tmp_path / ("a" * 40 + ".csv"), ("time", [BEGIN + 60 * i for i in range(600)]), ("load", spiky()))
    out = called(capsys, file)
    assert "2023-11-15T06:33:20Z" in out
    assert max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in out.splitlines()) <= 80


def test_standard_input_without_a_head():
    numbers = "\n".join(map(str, spiky()))
    command = [sys.executable, "-m", "sentio", "detect", "-"]
    ran = subprocess.run(command, input=numbers, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert 'stdin{field="value"}      600' in ran.stdout


@pytest.mark.parametrize(
    ("content", "arguments", "code", "said"),
    [
        ("", [], 4, "is empty; a line with the names of the columns, and rows below it, is expected"),
        ("time,a\n", [], 4, "has no rows below its names; at least one row is expected"),
        ("time,a\n1,2\n2,x\n", ["--sensors", "a"], 4, ':3: a is "x"; a finite number, or nothing, is expected'),
        ("time,a\nsoon,2\nlater,3\n", [], 3, ':2: time is "soon"'),
        ("time,a\n1,2\n1,3\n", [], 3, ":3: the time 1 is the same as that of line 2 (1)"),
        ("time,a\n2,2\n1,3\n", [], 3, ":3: the time 1 is before that of line 2 (2)"),
        ("time,a\n1,2\n2,3\n", ["--timefield", "when"], 3, 'has no column "when" (timefield)'),
        ("time,a\n1,2\n2,3\n", ["--sensors", "b"], 4, 'has no column "b" (sensors)'),
        ("time,a\n1,2\n2,3\n", ["--detector", "gausian1d"], 2, "(did you mean gaussian1d?)"),
        ("time,a\n1,2\n2,3\n", ["--modules", "no.such"], 1, "no.such cannot be loaded (ModuleNotFoundError: No module"),
        ("time,a\n1,2\n2,3\n", ["--modules", "gone.py"], 1, "gone.py cannot be read (No such file or directory)"),
        (
            "time,a\n1,2\n2,3\n",
            ["--modules", "tests/detection/broken.py"],
            1,
            "broken.py cannot be loaded (RuntimeError",
        ),
        ("time,a\n1,2\n2,3\n", ["--param", "threshold=2"], 2, "--param threshold: is 2; a number below 1 is expected"),
        ("time,a\n1,2\n2,3\n", ["--param", "nonsense"], 2, "--param: is"),
        ("time,a\n1,2\n2,3\n", ["--param", "odd=1"], 2, "--param odd: unknown key"),
        ("time,a\n1,2\n2,3\n", ["--detector", "welch", "--param", "window.every=x"], 2, "--param window.every: is"),
        ("time,a\n1,2\n2,3\n", ["--detector", "welch", "--param", "window={every: x}"], 2, "--param window.every: is"),
        ("time,a\n1,2\n2,3\n", ["--detector", "threshold"], 2, "--detector: has neither upper nor lower"),
        ("time,a\n1,2\n2,3\n", ["--detector", "gone.py:A"], 2, '--detector: is "gone.py:A", and gone.py cannot be'),
        ("time,a\n1,2\n2,3\n", ["--warm-up", "1s"], 2, "--warm-up: is given, and gaussian1d learns from each sample"),
        (
            "time,a\n1,2\n2,3\n",
            ["--detector", "prophet", "--warm-up", "99d"],
            2,
            "--warm-up: is 99d, and the samples are of 1s; less than that is expected",
        ),
        ("time,a\n1,2\n2,3\n", ["--detector", "several"], 2, "--param of: is missing"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(tmp_path, capsys, content, arguments, code, said):
    file = tmp_path / "a.csv"
    file.write_text(content)
    assert main(["detect", str(file), "--out", str(tmp_path / "out.csv"), *arguments]) == code
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv"]


def test_a_file_that_is_not_there(tmp_path, capsys):
    assert main(["detect", str(tmp_path / "a.csv")]) == 4
    assert "is not there" in capsys.readouterr().err


def test_a_column_that_is_left_out_for_one_cell_is_told_of(tmp_path, capsys):
    columns = ("load", spiky()), ("cpu", [*range(300), "n/k", *range(299)])
    file = table(tmp_path / "a.csv", ("time", [BEGIN + 60 * i for i in range(600)]), *columns)
    assert main(["detect", str(file), "--out", "-"]) == 0
    seen = capsys.readouterr()
    assert seen.out.startswith("time,load,SCORE_load,FLAG_load,")
    assert seen.err.startswith(f'{file}:302: cpu is "n/k"; the column is left out\n')


def test_numbers_that_are_hardly_numbers(tmp_path, capsys):
    """The largest, none at all, always the same: no exception, and the others are judged."""
    values = spiky()
    huge = list(values)
    huge[100] = 1e308
    file = table(
        tmp_path / "a.csv", ("time", [BEGIN + 60 * i for i in range(600)]),
        ("huge", huge), ("none", [""] * 600), ("same", [5] * 600), ("load", values),
    )  # fmt: skip
    scored = tmp_path / "scored.jsonl"
    out = called(
        capsys, file, "--out", scored, "--plot", tmp_path / "a.html", "--sensors", "huge", "none", "same", "load"
    )
    found = rows_of(scored)
    assert [row["FLAG_none"] for row in found] == [None] * 600
    assert not any(row["FLAG_same"] for row in found)
    assert all(found[i]["FLAG_load"] for i in (500, 501, 502))
    assert 'a{field="none"}        0       0        0          0' in out


def test_a_class_of_ones_own(tmp_path, capsys):
    """datastream.io's way: a module, and the name of a class in it."""
    file = table(tmp_path / "a.csv", ("time", [BEGIN + 60 * i for i in range(600)]), ("load", spiky()))
    module = tmp_path / "mine.py"
    module.write_text(
        "class Above:\n"
        "    def __init__(self, limit=20.0):\n        self.limit = limit\n"
        "    def train(self, x):\n        pass\n"
        "    def update(self, x):\n        pass\n"
        "    def score(self, x):\n        return (x > self.limit).astype(float)\n"
    )
    scored = tmp_path / "scored.jsonl"
    called(capsys, file, "--modules", module, "--detector", "above", "--param", "limit=30", "--out", scored)
    # By the two-sided rule of 0.99 a score of 0 is as rare as one of 1.
    assert [i for i, row in enumerate(rows_of(scored)) if row["SCORE_load"] == 1] == [500, 501, 502]


def test_a_class_that_raises_is_told_of(tmp_path, capsys):
    """The series is judged up to there, the others go on, and whoever has written the class learns why."""
    file = table(tmp_path / "a.csv", ("time", list(range(60))), ("a", [1.5] * 60), ("b", [-1.5] * 60))
    module = tmp_path / "mine.py"
    module.write_text(
        "class Picky:\n"
        "    def fit(self, x):\n        pass\n"
        "    def update(self, x):\n        if x.min() < 0:\n            raise ValueError('below zero')\n"
        "    def score_anomaly(self, x):\n        return x * 0 + 0.5\n"
    )
    out = called(capsys, file, "--modules", module, "--detector", "Picky", "--param", "batch=20")
    assert '1 series failed; the first, a{field="b"}: Picky.update: ValueError: below zero' in out
    assert re.search(r'a\{field="a"\} +60 +60', out)


def test_capitals_do_not_matter(tmp_path, capsys):
    file = table(tmp_path / "a.csv", ("time", [1, 2, 3]), ("a", [1, 2, 3]))
    assert "judged by Gaussian1D" in called(capsys, file, "--detector", "Gaussian1D")


def test_one_row_is_no_reason_to_fail(tmp_path, capsys):
    out = called(capsys, table(tmp_path / "a.csv", ("time", [1]), ("a", [1])))
    assert "1 row," in out
    assert "0 anomalies" in out


def test_a_plot_of_another_kind_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["detect", "a.csv", "--plot", "a.svg"])
    assert "is 'a.svg'; a path that ends with .html or .png is expected" in capsys.readouterr().err


def test_a_plot_that_cannot_be_written(tmp_path, capsys):
    file = table(tmp_path / "a.csv", ("time", [1, 2]), ("a", [1, 2]))
    assert main(["detect", str(file), "--plot", str(tmp_path / "no" / "a.html")]) == 1
    assert "cannot be written (No such file or directory)" in capsys.readouterr().err


def watched(*arguments: object) -> tuple[str, str]:
    """Standard output, and what a terminal shows in the place of standard error."""
    leader, follower = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    command = [sys.executable, "-m", "sentio", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=follower, text=True, env=environ)
    os.close(follower)
    with ThreadPoolExecutor(1) as reader:
        # Beside standard output: a terminal that nobody reads holds few kilobytes, and a slow bar writes more.
        seen = reader.submit(shown, leader)
        out = process.stdout.read()
    os.close(leader)
    assert process.wait() == 0
    return out, seen.result().decode()


def shown(leader: int) -> bytes:
    """All that comes to a terminal until its other end is closed."""
    parts = []
    while True:
        try:
            parts.append(os.read(leader, 65536))
        except OSError:
            return b"".join(parts)


def test_a_bar_on_a_terminal_and_rows_on_standard_output(tmp_path):
    file = table(tmp_path / "a.csv", ("time", [BEGIN + 60 * i for i in range(60_000)]), ("load", spiky(60_000)))
    out, seen = watched("detect", file, "--out", "-")
    assert len(out.splitlines()) == 60_001
    assert "\x1b" not in out
    assert re.search(r"detect .* rows", seen), seen
    assert "judged by gaussian1d" in seen


def test_a_bar_with_its_end(tmp_path):
    rows = 3 * 288
    values = 50 + np.random.default_rng(1).normal(size=rows)
    folder = tmp_path / "data"
    (folder / "x").mkdir(parents=True)
    for name in "ab":
        table(
            folder / "x" / f"{name}.csv", ("time", [BEGIN + 300 * i for i in range(rows)]), ("value", values.tolist())
        )
    (folder / "manifest.csv").write_text("set,series,step_seconds,scored_from_index\nx,a,300,100\nx,b,300,100\n")
    out, seen = watched("backtest", folder, "--set", "detector.type=gaussian1d")
    assert "what is flagged" in out
    assert "2 of 2 series replayed" in seen, seen


@pytest.mark.parametrize("command", ["detect", "backtest"])
def test_a_bar_of_one_file_that_is_replayed(tmp_path, command):
    file = table(tmp_path / "a.csv", ("time", [BEGIN + 300 * i for i in range(900)]), ("value", spiky(900)))
    options = ["--detector", "pyod"] if command == "detect" else ["--set", "detector.type=pyod"]
    seen = watched(command, file, *options)[1]
    assert re.search(r"\d+ of 100 % replayed", seen), seen


def test_a_bar_of_a_pipeline_of_few_series(tmp_path):
    file = table(tmp_path / "a.csv", ("time", [BEGIN + 300 * i for i in range(900)]), ("value", spiky(900)))
    config = tmp_path / "sentio.yml"
    config.write_text(
        f"sources: {{s: {{type: csv, path: {file}}}}}\n"
        "pipelines: {load: {source: s, query: value, step: 5m, train: {window: 1d}, detector: {type: pyod}}}\n"
    )
    ends = "--start", str(BEGIN), "--end", str(BEGIN + 300 * 899)
    seen = watched("backtest", "load", f"--config.file={config}", *ends)[1]
    assert re.search(r"\d+ of 100 % replayed", seen), seen


def test_a_bar_that_says_what_takes_so_long_the_first_time(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    file = table(tmp_path / "a.csv", ("time", [BEGIN + 60 * i for i in range(600)]), ("load", spiky()))
    said = "compiling, which takes some seconds"
    assert said in " ".join(watched("detect", file)[1].split())
    assert said not in " ".join(watched("detect", file)[1].split())


@pytest.mark.parametrize("command", ["detect", "restream", "replay", "record", "backtest", "warmup"])
def test_help_is_text_that_can_be_read(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = capsys.readouterr().out
    assert "%" not in text.replace("15%", "").replace("15 %", "")
    if command in ("detect", "restream"):
        assert text.startswith(f"usage: sentio {command} FILE [options]\n")


_WARM = """
import sys
from numba.core import event
from sentio.cli import main
from sentio.cli.warmup import warm_others
from sentio.detectors.changefinder import ChangeFinder
from sentio.detectors.prophet import batch
from sentio.judgement import judge
from sentio.sources.prometheus import stream
batch.warm = stream.warm = judge.warm_incidents = lambda: None  # which take the most of half a minute
compiled = []
class Heard(event.Listener):
    def on_start(self, event):
        compiled.append(event.data["dispatcher"].py_func.__name__)
    def on_end(self, event):
        pass
event.register("numba:compile", Heard())
warm_others([("changefinder", ChangeFinder.Options())])
warm = len(compiled)
assert main(["detect", sys.argv[1], "--detector", "changefinder"]) == 0
print("compiled:", warm > 5, compiled[warm:])
"""


def test_nothing_is_left_to_compile_after_warmup(tmp_path):
    file = table(tmp_path / "a.csv", ("time", [BEGIN + 60 * i for i in range(600)]), ("load", spiky()))
    environ = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    command = [sys.executable, "-c", _WARM, str(file)]
    ran = subprocess.run(command, capture_output=True, text=True, env=environ)
    assert ran.returncode == 0, ran.stderr
    assert "compiled: True []" in ran.stdout


def test_warmup_is_for_the_detectors_of_a_configuration_and_says_first_what_is_wrong_with_it(tmp_path):
    """In a process of its own each time, where all has been compiled before."""
    config = tmp_path / "sentio.yml"
    good = (
        "sources: {s: {type: csv, path: a.csv}}\n"
        "pipelines: {p: {source: s, query: '*', detector: {type: changefinder}}}\n"
    )
    ran = []
    for text in (good, good.replace("changefinder", "changefinger")):
        config.write_text(text)
        command = [sys.executable, "-m", "sentio", "warmup", "--config.file", str(config)]
        ran.append(subprocess.run(command, capture_output=True, text=True))
    assert ran[0].returncode == 0, ran[0].stderr
    assert "warmup: done in" in ran[0].stdout
    assert ran[1].returncode == 2
    assert "changefinger" in ran[1].stderr
    assert not ran[1].stdout
