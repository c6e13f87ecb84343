"""What the commands share: how their options are told and read."""

from __future__ import annotations

import argparse
from typing import TypeAlias

from sentio import log
from sentio.config.durations import parse_delay, parse_duration

# The only name that the library has for it, and a generic one for type checkers alone.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Names the defaults that there are."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None else super()._get_help_string(action)


def log_options(parser: argparse.ArgumentParser, level: str = "info") -> None:
    parser.add_argument("--log.level", dest="level", choices=log.LEVELS, default=level, help="what is logged")
    parser.add_argument("--log.format", dest="form", choices=log.FORMATS, default="logfmt", help="and how")


def duration(text: str) -> int:
    """Nanoseconds, above 0."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def delay(text: str) -> int:
    """Nanoseconds, 0 or above."""
    try:
        return parse_delay(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def moment(text: str) -> int:
    """A time in nanoseconds."""
    from sentio.evaluation.samples import moment as parse

    try:
        return parse(text)
    except ValueError as error:
        wrong = f"is {text!r}; seconds since 1970, or a time such as 2024-05-01T12:00:00Z, is expected"
        raise argparse.ArgumentTypeError(wrong) from error
