"""``sentio``: each command is a file."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence

from sentio import __version__
from sentio.cli import (
    backtest,
    check,
    demo,
    detect,
    notify,
    record,
    replay,
    restream,
    scenario,
    seed,
    select_k,
    serve,
    warmup,
)
from sentio.cli.arguments import INTERRUPTED
from sentio.errors import ConfigError, InputError, SentioError

_REFUSED = 2


def main(argv: Sequence[str] | None = None) -> int:
    """The command line. Exit codes: 0 done; 1 Sentio could not run; 2 the configuration or the call is refused; those
    of `InputError` for a table that cannot be used; 130 Ctrl-C."""
    arguments = _parser().parse_args(argv)
    try:
        code = int(arguments.run(arguments))
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _left()
    except OSError as error:
        if _takes_more():
            raise
        _left()
        why = f"cannot be written ({error.strerror or error}); a place with room is expected"
        print(f"sentio: standard output: {why}", file=sys.stderr)
        return 1
    except ConfigError as error:
        print("\n".join(error.problems), file=sys.stderr)
        return _REFUSED
    except InputError as error:
        print(f"sentio: {error}", file=sys.stderr)
        return error.code
    except SentioError as error:
        print(f"sentio: {error}", file=sys.stderr)
        _let_go()
        return 1


def _let_go() -> None:
    """Of what standard output has refused, or Python would try once more at its end and say so."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _left()


def _takes_more() -> bool:
    """Whether standard output does: an error of the system that is none of it is a mistake, and is shown as one."""
    try:
        print(flush=True)
    except OSError:
        return False
    return True


def _left() -> int:
    """Whoever read standard output has enough of it, as ``head`` has: no failure."""
    with contextlib.suppress(OSError, ValueError):  # it is no file of the system's
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sentio",
        description="Learns what metrics normally do, publishes the expected bands, and flags what leaves them.",
        epilog="Start with 'sentio demo'. docs/tutorial.md leads on from there to your own Prometheus.",
    )
    parser.add_argument("--version", action="version", version=f"sentio {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (
        serve,
        check,
        notify,
        detect,
        restream,
        backtest,
        replay,
        record,
        select_k,
        demo,
        seed,
        scenario,
        warmup,
    ):
        command.add(commands)
    return parser
