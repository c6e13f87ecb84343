"""What a pipeline alerts on."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from sentio.alerting import ExpressionError, Flapping, Rule, Rules, parse
from sentio.config.durations import Delay, Duration
from sentio.config.misfit import misfit, show
from sentio.config.options import Options
from sentio.types import SECOND


def _expression(text: str) -> str:
    try:
        parse(text)
    except ExpressionError as error:
        raise misfit(error.wrong, error.right) from error
    return text


def _of_mapping(text: str) -> str:
    try:
        parse(text)
    except ExpressionError as error:
        # What YAML leaves of {when: smooth(score, 3) > 1}.
        cut = error.wrong.startswith("ends at") and error.right.startswith("an operator or ,")
        right = "quotes round a condition with a comma are expected" if cut else error.right
        raise misfit(error.wrong, right) from error
    return text


def _level(value: object) -> object:
    """Text is ``when`` alone. Its mistakes are told here, at the key that is in the file."""
    if isinstance(value, str):
        return {"when": _expression(value)}
    if not isinstance(value, dict | AlertRule):
        right = "a condition such as score > 1, or a mapping with when and reset, is expected"
        raise misfit(f"is {show(value)}", right)
    return value


class AlertRule(Options):
    """One level."""

    when: Annotated[str, AfterValidator(_of_mapping)]
    """Where it holds the level is reached."""
    reset: Annotated[str, AfterValidator(_of_mapping)] | None = None
    """Where it holds the level is left; None: once ``when`` has not held for `Alerts.recovery` samples."""


class AlertFlapping(Options):
    """When alerts come and go too often."""

    changes: Annotated[int, Field(ge=2, le=60)] = 6
    """Alerts that have started or ended."""
    within: Duration = 3600 * SECOND


Level = Annotated[AlertRule, BeforeValidator(_level)]
"""A rule, from the text of its condition or a mapping."""


class Alerts(Options):
    """Levels, what reaches them, and how long they stand. A level that is None is never reached."""

    enabled: bool = True
    info: Level | None = None
    # From the text, as a file has it.
    warning: Level | None = Field(default="score > 1", validate_default=True)
    critical: Level | None = None
    recovery: Annotated[int, Field(ge=1, le=10_000)] = 5
    """Samples at which a condition without ``reset`` must not have held."""
    snooze: Delay = 0
    """How long after an alert no other begins, unless it is of a higher level."""
    flapping: AlertFlapping | None = None
    max_age: Duration | None = None
    """When an alert ends, whatever holds."""

    def rules(self) -> Rules:
        """The same as `sentio.alerting.Alerting` takes it."""
        info, warning, critical = (
            Rule(level.when, level.reset or "") if level and self.enabled else None
            for level in (self.info, self.warning, self.critical)
        )
        flapping = Flapping(self.flapping.changes, self.flapping.within) if self.flapping else None
        return Rules(info, warning, critical, self.recovery, self.snooze, flapping, self.max_age)
