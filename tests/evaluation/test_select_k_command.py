"""``sentio select-k``, as it is called."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pytest

from sentio.cli import main

DATA = Path(__file__).parent.parent / "data"
with (DATA / "changefinder_scores.csv").open(encoding="utf-8", newline="") as file:
    SAMPLES = [row["x"] for row in csv.DictReader(file)]
ORDERS = json.loads((DATA / "changefinder_orders.json").read_text("utf-8"))


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["select-k", *map(str, arguments)]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("count", [200, 600, 1000, 2503])
def test_a_file_of_one_column(count: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Figures of the original's model selection."""
    path = tmp_path / "x.tsv"
    path.write_text("\n".join(SAMPLES[:count]) + "\n", "utf-8")
    order, criterion = ORDERS[str(count)]
    assert printed(capsys, path) == f"k = {order} (AIC = {criterion:.6f})\n"


def test_the_figures_as_they_are_known(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert printed(capsys, DATA / "changefinder_scores.csv", "--column", "x") == "k = 6 (AIC = 6451.811370)\n"
    (tmp_path / "x.csv").write_text("\n".join(["load", *SAMPLES[:600]]), "utf-8")
    assert printed(capsys, tmp_path / "x.csv") == "k = 5 (AIC = 1038.638682)\n"


def test_tabs_gzip_empty_cells_and_the_column_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{i}\t{'' if i % 7 == 3 else x}\t0" for i, x in enumerate(SAMPLES[:700])]
    (tmp_path / "x.tsv.gz").write_bytes(gzip.compress("\n".join(["time\tvalue\tother", *lines]).encode()))
    (tmp_path / "x.csv").write_text("\n".join(x for i, x in enumerate(SAMPLES[:700]) if i % 7 != 3), "utf-8")
    assert printed(capsys, tmp_path / "x.tsv.gz") == printed(capsys, tmp_path / "x.csv")


def test_a_table_as_detect_reads_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A column of times is none of numbers, semicolons are separators, and of a name in capitals nothing is lost."""
    (tmp_path / "x.csv").write_text("\n".join(SAMPLES[:600]), "utf-8")
    lines = [f"{1_700_000_000 + i};{x};web" for i, x in enumerate(SAMPLES[:600])]
    (tmp_path / "y.csv").write_text("\r\n".join(["\ufeffTime;Größe;host", *lines]), "utf-8")
    assert printed(capsys, tmp_path / "y.csv") == printed(capsys, tmp_path / "x.csv")


def test_no_more_than_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(capsys, DATA / "changefinder_scores.csv", "--column", "x", "--max-k", 3)
    assert found.startswith(("k = 2 ", "k = 3 "))


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        ("a,b\n1,2\n3,4", [], "has the columns a, b; --column with one of them is expected"),
        ("a,b\n1,2\n3,4", ["--column", "c"], 'has no column "c" (sensors); a or b is expected'),
        ("1\n2\nx\n", [], 'x.csv:3: value is "x"; a finite number, or nothing, is expected'),
        ("", [], "is empty; a line with the names of the columns, and rows below it, is expected"),
        ("7\n", [], "has 1 samples; at least two are expected"),
    ],
)
def test_what_cannot_be_read(
    text: str, arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, "utf-8")
    assert main(["select-k", str(path), *arguments]) == 4
    assert said in capsys.readouterr().err


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["select-k", str(tmp_path / "none.csv")]) == 4
    assert "none.csv: is not there; a file of samples is expected" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["0", "501", "ten"])
def test_an_order_that_is_none(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["select-k", "x.csv", "--max-k", given])
    assert ended.value.code == 2
    assert "a whole number, 1 to 500, is expected" in capsys.readouterr().err
