"""``sentio serve``."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sentio import log
from sentio.cli.arguments import address
from sentio.cli.options import Commands, Help, log_options
from sentio.config.environment import from_environment
from sentio.config.listen import parse_listen
from sentio.config.load import load
from sentio.config.model import Config
from sentio.errors import ConfigError

if TYPE_CHECKING:
    from sentio.service import Service

logger = logging.getLogger(__name__)

_DEFAULT_CONFIG = Path("sentio.yml")
_ENVIRONMENT = ("PROMETHEUS", "METRIC_LABEL", "METRIC_NAME", "METRIC_TYPE")


def add(commands: Commands) -> None:
    serve = commands.add_parser(
        "serve",
        help="run the service",
        description="Runs the pipelines of a configuration, and serves their results on /metrics and as a page on /. "
        "SIGHUP takes the configuration anew, SIGTERM ends. Without a configuration file, the variables "
        "PROMETHEUS, METRIC_TYPE, METRIC_LABEL and METRIC_NAME make one pipeline.",
        epilog="example: sentio serve --config.file=sentio.yml --web.listen-address=127.0.0.1:8000",
        formatter_class=Help,
    )
    serve.add_argument(
        "--config.file", dest="config", type=Path, action="append", metavar="PATH",
        help="a YAML file, or a directory of them; may be given more than once (sentio.yml if it exists)",
    )  # fmt: skip
    serve.add_argument(
        "--web.listen-address",
        dest="listen",
        type=address,
        metavar="HOST:PORT",
        help="in place of server.listen (0.0.0.0:8000)",
    )
    serve.add_argument("--web.enable-lifecycle", dest="lifecycle", action="store_true", help="allow POST /-/reload")
    log_options(serve)
    serve.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
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
    over: Callable[[Service], bool] = lambda _: False,
) -> int:
    """Serve until SIGTERM or SIGINT, or until it is ``over``; SIGHUP reloads. ``started`` is called with the
    address."""
    signals = _Signals()  # before what is slow, for they may come at any time
    # Here, not above: it takes a second, and `check` needs none of it.
    from sentio.held import hold_little
    from sentio.service import Service
    from sentio.web.app import make_server

    hold_little()
    service = Service(read, text)
    log.set_up(arguments.level, arguments.form, service.redact)
    listen = parse_listen(arguments.listen) if arguments.listen else None
    try:
        web = service.start(lambda s: make_server(s, *(listen or s.config.server.address), lifecycle=lifecycle))
        started(web.url)
        while not signals.ended.is_set() and not over(service):
            if signals.asked_to_reload():
                service.reload()
        logger.info("ending")
    finally:
        service.stop()
    return 0


class _Signals:
    """SIGTERM and SIGINT end, SIGHUP reloads; from when this is made."""

    def __init__(self) -> None:
        self.ended, self._again, self._wake = threading.Event(), threading.Event(), threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._heard)

    def _heard(self, number: int, _frame: object) -> None:
        (self._again if number == signal.SIGHUP else self.ended).set()
        self._wake.set()

    def asked_to_reload(self) -> bool:
        """Waits for a signal, half a second at most; whether there was SIGHUP."""
        # Not for ever: a signal that comes just as the wait begins is handled only when something ends it.
        self._wake.wait(0.5)
        self._wake.clear()
        again = self._again.is_set()
        self._again.clear()
        return again


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
