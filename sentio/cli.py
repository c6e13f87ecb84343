"""``sentio``: serve, check, demo, seed, scenario."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sentio import __version__, log
from sentio.config.durations import parse_duration
from sentio.config.environment import from_environment
from sentio.config.listen import parse_listen
from sentio.config.load import load
from sentio.config.model import Config
from sentio.errors import ConfigError, SentioError

logger = logging.getLogger(__name__)

_DEFAULT_CONFIG = Path("sentio.yml")
_ENVIRONMENT = ("PROMETHEUS", "METRIC_LABEL", "METRIC_NAME", "METRIC_TYPE")
_REFUSED = 2

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # the only name that the library has for it


def main(argv: Sequence[str] | None = None) -> int:
    """The command line. Exit codes: 0 done; 1 Sentio could not run; 2 the configuration or the call is refused."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except ConfigError as error:
        print("\n".join(error.problems), file=sys.stderr)
        return _REFUSED
    except SentioError as error:
        print(f"sentio: {error}", file=sys.stderr)
        return 1


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Names the defaults that there are."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None else super()._get_help_string(action)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sentio",
        description="Learns what metrics normally do, publishes the expected bands, and flags what leaves them.",
        epilog="Start with 'sentio demo'. docs/tutorial.md leads on from there to your own Prometheus.",
    )
    parser.add_argument("--version", action="version", version=f"sentio {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_check(commands)
    _add_demo(commands)
    _add_seed(commands)
    _add_scenario(commands)
    return parser


def _add_serve(commands: Commands) -> None:
    serve = commands.add_parser(
        "serve",
        help="run the service",
        description="Runs the pipelines of a configuration, and serves their results on /metrics and as a page on /. "
        "SIGHUP takes the configuration anew, SIGTERM ends. Without a configuration file, the variables "
        "PROMETHEUS, METRIC_TYPE, METRIC_LABEL and METRIC_NAME make one pipeline.",
        epilog="example: sentio serve --config.file=sentio.yml --web.listen-address=127.0.0.1:8000",
        formatter_class=_Help,
    )
    serve.add_argument(
        "--config.file", dest="config", type=Path, action="append", metavar="PATH",
        help="a YAML file, or a directory of them; may be given more than once (sentio.yml if it exists)",
    )  # fmt: skip
    serve.add_argument(
        "--web.listen-address",
        dest="listen",
        metavar="HOST:PORT",
        help="in place of server.listen (0.0.0.0:8000)",
    )
    serve.add_argument("--web.enable-lifecycle", dest="lifecycle", action="store_true", help="allow POST /-/reload")
    _log_options(serve)
    serve.set_defaults(run=_serve)


def _add_check(commands: Commands) -> None:
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
    check.set_defaults(run=_check)


def _add_demo(commands: Commands) -> None:
    demo = commands.add_parser(
        "demo",
        help="simulated containers with anomalies, and Sentio watching them",
        description="Runs Sentio over a few simulated containers with two weeks of history and an anomaly every few "
        "minutes; their exporter tells the truth as sentio_demo_fault_active. Needs nothing else. Ctrl-C ends it.",
        formatter_class=_Help,
    )
    demo.add_argument("--prometheus", action="store_true", help="use the prometheus on PATH, not the embedded store")
    demo.add_argument(
        "--web.listen-address",
        dest="listen",
        metavar="HOST:PORT",
        default="127.0.0.1:8000",
        help="where to look",
    )
    _log_options(demo, level="warning")
    demo.set_defaults(run=_demo)


def _add_seed(commands: Commands) -> None:
    seed = commands.add_parser(
        "seed",
        help="two weeks of history for the stack's Prometheus",
        description="Gives a Prometheus that has never run two weeks of history of the containers that are described "
        'in --workload, marked with the label seeded="true", so that bands stand in its first minute. Needs promtool. '
        "With SENTIO_SEED=0 in the environment, or where there is history already, it does nothing and says so.",
        formatter_class=_Help,
    )
    seed.add_argument("data", type=Path, metavar="DIR", help="the data folder of that Prometheus")
    seed.add_argument(
        "--workload",
        type=Path,
        metavar="DIR",
        default=Path("scenarios/workload"),
        help="a file CONTAINER.env for each container, with what it does when nothing is the matter",
    )
    seed.set_defaults(run=_seed)


def _add_scenario(commands: Commands) -> None:
    scenario = commands.add_parser(
        "scenario",
        help="put load on containers, with a published truth",
        description="Scenarios are files: phases of load, and what should be flagged in each. While one runs, it tells "
        "the truth as sentio_scenario_active, so that what Sentio flags can be compared with it.",
        epilog="Start with 'sentio scenario list'. docs/scenarios.md tells how to write one.",
    )
    what = scenario.add_subparsers(required=True, metavar="COMMAND")
    _add_scenario_list(what)
    _add_scenario_check(what)
    _add_scenario_run(what)


def _add_scenario_list(commands: Commands) -> None:
    parser = commands.add_parser(
        "list",
        help="the scenarios that there are",
        description="Name, length and description of each scenario.",
        formatter_class=_Help,
    )
    _scenario_folder(parser)
    parser.set_defaults(run=_scenario_list)


def _add_scenario_check(commands: Commands) -> None:
    parser = commands.add_parser(
        "check",
        help="validate scenarios",
        description="Prints every problem as FILE:LINE: path: what is wrong; what would be right. Puts no load on. "
        "Exit code 0 when there is none, 2 otherwise.",
        formatter_class=_Help,
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="a scenario (all those of --dir)")
    _scenario_folder(parser)
    parser.set_defaults(run=_scenario_check)


def _add_scenario_run(commands: Commands) -> None:
    parser = commands.add_parser(
        "run",
        help="run one",
        description="Runs a scenario, phase by phase, and prints what it does and what should be flagged. Ctrl-C ends "
        "it at any time; either way nothing of it is left: no file, no process, no container that it has stopped. "
        "Containers are loaded over the Docker Engine at DOCKER_HOST.",
        epilog="examples: sentio scenario run burst   sentio scenario run leak --duration 2m --local",
        formatter_class=_Help,
    )
    parser.add_argument("name", metavar="NAME", help="which: see 'sentio scenario list'")
    parser.add_argument(
        "--duration", type=_duration, metavar="LENGTH",
        help="of the whole, such as 90s or 20m: all phases become shorter or longer in proportion; at most 24h",
    )  # fmt: skip
    parser.add_argument("--container", metavar="NAME", help="in place of the container that the scenario names")
    parser.add_argument("--local", action="store_true", help="load this machine, not a container: needs stress-ng, fio")
    _scenario_folder(parser)
    parser.add_argument(
        "--web.listen-address", dest="listen", metavar="HOST:PORT", default="127.0.0.1:9275",
        help="where the truth can be scraped",
    )  # fmt: skip
    parser.set_defaults(run=_scenario_run)


def _scenario_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dir", dest="folder", type=Path, metavar="DIR", default=Path("scenarios"), help="where the scenarios are"
    )


