"""``sentio notify``."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from sentio.cli.options import Commands, Help
from sentio.config.load import load
from sentio.config.misfit import one_of, show
from sentio.config.model import Config
from sentio.config.redact import redact
from sentio.deadline import within
from sentio.errors import ConfigError, SinkError
from sentio.types import SECOND


def add(commands: Commands) -> None:
    notify = commands.add_parser(
        "notify",
        help="send a test alert to sinks",
        description="Sends one test alert, of level warning, to each SINK of the configuration, or to all of them, "
        "and prints what became of it. Nothing is retried. Exit code 0 when all have taken it, 1 otherwise.",
        epilog="example: sentio notify --config.file=sentio.yml slack",
        formatter_class=Help,
    )
    notify.add_argument(
        "--config.file", dest="config", type=Path, action="append", metavar="PATH", default=None,
        help="a YAML file, or a directory of them; may be given more than once (sentio.yml)",
    )  # fmt: skip
    notify.add_argument("sinks", nargs="*", metavar="SINK", help="the name of a sink; all of them when left out")
    notify.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    config = load(arguments.config or [Path("sentio.yml")], os.environ)
    names = arguments.sinks or list(config.sinks)
    if not config.sinks:
        raise ConfigError("sentio notify: the configuration has no sinks; one under sinks, at the top, is expected")
    unknown = [name for name in names if name not in config.sinks]
    if unknown:
        raise ConfigError(
            *(f"sentio notify: {show(name)} is no sink; {one_of(sorted(config.sinks), name)}" for name in unknown)
        )
    failed = [name for name in names if not _sent(config, name)]
    return 1 if failed else 0


def _sent(config: Config, name: str) -> bool:
    """Whether every receiver of the sink has taken it; prints what each answered."""
    # Here, not above: a configuration that is refused needs none of it.
    from sentio import build
    from sentio.notice import sample_report

    good = True
    for receiver in build.receivers(config, name):
        try:
            with within(receiver.timeout / SECOND):
                receiver.sink.emit(sample_report(time.time_ns()))
        except SinkError as error:
            good = False
            print(f"{receiver.name}: not delivered: {redact(str(error), config.secrets)}")
        else:
            print(f"{receiver.name}: delivered")
    return good
