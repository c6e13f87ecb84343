"""``sentio restream``."""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sentio.cli.arguments import address
from sentio.cli.detect import choice_of, detector_options, request_of, table_options, tell_left_out
from sentio.cli.options import Commands, HelpInLines, log_options
from sentio.cli.serve import run_service
from sentio.errors import SensorsError
from sentio.types import SECOND

if TYPE_CHECKING:
    from sentio.config.model import Config
    from sentio.detection.plan import Plan
    from sentio.service import Service

log = logging.getLogger(__name__)

_DESCRIPTION = """\
Lets the samples of a file come now, one after the other at their own pace or --speed times as fast, through the service
itself: they are published on /metrics and the page, judged, and told to the sinks of --config.file. Ends with the last
sample, or with --stay at Ctrl-C.

A detector that learns from a first batch has that as its history, as with datastream.io; one that is trained has the
first 15 % of the samples."""
_EPILOG = """\
examples:
  sentio restream cars.csv --speed 10
  sentio restream cars.csv --speed 60 --detector changefinder --config.file sinks.yml --stay

exit codes as of sentio detect, but 0 for Ctrl-C once it serves"""


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "restream",
        help="let the samples of a file come now, through the service",
        usage="%(prog)s FILE [options]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=HelpInLines,
    )
    table_options(parser, "a table of samples; no standard input, for it is read twice")
    detector_options(parser)
    parser.add_argument(
        "--speed", type=_speed, default=1.0, metavar="TIMES", help="how many times as fast as it was, such as 60"
    )
    parser.add_argument(
        "--config.file", dest="config", type=Path, action="append", metavar="PATH",
        help="whose sinks and server are used; may be given more than once",
    )  # fmt: skip
    parser.add_argument(
        "--web.listen-address",
        dest="listen",
        type=address,
        metavar="HOST:PORT",
        help="in place of server.listen (0.0.0.0:8000)",
    )
    parser.add_argument("--stay", action="store_true", help="go on serving after the last sample")
    log_options(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="sentio-restream-") as folder:
        planned, config = _planned(arguments, Path(folder))
        if planned.lost:
            log.warning("%d rows are not seen: a later one is in the same step", planned.lost)

        def started(url: str) -> None:
            seconds = (planned.last - planned.first) / SECOND
            print(f"{planned.rows:,} rows in {seconds:,.0f} s, {planned.speed:g} times as fast: {url}", flush=True)

        def over(service: Service) -> bool:
            report = service.runners()[0].report
            return not arguments.stay and report is not None and report.at >= planned.last + planned.step

        return run_service(lambda: config, lambda: "", arguments, started=started, over=over)


def _planned(arguments: argparse.Namespace, folder: Path) -> tuple[Plan, Config]:
    from sentio.cli.progress import Progress
    from sentio.config.load import load
    from sentio.config.model import Store
    from sentio.detection.plan import SOURCE, Wanted, plan
    from sentio.detection.run import made, warm
    from sentio.tables.reader import open_table
    from sentio.tables.whole import samples_of

    if arguments.file == "-":
        raise SensorsError("standard input: cannot be read twice, as a table that comes again is; a file is expected")
    choice, opened = choice_of(arguments), time.time_ns()
    wanted = Wanted(arguments.file, choice, arguments.speed, request_of(arguments), opened)
    with open_table(arguments.file, choice, now=opened) as table:
        tell_left_out(table)
        samples = samples_of(table)
    with Progress("restream"):
        warm(made(wanted.request)[0])
    planned = plan(samples, wanted, time.time_ns())
    config = load(arguments.config or (), os.environ, planned.over)
    # Of a configuration of one's own its sinks and its server: other pipelines are no business of this file.
    own = {planned.alias: config.pipelines[planned.alias]}
    sources, store = {SOURCE: config.sources[SOURCE]}, Store(path=folder / "sentio.db")
    return planned, config.model_copy(update={"pipelines": own, "sources": sources, "store": store})


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise argparse.ArgumentTypeError(f"is {text!r}; a number above 0, such as 10, is expected")
    return speed