def _duration(text: str) -> int:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _log_options(parser: argparse.ArgumentParser, level: str = "info") -> None:
    parser.add_argument("--log.level", dest="level", choices=log.LEVELS, default=level, help="what is logged")
    parser.add_argument("--log.format", dest="form", choices=log.FORMATS, default="logfmt", help="and how")


def _serve(arguments: argparse.Namespace) -> int:
    paths = arguments.config or ([_DEFAULT_CONFIG] if _DEFAULT_CONFIG.exists() else [])
    if not paths and not any(os.environ.get(name) for name in _ENVIRONMENT):
        raise ConfigError(
            f"sentio serve: there is no {_DEFAULT_CONFIG} here and no --config.file; a configuration is expected, "
            f"or the variables {', '.join(_ENVIRONMENT)}. To look around first: sentio demo"
        )

    def read() -> Config:
        return load(paths, os.environ) if paths else from_environment(os.environ)

    return run_service(read, lambda: digest(paths), arguments, lifecycle=arguments.lifecycle)


def run_service(
    read: Callable[[], Config],
    text: Callable[[], str],
    arguments: argparse.Namespace,
    *,
    lifecycle: bool = False,
    started: Callable[[str], None] = lambda _: None,
) -> int:
    """Serve until SIGTERM or SIGINT; SIGHUP reloads. ``started`` is called with the address."""
    # Here, not above: it takes a second, and `check` needs none of it.
    from sentio.service import Service
    from sentio.web.app import make_server

    service = Service(read, text)
    log.set_up(arguments.level, arguments.form, service.redact)
    ended, again = threading.Event(), threading.Event()
    wake = threading.Event()

    def on_signal(number: int, _frame: object) -> None:
        (again if number == signal.SIGHUP else ended).set()
        wake.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_signal)
    listen = parse_listen(arguments.listen) if arguments.listen else None
    try:
        web = service.start(lambda s: make_server(s, *(listen or s.config.server.address), lifecycle=lifecycle))
        started(web.url)
        while not ended.is_set():
            # Not for ever: a signal that comes just as the wait begins is handled only when something ends it.
            wake.wait(0.5)
            wake.clear()
            if again.is_set():
                again.clear()
                service.reload()
        logger.info("ending")
    finally:
        service.stop()
    return 0


