"""``sentio record``."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from sentio.cli.arguments import duration, moment, orderly
from sentio.cli.options import Commands, HelpInLines
from sentio.errors import ConfigError

_DESCRIPTION = """\
Reads what the source of PIPELINE has, as the pipeline would, and writes it as Parquet, which the source 'recording'
reads. The file is there once all of it is. docs/files.md tells what is in it."""
_EPILOG = """\
examples:
  sentio record cpu --config.file sentio.yml --for 7d --out cpu.parquet
  sentio record cpu --config.file sentio.yml --start 2024-05-01T00:00:00Z --end 2024-05-08T00:00:00Z --out may.parquet

exit codes: 0 done; 1 the source cannot be read, or there is no fastparquet; 2 the configuration or the call is refused;
4 there is no sample; 130 Ctrl-C"""


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "record",
        help="keep what a pipeline reads in a file, to be read again by the source 'recording'",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=HelpInLines,
    )
    parser.add_argument("pipeline", metavar="PIPELINE", help="the name of a pipeline of --config.file")
    parser.add_argument(
        "--config.file", dest="config", type=Path, action="append", required=True, metavar="PATH",
        help="a YAML file, or a directory of them; may be given more than once",
    )  # fmt: skip
    parser.add_argument(
        "--start", type=moment, metavar="TIME", help="from when, such as 2024-05-01T12:00:00Z (--for before the end)"
    )
    parser.add_argument("--end", type=moment, metavar="TIME", help="until when (now)")
    parser.add_argument(
        "--for",
        dest="length",
        type=duration,
        metavar="LENGTH",
        help="how much, such as 7d (one and a half times train.window)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="what is written")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from sentio.config.load import load
    from sentio.config.misfit import one_of, show
    from sentio.evaluation.record import record, span

    config, alias = load(arguments.config, os.environ), arguments.pipeline
    if alias not in config.pipelines:
        raise ConfigError(
            f"PIPELINE: is {show(alias)}, which is no pipeline; {one_of(sorted(config.pipelines), alias)}"
        )
    window = span(config, alias, *_bounds(arguments))
    from sentio.cli.progress import Progress

    with orderly(), Progress("record") as progress:
        done = record(config, alias, window, arguments.out, progress)
    print(f"record: {done.samples:,} samples of {done.series:,} series in {arguments.out}")
    return 0


def _bounds(arguments: argparse.Namespace) -> tuple[int | None, int]:
    """Raises `ConfigError`."""
    end = time.time_ns() if arguments.end is None else arguments.end
    if arguments.length is not None and arguments.start is not None:
        raise ConfigError("--for: is given beside --start; one of the two is expected")
    start = arguments.start if arguments.length is None else end - arguments.length
    if start is not None and start >= end:
        raise ConfigError("--start: is not before --end; an earlier time is expected")
    return start, end
