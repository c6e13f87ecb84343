"""The eight environment variables of the first Sentio, which make one pipeline where there is no file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from sentio.config.durations import format_duration, parse_duration
from sentio.config.load import validate
from sentio.config.misfit import show
from sentio.config.model import DAY, HOUR, MINUTE, Config
from sentio.config.tree import Node, Place, Problem, Scalar
from sentio.errors import ConfigError
from sentio.types import SECOND

PLACE = Place("environment")

_REQUIRED = MappingProxyType(
    {
        "PROMETHEUS": "the address of Prometheus, such as http://prometheus:9090, is expected",
        "METRIC_LABEL": "the name of the label that tells the series apart is expected",
        "METRIC_NAME": "a short name for the query, such as cpu, is expected",
        "METRIC_TYPE": "the name of a metric in Prometheus is expected",
    }
)
"""variable → what is expected of it."""

_DEFAULTS = MappingProxyType(
    {
        "DAYSBACK": "7d",
        "PREDICTION_PERIODS": "30",
        "PREDICTION_FREQUENCY": "s",
        "CHANGEPOINT_PRIOR_SCALE": "1.0",
    }
)

_FREQUENCIES = MappingProxyType({"s": SECOND, "S": SECOND, "min": MINUTE, "T": MINUTE, "h": HOUR, "H": HOUR, "D": DAY})
"""pandas's names of the units, the older ones too, in nanoseconds."""

_FREQUENCY = re.compile(rf"([0-9]{{0,9}})({'|'.join(_FREQUENCIES)})")


class _Environment:
    """Reads the variables; ``problems`` grows as it goes. A variable that is empty counts as not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[Problem] = []

    def text(self, name: str) -> str | None:
        """The variable, its default, or None and a problem."""
        text = self._environ.get(name, "").strip() or _DEFAULTS.get(name)
        if text is None:
            self._say(name, "is not set", _REQUIRED[name])
        return text

    def node(self, name: str) -> Node:
        """The variable as a value of the configuration."""
        return self.leaf(name, self.text(name))

    def leaf(self, name: str, value: Scalar) -> Node:
        """A value that came of the variable ``name``; None where a problem with it has been told."""
        return Node(value, PLACE, name, PLACE, broken=value is None)

    def address(self) -> Node:
        """The first Sentio was given the URL of the query API; a source wants that of the server."""
        text = self.text("PROMETHEUS")
        return self.leaf("PROMETHEUS", text and text.rstrip("/").removesuffix("/api/v1/query"))

    def horizon(self) -> int | None:
        """How far ahead it predicted, in nanoseconds."""
        periods = self.text("PREDICTION_PERIODS") or ""
        count = int(periods) if re.fullmatch("[0-9]{1,9}", periods) else 0
        if not count:
            self._say("PREDICTION_PERIODS", f"is {show(periods)}", "a whole number from 1 up is expected")
        frequency = self.text("PREDICTION_FREQUENCY") or ""
        found = _FREQUENCY.fullmatch(frequency)
        unit = int(found[1] or 1) * _FREQUENCIES[found[2]] if found else 0
        if not unit:
            self._say("PREDICTION_FREQUENCY", f"is {show(frequency)}", "s, min, h or D is expected")
        if not count or not unit:
            return None
        try:
            return parse_duration(format_duration(count * unit))
        except ValueError:
            wrong = f"makes a prediction {count} × {show(frequency)[1:-1]} ahead"
            self._say("PREDICTION_PERIODS", wrong, "at most 100y is expected")
            return None

    def prior_scale(self) -> Node:
        text = self.text("CHANGEPOINT_PRIOR_SCALE") or ""
        try:
            return self.leaf("CHANGEPOINT_PRIOR_SCALE", float(text))
        except ValueError:
            self._say("CHANGEPOINT_PRIOR_SCALE", f"is {show(text)}", "a number such as 0.05 is expected")
            return self.leaf("CHANGEPOINT_PRIOR_SCALE", None)

    def _say(self, name: str, wrong: str, right: str) -> None:
        self.problems.append(Problem(PLACE, name, f"{wrong}; {right}"))


def from_environment(environ: Mapping[str, str]) -> Config:
    """The configuration that the eight variables stand for.

    Raises `ConfigError` with every problem, one a line: ``environment: NAME: what is wrong; what would be
    right``.
    """
    env = _Environment(environ)
    root = _tree(env)
    config, refused = validate(root)
    problems = list(dict.fromkeys([*env.problems, *refused]))
    if config is None or problems:
        raise ConfigError(*(str(problem) for problem in problems))
    return config


def _tree(env: _Environment) -> Node:
    """What a file would say. Each value carries the name of its variable in place of a YAML path."""
    horizon = env.horizon()
    ahead = env.leaf("PREDICTION_PERIODS", horizon and format_duration(horizon))
    horizons = sorted({*([horizon] if horizon else []), 5 * MINUTE, HOUR})
    source = _mapping("PROMETHEUS", type=_value("prometheus"), url=env.address())
    pipeline = _mapping(
        "METRIC_NAME",
        source=_value("prometheus"),
        query=env.node("METRIC_TYPE"),
        train=_mapping("DAYSBACK", window=env.node("DAYSBACK")),
        forecast=_mapping("PREDICTION_PERIODS", horizons=_list([format_duration(h) for h in horizons])),
        detector=_mapping("CHANGEPOINT_PRIOR_SCALE", type=_value("prophet"), changepoint_prior_scale=env.prior_scale()),
        legacy_names=_mapping(
            "METRIC_TYPE",
            prefix=env.node("METRIC_TYPE"),
            label=env.node("METRIC_LABEL"),
            horizon=ahead,
            clamp_min=_value(0),
        ),
    )
    alias = env.text("METRIC_NAME") or "query"  # without a name there is a problem already; any will do
    return _mapping(
        "METRIC_NAME",
        sources=_mapping("PROMETHEUS", prometheus=source),
        pipelines=Node({alias: pipeline}, PLACE, "METRIC_NAME", PLACE),
    )


def _mapping(name: str, **entries: Node) -> Node:
    return Node(dict(entries), PLACE, name, PLACE)


def _list(items: list[str]) -> Node:
    return Node([_value(item) for item in items], PLACE, "PREDICTION_PERIODS", PLACE)


def _value(value: Scalar) -> Node:
    return Node(value, PLACE, "", PLACE)
