"""``sentio select-k``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from sentio.cli.options import Commands, Help
from sentio.errors import SensorsError

if TYPE_CHECKING:
    from sentio.types import Floats

_LARGEST, _USUAL = 500, "value"


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
        "file", metavar="FILE", help="a table of samples; - is standard input; a file of one column needs no head"
    )
    parser.add_argument("--column", metavar="NAME", help="which column (the only one with numbers, or value)")
    parser.add_argument("--max-k", type=_order, metavar="K", default=50, help="the largest order that is tried")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    import numpy as np

    from sentio.orders import by_aic

    values = _column(arguments.file, arguments.column)
    samples = int(np.isfinite(values).sum())
    if samples < 2:
        raise SensorsError(f"{arguments.file}: has {samples} samples; at least two are expected")
    orders, criteria = by_aic(values[None, :], arguments.max_k)
    print(f"k = {orders[0]} (AIC = {criteria[0]:.6f})")
    return 0


def _column(path: str, name: str | None) -> Floats:
    """The samples of one column, NaN where it is empty. Raises `InputError`."""
    import numpy as np

    from sentio.tables.reader import Choice, open_table

    with open_table(path, Choice(sensors=() if name is None else (name,)), now=0) as table:
        if len(table.sensors) > 1 and _USUAL not in table.sensors:
            columns = ", ".join(table.sensors)
            raise SensorsError(f"{path}:1: has the columns {columns}; --column with one of them is expected")
        at = table.sensors.index(_USUAL) if len(table.sensors) > 1 else 0
        return np.concatenate([rows.values[at] for rows in table.chunks()])


def _order(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _LARGEST:
        raise argparse.ArgumentTypeError(f"is {text!r}; a whole number, 1 to {_LARGEST}, is expected")
    return int(text)
