"""``sentio select-k``."""

from __future__ import annotations

import argparse
import csv
import gzip
from pathlib import Path
from typing import TYPE_CHECKING

from sentio.cli.options import Commands, Help
from sentio.errors import EvaluationError

if TYPE_CHECKING:
    from sentio.types import Floats

_LARGEST = 500


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "select-k",
        help="choose the order k of the detector changefinder by AIC",
        description="Prints the order of an autoregression that explains the samples of FILE best for its size, by "
        "Akaike's information criterion: what k: auto of the detector changefinder chooses from its history.",
        epilog="example: sentio select-k requests.csv --column value",
        formatter_class=Help,
    )
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="CSV, or TSV, perhaps .gz; a file of one column needs no head"
    )
    parser.add_argument("--column", metavar="NAME", help="which column (the only one, or value)")
    parser.add_argument("--max-k", type=_order, metavar="K", default=50, help="the largest order that is tried")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    import numpy as np

    from sentio.orders import by_aic

    values = _column(arguments.file, arguments.column)
    samples = int(np.isfinite(values).sum())
    if samples < 2:
        raise EvaluationError(f"{arguments.file}: has {samples} samples; at least two are expected")
    orders, criteria = by_aic(values[None, :], arguments.max_k)
    print(f"k = {orders[0]} (AIC = {criteria[0]:.6f})")
    return 0


def _column(path: Path, name: str | None) -> Floats:
    """The samples of one column, NaN where it is empty. Raises `EvaluationError`."""
    import numpy as np

    rows = _rows(path)
    numbered = list(enumerate(rows, 1))
    at = 0
    if not (name is None and len(rows[0]) == 1 and _is_number(rows[0][0])):
        at = _position(path, [cell.strip() for cell in rows[0]], name)
        numbered = numbered[1:]
    found = np.full(len(numbered), np.nan)
    for i, (line, row) in enumerate(numbered):
        cell = row[at].strip() if at < len(row) else ""
        if cell and not _is_number(cell):
            raise EvaluationError(f"{path}:{line}: value is {cell!r}; a number, or nothing, is expected")
        found[i] = float(cell or "nan")
    found[~np.isfinite(found)] = np.nan
    return found


def _rows(path: Path) -> list[list[str]]:
    """Tabs or commas between the cells, whichever the first line has."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        lines = data.decode("utf-8-sig").splitlines()
        rows = list(csv.reader(lines, delimiter="\t" if lines and "\t" in lines[0] else ","))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        text = getattr(error, "strerror", None) or str(error)
        raise EvaluationError(f"{path}: cannot be read ({text}); a CSV file, or one in gzip, is expected") from error
    if not rows or not rows[0]:
        raise EvaluationError(f"{path}: has no first line; a head, or a number, is expected")
    return rows


def _position(path: Path, head: list[str], name: str | None) -> int:
    wanted = name if name is not None else head[0] if len(head) == 1 else "value"
    if wanted not in head:
        raise EvaluationError(f"{path}:1: has the columns {', '.join(head)}; --column with one of them is expected")
    return head.index(wanted)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _order(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _LARGEST:
        raise argparse.ArgumentTypeError(f"is {text!r}; a whole number, 1 to {_LARGEST}, is expected")
    return int(text)
