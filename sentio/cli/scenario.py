"""``sentio scenario``: list, check, run, printer."""

from __future__ import annotations

import argparse
import os
import signal
from pathlib import Path

from sentio.cli.arguments import duration
from sentio.cli.options import Commands, Help
from sentio.errors import ConfigError


def add(commands: Commands) -> None:
    scenario = commands.add_parser(
        "scenario",
        help="put load on containers, with a published truth",
        description="Scenarios are files: phases of load, and what should be flagged in each. While one runs, it tells "
        "the truth as sentio_scenario_active, so that what Sentio flags can be compared with it.",
        epilog="Start with 'sentio scenario list'. docs/scenarios.md tells how to write one.",
    )
    what = scenario.add_subparsers(required=True, metavar="COMMAND")
    _add_list(what)
    _add_check(what)
    _add_run(what)
    _add_printer(what)


def _add_list(commands: Commands) -> None:
    parser = commands.add_parser(
        "list",
        help="the scenarios that there are",
        description="Name, length and description of each scenario.",
        formatter_class=Help,
    )
    _folder(parser)
    parser.set_defaults(run=_list)


def _add_check(commands: Commands) -> None:
    parser = commands.add_parser(
        "check",
        help="validate scenarios",
        description="Prints every problem as FILE:LINE: path: what is wrong; what would be right. Puts no load on. "
        "Exit code 0 when there is none, 2 otherwise.",
        formatter_class=Help,
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="a scenario (all those of --dir)")
    _folder(parser)
    parser.set_defaults(run=_check)


def _add_run(commands: Commands) -> None:
    parser = commands.add_parser(
        "run",
        help="run one",
        description="Runs a scenario, phase by phase, and prints what it does and what should be flagged. Ctrl-C ends "
        "it at any time; either way nothing of it is left: no file, no process, no container that it has stopped. "
        "Containers are loaded over the Docker Engine at DOCKER_HOST.",
        epilog="examples:\n  sentio scenario run burst\n  sentio scenario run leak --duration 2m --local",
        formatter_class=Help,
    )
    parser.add_argument("name", metavar="NAME", help="which: see 'sentio scenario list'")
    parser.add_argument(
        "--duration", type=duration, metavar="LENGTH",
        help="of the whole, such as 90s or 20m: all phases become shorter or longer in proportion; at most 24h",
    )  # fmt: skip
    parser.add_argument("--container", metavar="NAME", help="in place of the container that the scenario names")
    parser.add_argument("--local", action="store_true", help="load this machine, not a container: needs stress-ng, fio")
    _folder(parser)
    parser.add_argument(
        "--web.listen-address", dest="listen", metavar="HOST:PORT", default="127.0.0.1:9275",
        help="where the truth can be scraped",
    )  # fmt: skip
    parser.set_defaults(run=_run)


def _add_printer(commands: Commands) -> None:
    parser = commands.add_parser(
        "printer",
        help="write a day of a simulated 3D printer",
        description="Writes the three temperatures of the 3D printer of Kapacitor's guide to anomaly detection, once "
        "per second for a day, with an incident in each: a folder for 'sentio backtest'. Puts no load on.",
        epilog="example: sentio scenario printer && sentio backtest printer --set detector.type=welch",
        formatter_class=Help,
    )
    parser.add_argument("--out", type=Path, metavar="DIR", default=Path("printer"), help="where it is written")
    parser.add_argument("--seed", type=_seed, metavar="N", default="0", help="of the random numbers")
    parser.set_defaults(run=_printer)


def _folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dir", dest="folder", type=Path, metavar="DIR", default=Path("scenarios"), help="where the scenarios are"
    )


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"is {text!r}; a whole number, 0 to 4294967295, is expected")
    return int(text)


def _list(arguments: argparse.Namespace) -> int:
    from sentio.scenario.files import load_scenario, names
    from sentio.scenario.words import spell, table

    found = {name: load_scenario(arguments.folder / f"{name}.yaml", os.environ) for name in names(arguments.folder)}
    print("\n".join(table((name, spell(one.length), one.description) for name, one in found.items())))
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from sentio.scenario.files import load_scenario, names
    from sentio.scenario.words import spell

    problems: list[str] = []
    for path in arguments.files or [arguments.folder / f"{name}.yaml" for name in names(arguments.folder)]:
        try:
            scenario = load_scenario(path, os.environ)
        except ConfigError as error:
            problems += error.problems
        else:
            print(f"{path}: valid, {spell(scenario.length)} in {len(scenario.phases)} phase(s)")
    if problems:
        raise ConfigError(*problems)
    return 0


def _run(arguments: argparse.Namespace) -> int:
    """Exit code 0 at the scenario's end, 128 and the signal's number where one ended it before."""
    ended: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: ended.append(number))
    from sentio.scenario.command import Order, carry_out

    order = Order(
        name=arguments.name,
        folder=arguments.folder,
        listen=arguments.listen,
        length=arguments.duration,
        container=arguments.container,
        local=arguments.local,
    )
    finished = carry_out(order, lambda: bool(ended), lambda text: print(text, flush=True))
    return 0 if finished else 128 + ended[0]


def _printer(arguments: argparse.Namespace) -> int:
    from sentio.scenario.printer import SENSORS, write_printer

    write_printer(arguments.out, arguments.seed)
    print(f"{arguments.out}: a day of {', '.join(SENSORS)}, seed {arguments.seed}")
    return 0
