"""``sentio scenario run``: from what was asked for to a run, with everything that it needs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from sentio.config.durations import format_duration
from sentio.config.listen import parse_listen
from sentio.errors import ConfigError
from sentio.scenario.files import find, load_scenario
from sentio.scenario.loader import Loader
from sentio.scenario.local import CONTAINER, Local
from sentio.scenario.run import Run
from sentio.scenario.shape import LONGEST, Scenario, parse_container
from sentio.scenario.timeline import Act, timeline
from sentio.scenario.truth import Truth, exporter
from sentio.scenario.words import clock, spell, summary
from sentio.server import Server
from sentio.types import SECOND

T = TypeVar("T")

LONGEST_UNASKED = 3600 * SECOND
"""Of a run whose length nobody has asked for."""


@dataclass(frozen=True)
class Order:
    """What was asked for."""

    name: str
    folder: Path
    listen: str
    length: int | None = None
    """Of the whole, in nanoseconds; None for that of the scenario."""
    container: str | None = None
    """None for that of the scenario."""
    local: bool = False


def carry_out(order: Order, ended: Callable[[], bool], say: Callable[[str], None]) -> bool:
    """Whether it went to its end, and nobody ended it before.

    Raises `ConfigError` for what is refused, `LoadError` and `ServerError` for what cannot be done.
    """
    path = find(order.folder, order.name)
    scenario = load_scenario(path, os.environ)
    host, port = _judged(order, scenario, path)
    acts = timeline(scenario, order.container or (CONTAINER if order.local else None), order.length)
    truth = Truth(order.name, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    server = Server(exporter(truth), host, port, "scenario")
    with closing(_loader(order)) as loader:
        loader.prepare({act.container for act in acts} | {p.container for act in acts for p in act.pieces})
        with server:
            say(_greeting(order, scenario, acts, server))
            began = time.time()
            if not Run(acts, loader, truth, ended, say).run():
                say(f"{clock(time.time())}  ended before its time; nothing of it is left")
                return False
    say(f"{clock(time.time())}  done after {spell(acts[-1].end)}; nothing of it is left\n")
    say("\n".join(summary(acts, began)))
    return True


def _judged(order: Order, scenario: Scenario, path: Path) -> tuple[str, int]:
    """Host and port of the truth. Raises `ConfigError` where the order cannot be carried out as it was given."""
    problems = []
    if order.length is None and scenario.length > LONGEST_UNASKED:
        wrong, most = f"lasts {format_duration(scenario.length)}", format_duration(LONGEST_UNASKED)
        problems.append(f"{path}: {wrong}; at most {most} is expected, or --duration with the length that it may have")
    if order.length is not None and not SECOND <= order.length <= LONGEST:
        problems.append(f"--duration: is {format_duration(order.length)}; 1s to {format_duration(LONGEST)} is expected")
    if order.local and scenario.containers_only:
        problems.append(f"{path}: {scenario.containers_only}; a run without --local is expected")
    if order.container is not None:
        _parsed("--container", parse_container, order.container, problems)
    address = _parsed("--web.listen-address", parse_listen, order.listen, problems)
    if address is None or problems:
        raise ConfigError(*problems)
    return address


def _parsed(flag: str, parse: Callable[[str], T], text: str, problems: list[str]) -> T | None:
    try:
        return parse(text)
    except ValueError as error:
        problems.append(f"{flag}: {error}")
        return None


def _loader(order: Order) -> Loader:
    if order.local:
        return Local(order.folder / "workload" / "load")
    # Here, not above: a run on this machine needs no Docker.
    from sentio.scenario.containers import Containers

    return Containers()


def _greeting(order: Order, scenario: Scenario, acts: tuple[Act, ...], server: Server) -> str:
    where = "this machine" if order.local else f"container {acts[0].container}"
    return (
        f"{order.name}: {scenario.description}\n"
        f"{spell(acts[-1].end)} in {len(acts)} phase(s) on {where}; the truth is at {server.url}/metrics; "
        f"times are {time.strftime('%Z')}; Ctrl-C ends it\n"
    )
