"""``sentio replay``."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sentio.cli.arguments import workers
from sentio.cli.options import Commands, HelpInLines
from sentio.errors import ConfigError
from sentio.types import SECOND

if TYPE_CHECKING:
    from sentio.evaluation.alerts import Alert, Difference
    from sentio.evaluation.backtest import Live
    from sentio.evaluation.evaluate import Judged
    from sentio.reports import Event

_DESCRIPTION = """\
Runs a pipeline over the past as it would have run then: with the training window before --start as the history that
it finds, trained and judged at the times of its configuration. Prints the alerts that it would have raised.

  --compare other.yml   runs the same pipeline as configured there, too, and prints which alerts differ
  --labels FILE         prints precision, recall, delay and false alarms a day against the incidents that are known
  --clock real          goes through it at the pace at which it came, and prints alerts as they change"""
_EPILOG = """\
examples:
  sentio replay cpu --config.file sentio.yml --start 2026-05-01 --end 2026-05-02 --timezone Europe/Berlin
  sentio replay cpu --config.file sentio.yml --start 2026-05-01 --compare stricter.yml
  sentio replay cpu --config.file sentio.yml --start 2026-05-01 --labels incidents.csv --json"""
_MOST = 50
"""Alerts that a table shows of each kind; --json has all."""


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "replay",
        help="run a pipeline over the past, and show the alerts that it would have raised",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=HelpInLines,
    )
    parser.add_argument("pipeline", metavar="PIPELINE", help="its name in --config.file")
    parser.add_argument(
        "--config.file", dest="config", type=Path, action="append", metavar="PATH", required=True,
        help="a YAML file, or a directory of them; may be given more than once",
    )  # fmt: skip
    parser.add_argument(
        "--start", required=True, metavar="TIME", help="from when, such as 2026-05-01T06:00 or seconds since 1970"
    )
    parser.add_argument("--end", metavar="TIME", help="until when (now)")
    parser.add_argument(
        "--timezone", type=_zone, default="UTC", metavar="ZONE",
        help="of times that name none, here and in --labels, and of those that are printed, such as Europe/Berlin",
    )  # fmt: skip
    parser.add_argument(
        "--clock", choices=("fast", "real"), default="fast", help="as fast as it can, or at the pace of the time"
    )
    parser.add_argument(
        "--compare",
        type=Path,
        action="append",
        metavar="PATH",
        help="another configuration with a pipeline of this name; may be given more than once",
    )
    parser.add_argument("--labels", type=Path, metavar="FILE", help="incidents: a CSV file with series, start, end")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write what was said of each sample to DIR/PIPELINE/SERIES.csv"
    )
    parser.add_argument("--json", action="store_true", help="print all of it as JSON")
    parser.add_argument("--workers", type=workers, metavar="N", default=2, help="processes that replay side by side")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from sentio.evaluation.write import make_folder, write_scores

    if arguments.out:
        make_folder(arguments.out)
    runs = _runs(arguments)
    _tell(arguments, runs)
    # Last: what has been told is not lost where a disk is full.
    if arguments.out:
        write_scores(arguments.out, runs[0])
    return 0


def _runs(arguments: argparse.Namespace) -> list[list[Judged]]:
    """What the pipeline said, and where there is another configuration, what that one says."""
    from sentio.evaluation.backtest import Running, since
    from sentio.evaluation.settings import Settings

    start = _moment("--start", arguments.start, arguments.timezone)
    end = time.time_ns() if arguments.end is None else _moment("--end", arguments.end, arguments.timezone)
    if start >= end:
        raise ConfigError("--start: is not before --end; an earlier time is expected")
    running = Running(arguments.workers, arguments.labels, zone=arguments.timezone)
    settings = [Settings(tuple(arguments.config), arguments.pipeline, train_every=None)]
    if arguments.compare:
        settings.append(replace(settings[0], paths=tuple(arguments.compare)))
    live = _live(arguments) if arguments.clock == "real" else None
    from sentio.cli.progress import Progress

    with Progress("replay") as progress:
        return since(settings, (start, end), running, progress, live)


def _live(arguments: argparse.Namespace) -> Live:
    from sentio.evaluation.backtest import Live

    def heard(event: Event) -> None:
        if not arguments.json:
            print(_said(event, arguments.timezone), flush=True)

    return Live(_waiting(time.monotonic, time.sleep), heard)


def _waiting(clock: Callable[[], float], sleep: Callable[[float], None]) -> Callable[[int], None]:
    """Waits until as much time has passed as lies between the first step and this one."""
    began: list[tuple[int, float]] = []

    def pace(now: int) -> None:
        if not began:
            began.append((now, clock()))
        first, then = began[0]
        sleep(max(0.0, then + (now - first) / SECOND - clock()))

    return pace


def _said(event: Event, zone: ZoneInfo) -> str:
    from sentio.message import number

    what = f"{event.level_from.word} → {event.level_to.word}"
    return f"{_at(event.at, zone)}  {what}  {event.key}  {number(event.value)}  {event.cause}"


def _tell(arguments: argparse.Namespace, runs: list[list[Judged]]) -> None:
    from sentio.evaluation.alerts import alerts_of, difference
    from sentio.evaluation.figures import figures_of, plain
    from sentio.evaluation.table import report

    alerts = [alerts_of(event for one in run for event in one.events) for run in runs]
    found = difference(*alerts) if len(runs) > 1 else None
    figures = [figures_of(run) for run in runs]
    if arguments.json:
        document: dict[str, Any] = {"alerts": [_plain(a) for a in alerts[0]], "figures": [plain(f) for f in figures[0]]}
        if found is not None:
            document["compared"] = {
                "only_here": [_plain(alert) for alert in found.first],
                "only_there": [_plain(alert) for alert in found.second],
                "both": len(found.both),
                "figures": [plain(one) for one in figures[1]],
            }
        print(json.dumps(document, indent=2))
        return
    _show(arguments, alerts, found)
    for run, title in zip(figures, ("", "as configured in --compare"), strict=False):
        print(f"\n{title}\n{report(run)}" if title else f"\n{report(run)}")


def _show(arguments: argparse.Namespace, alerts: list[list[Alert]], found: Difference | None) -> None:
    from sentio.cli.shown import console, many

    if found is None:
        _table(many(len(alerts[0]), "alert"), alerts[0], arguments.timezone)
        return
    out = console()
    out.print(f"{many(len(found.both), 'alert')} of both configurations")
    if found.both:
        mean = sum(other.since - one.since for one, other in found.both) / len(found.both) / SECOND
        out.print(f"those of --compare begin {abs(mean):.0f} s {'later' if mean >= 0 else 'earlier'} on average")
    _table(f"{many(len(found.first), 'alert')} of --config.file alone", found.first, arguments.timezone)
    _table(f"{many(len(found.second), 'alert')} of --compare alone", found.second, arguments.timezone)


def _table(title: str, alerts: Sequence[Alert], zone: ZoneInfo) -> None:
    from sentio.cli.shown import show
    from sentio.message import roughly

    rows = [
        (
            _at(alert.since, zone),
            "stands" if alert.until is None else roughly((alert.until - alert.since) // SECOND),
            alert.level.word,
            str(alert.key),
            alert.kind,
            alert.cause,
        )
        for alert in alerts[:_MOST]
    ]
    more = f"; the first {_MOST} of them, --json has all" if len(alerts) > _MOST else ""
    show(title + more, ("since", "for", "level", "series", "type", "cause"), rows)


def _plain(alert: Alert) -> dict[str, object]:
    return {
        "series": str(alert.key),
        "since": alert.since / SECOND,
        "until": None if alert.until is None else alert.until / SECOND,
        "level": alert.level.word,
        "type": alert.kind,
        "cause": alert.cause,
    }


def _at(moment: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(moment / SECOND, zone).isoformat(" ", "seconds")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise argparse.ArgumentTypeError(
            f"is {name!r}, which is no time zone; one such as Europe/Berlin is expected"
        ) from error


def _moment(option: str, text: str, zone: ZoneInfo) -> int:
    from sentio.evaluation.samples import moment

    try:
        return moment(text, zone)
    except ValueError as error:
        right = "seconds since 1970, or a time such as 2026-05-01T06:00, is expected"
        raise ConfigError(f"{option}: is {text!r}; {right}") from error
