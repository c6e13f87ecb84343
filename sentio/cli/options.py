"""What the commands share: how their options are told."""

from __future__ import annotations

import argparse
from typing import TypeAlias

from sentio import log

# The only name that the library has for it, and a generic one for type checkers alone.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Names the defaults that there are, and breaks no line of an example: it is there to be copied."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("example"):
            return "\n".join(indent + line for line in text.splitlines())
        return super()._fill_text(text, width, indent)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None else super()._get_help_string(action)


class HelpInLines(Help, argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the description."""


def log_options(parser: argparse.ArgumentParser, level: str = "info") -> None:
    parser.add_argument("--log.level", dest="level", choices=log.LEVELS, default=level, help="what is logged")
    parser.add_argument("--log.format", dest="form", choices=log.FORMATS, default="logfmt", help="and how")