def digest(paths: Sequence[Path]) -> str:
    """Changes when the text of the files does, or there are others."""
    found = hashlib.sha256()
    for path in paths:
        for file in _inside(path):
            if file.suffix in (".yaml", ".yml") or file == path:
                found.update(str(file).encode())
                with contextlib.suppress(OSError):  # `load` says what is wrong with it
                    found.update(file.read_bytes())
    return found.hexdigest()


def _inside(path: Path) -> list[Path]:
    try:
        return sorted(path.iterdir()) if path.is_dir() else [path]
    except OSError:  # `load` says what is wrong with it; its own name in place of its files' is a change
        return [path]


def _check(arguments: argparse.Namespace) -> int:
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


def _demo(arguments: argparse.Namespace) -> int:
    from sentio.demo.configuration import configuration, greeting
    from sentio.demo.run import Demo

    listen = arguments.listen
    with tempfile.TemporaryDirectory(prefix="sentio-demo-") as folder:
        print("making two weeks of history for a few simulated containers …", flush=True)
        demo = Demo(prometheus=arguments.prometheus, sentio=listen)
        with demo:
            path = Path(folder) / "sentio.yml"
            path.write_text(configuration(demo.url, listen, Path(folder) / "sentio.db"), "utf-8")
            return run_service(
                lambda: load([path], os.environ),
                lambda: digest([path]),
                arguments,
                started=lambda url: print(greeting(url, demo), flush=True),
            )


def _seed(arguments: argparse.Namespace) -> int:
    from sentio.demo.seed import base_loads, has_history, seed

    if os.environ.get("SENTIO_SEED", "1") == "0":
        print("seed: SENTIO_SEED is 0: no history is made; the first bands take min_samples samples")
    elif has_history(arguments.data):
        print(f"seed: {arguments.data} has history already; nothing is added")
    else:
        loads = base_loads(arguments.workload)
        print(f"seed: making two weeks of history of {', '.join(loads)} …", flush=True)
        seed(arguments.data, loads, time.time_ns())
        print("seed: done")
    return 0


def _scenario_list(arguments: argparse.Namespace) -> int:
    from sentio.scenario.files import load_scenario, names
    from sentio.scenario.words import spell, table

    found = {name: load_scenario(arguments.folder / f"{name}.yaml", os.environ) for name in names(arguments.folder)}
    print("\n".join(table((name, spell(one.length), one.description) for name, one in found.items())))
    return 0


def _scenario_check(arguments: argparse.Namespace) -> int:
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


def _scenario_run(arguments: argparse.Namespace) -> int:
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
