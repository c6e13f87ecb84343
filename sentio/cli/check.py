"""``sentio check``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from sentio.cli.options import Commands
from sentio.config.load import load
from sentio.errors import ConfigError


def add(commands: Commands) -> None:
    check = commands.add_parser(
        "check",
        help="validate configuration files",
        description="Each FILE is a configuration of its own. Prints every problem as FILE:LINE: path: what is wrong; "
        "what would be right. Touches no network. "
        "Exit code 0 when there is none, 2 otherwise.",
    )
    check.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="a YAML file, or a directory whose files are one configuration",
    )
    check.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    problems: list[str] = []
    for path in arguments.files:
        try:
            config = load([path], os.environ)
        except ConfigError as error:
            problems += error.problems
        else:
            print(f"{path}: valid, with {len(config.pipelines)} pipeline(s) on {len(config.sources)} source(s)")
    if problems:
        raise ConfigError(*problems)
    return 0
