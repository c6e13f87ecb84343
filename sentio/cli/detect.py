"""``sentio detect``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from sentio.cli.arguments import delay, orderly
from sentio.cli.options import Commands, HelpInLines
from sentio.errors import ConfigError

if TYPE_CHECKING:
    from sentio.detection.found import Episode, Found, Summary
    from sentio.detection.run import Request, Scored
    from sentio.tables.reader import Choice, Table
    from sentio.tables.writer import Form
    from sentio.types import SeriesKey

_DESCRIPTION = """\
Scores a file of samples, and prints what of it is anomalous.

FILE is CSV (commas, tabs or semicolons, perhaps .gz), Parquet, or - for CSV on standard input. Its times are found by
name (time, datetime, date, timestamp); without any, rows are one second apart. Columns of numbers are the sensors; a
file of one column of numbers needs no head. docs/files.md has all of it.

A detector that learns as it goes takes a file of any size. prophet and others that are trained replay the file as a
service would have seen it."""
_EPILOG = """\
examples:
  sentio detect cars.csv
  sentio detect cars.csv --sensors speed rpm --detector percentile1d --param window=100
  sentio detect disks.csv --by host device --detector changefinder --plot disks.html
  sentio detect cars.csv --out jsonl:scored.jsonl

exit codes: 0 done; 1 a module cannot be loaded; 2 the call is refused, or there is no such detector; 3 the times are
missing, cannot be read or do not increase; 4 there is no such file or column, or nothing in it to judge; 130 Ctrl-C"""
_SHOWN, _NUMBERS = 20, ("samples", "score", "value")
_PLOTS = (".html", ".png")


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "detect",
        help="score a file, and show what of it is anomalous",
        usage="%(prog)s FILE [options]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=HelpInLines,
    )
    table_options(parser, "a table of samples, or - for standard input")
    detector_options(parser)
    parser.add_argument(
        "--warm-up", type=delay, metavar="LENGTH",
        help="at the beginning, what a trained detector only learns from, such as 2h (15%% of the samples)",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=_target, metavar="[csv|jsonl|parquet:]PATH",
        help="write each row with SCORE_, FLAG_ and other outputs of each sensor; - is standard output",
    )  # fmt: skip
    parser.add_argument("--plot", type=_plot, metavar="PATH", help="draw it: a page (.html) or a picture (.png)")
    parser.set_defaults(run=_run)


def table_options(parser: argparse.ArgumentParser, what: str) -> None:
    """Which file, ``what`` it may be, and what of it is what."""
    parser.add_argument("file", metavar="FILE", help=f"{what}; it comes first, for --sensors takes all that follows")
    parser.add_argument("-s", "--sensors", nargs="+", metavar="COLUMN", help="the columns to judge (all with numbers)")
    parser.add_argument("-t", "--timefield", metavar="COLUMN", help="the column of times (found by name)")
    parser.add_argument(
        "--by", nargs="+", metavar="COLUMN", help="columns of labels: rows with other ones are other series"
    )


def detector_options(parser: argparse.ArgumentParser) -> None:
    """Which detector, and how."""
    parser.add_argument(
        "--detector", default="gaussian1d", metavar="NAME", help="one of docs/detectors.md, or a class of your own"
    )
    parser.add_argument(
        "--modules", nargs="+", metavar="MODULE",
        help="where NAME is looked for first: my_pkg.mod, or path/to/file.py",
    )  # fmt: skip
    parser.add_argument(
        "--param", dest="params", action="append", metavar="KEY=VALUE",
        help="an option of the detector, such as threshold=0.999; may be given more than once",
    )  # fmt: skip


def _run(arguments: argparse.Namespace) -> int:
    from sentio.cli.progress import Progress
    from sentio.detection.found import Found
    from sentio.detection.plot import Curves
    from sentio.detection.run import score
    from sentio.evaluation.record import share_of
    from sentio.tables.reader import open_table

    with orderly(), ExitStack() as stack:
        table = stack.enter_context(open_table(arguments.file, choice_of(arguments), now=time.time_ns()))
        tell_left_out(table)
        progress = stack.enter_context(Progress("detect"))
        found = Found(table)
        curves = Curves(found.roll) if arguments.plot else None
        parts = score(table, request_of(arguments), share_of(progress))
        for scored in _written(stack, table, parts, arguments.out):
            found.add(scored)
            if curves is not None:
                curves.add(scored)
            progress("rows", found.rows)
    episodes = found.end()
    if curves is not None:
        _draw(arguments, found, curves, episodes)
    _tell(arguments, found, episodes)
    return 0


def choice_of(arguments: argparse.Namespace) -> Choice:
    """Which columns are meant."""
    from sentio.tables.reader import Choice

    return Choice(arguments.timefield or "", tuple(arguments.sensors or ()), tuple(arguments.by or ()))


def tell_left_out(table: Table) -> None:
    """Of columns that are nearly sensors, on standard error."""
    for line in table.left_out:
        print(line, file=sys.stderr)


def request_of(arguments: argparse.Namespace) -> Request:
    """What is asked of the detector."""
    from sentio.config.misfit import show
    from sentio.detection.naming import named
    from sentio.detection.run import Request

    for param in arguments.params or ():
        key, sign, _ = param.partition("=")
        if not sign or not all(key.split(".")):
            raise ConfigError(f"--param: is {show(param)}; a key and a value, such as threshold=0.999, are expected")
    changes = tuple(f"detector.{param}" for param in arguments.params or ())
    return Request(named(arguments.detector, arguments.modules or ()), changes, getattr(arguments, "warm_up", None))


def _written(
    stack: ExitStack, table: Table, parts: Iterator[Scored], out: tuple[Form | None, str] | None
) -> Iterator[Scored]:
    """All of ``parts``, each written where it is wanted."""
    from sentio.tables.writer import writing

    writer = None
    for part in parts:
        if out is not None:
            if writer is None:
                # Which outputs there are is known with the first rows.
                writer = stack.enter_context(writing(out[1], table, tuple(part.further), out[0]))
            writer.write(part.rows, part.score, part.flag, part.further)
        yield part


def _draw(arguments: argparse.Namespace, found: Found, curves: object, episodes: Sequence[Episode]) -> None:
    from sentio.detection import plot
    from sentio.tables.replace import replacing

    assert isinstance(curves, plot.Curves)  # noqa: S101 # it is made where a plot is wanted
    path: Path = arguments.plot
    curves.end()
    if path.suffix.lower() == ".png":
        picture = plot.png(found, curves)
    else:
        picture = plot.html(found, curves, episodes, arguments.detector).encode()
    with replacing(path, streamed=True) as beside:
        beside.write_bytes(picture)


def _tell(arguments: argparse.Namespace, found: Found, episodes: Sequence[Episode]) -> None:
    from sentio.cli.shown import console, many, show

    # Where the rows are on standard output, this is beside them.
    out = console(stderr=bool(arguments.out and arguments.out[1] == "-"))
    heads = ("series", "samples", "judged", "flagged", "anomalies")
    title = f"{many(found.rows, 'row')}, judged by {arguments.detector}"
    show(title, heads, map(_counts, found.series.items()), right=heads[1:], out=out)
    worst = sorted(sorted(episodes, key=lambda e: -e.peak)[:_SHOWN], key=lambda e: (e.start, str(e.key)))
    of = f"; the {_SHOWN} worst" if found.episodes > _SHOWN else ""
    title = f"\n{many(found.episodes, 'anomaly', 'anomalies')}{of}"
    show(title, ("from", "to", "series", "samples", "score", "value"), map(_cells, worst), right=_NUMBERS, out=out)
    if found.failed:
        key, why = next(iter(found.failed.items()))
        out.print(f"{many(len(found.failed), 'series', 'series')} failed; the first, {key}: {why}", markup=False)
    for what in (arguments.out[1] if arguments.out else None, arguments.plot):
        if what not in (None, "-"):
            out.print(f"written: {what}", markup=False)


def _counts(item: tuple[SeriesKey, Summary]) -> tuple[str, ...]:
    key, one = item
    return str(key), f"{one.samples:,}", f"{one.judged:,}", f"{one.flagged:,}", f"{one.episodes:,}"


def _cells(episode: Episode) -> tuple[str, ...]:
    from sentio.message import number
    from sentio.tables.times import iso

    span = iso(episode.start), iso(episode.end)
    return *span, str(episode.key), f"{episode.samples:,}", number(episode.peak), number(episode.value)


def _target(text: str) -> tuple[Form | None, str]:
    kind, colon, path = text.partition(":")
    if colon and kind in ("csv", "jsonl", "parquet") and path:
        return kind, path  # type: ignore[return-value] # one of the three
    if not text or text.endswith(":"):
        raise argparse.ArgumentTypeError(f"is {text!r}; a path, such as scored.csv or jsonl:scored, is expected")
    return None, text


def _plot(text: str) -> Path:
    if not text.lower().endswith(_PLOTS):
        raise argparse.ArgumentTypeError(f"is {text!r}; a path that ends with .html or .png is expected")
    return Path(text)
