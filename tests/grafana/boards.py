"""The dashboards as they are committed, what is in them, and their expressions as Grafana would send them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.docs.pages import ROOT

Json = dict[str, Any]

FOLDER = ROOT / "grafana/dashboards"
BOARDS: dict[str, Json] = {file.stem: json.loads(file.read_text("utf-8")) for file in sorted(FOLDER.glob("*.json"))}

SCRAPE_S = 15
"""`timeInterval` of the data source: no step is finer."""
_POINTS = 1000
"""About what a panel of full width asks for."""
_VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def panels(board: Json) -> list[Json]:
    """Without the headings."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def variables(board: Json) -> dict[str, Json]:
    return {variable["name"]: variable for variable in board["templating"]["list"]}


@dataclass(frozen=True)
class Expression:
    """What one target or annotation asks for."""

    board: str
    where: str
    text: str
    instant: bool

    def __str__(self) -> str:
        return f"{self.board}: {self.where}"


def expressions() -> Iterator[Expression]:
    """Those of every panel and every annotation."""
    for name, board in BOARDS.items():
        for panel in panels(board):
            for target in panel["targets"]:
                where = f"{panel['title']} {target['refId']}"
                yield Expression(name, where, target["expr"], target["instant"])
        for annotation in board["annotations"]["list"]:
            yield Expression(name, f"annotation {annotation['name']}", annotation["target"]["expr"], False)


def seconds(duration: str) -> int:
    number, unit = re.fullmatch(r"(?:now-)?(\d+)([smhd])", duration).groups()  # type: ignore[union-attr]
    return int(number) * _SECONDS[unit]


def step(board: Json) -> int:
    """Between two points of a panel, over the board's own time range."""
    return max(SCRAPE_S, seconds(board["time"]["from"]) // _POINTS)


def built_in(board: Json) -> dict[str, str]:
    """Grafana's own variables, over the board's own time range."""
    span, interval = seconds(board["time"]["from"]), step(board)
    return {
        "__range": f"{span}s",
        "__range_s": str(span),
        "__interval": f"{interval}s",
        "__interval_ms": str(1000 * interval),
        "__rate_interval": f"{max(interval + SCRAPE_S, 4 * SCRAPE_S)}s",
    }


def named(text: str) -> set[str]:
    """The variables that a text names."""
    return {braced or bare for braced, bare in _VARIABLE.findall(text)}


def filled(text: str, values: Mapping[str, str]) -> str:
    """``text`` with the variables' values; what is no variable (`$1`) stays, as in Grafana."""
    return _VARIABLE.sub(lambda found: values.get(found[1] or found[2], found[0]), text)


def chosen(variable: Json, options: list[str]) -> str:
    """What stands in an expression for a variable that has these options, when nobody has chosen any."""
    if variable["includeAll"]:
        # As the data source escapes it, for a regular expression within a string.
        escaped = (re.sub(r"[$^*{}\[\]'+?.()|]", r"\\\\\g<0>", option) for option in options)
        return str(variable.get("allValue") or f"({'|'.join(escaped)})")
    return options[0]
