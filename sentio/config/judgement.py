"""What of a sample is anomalous: the section ``judgement`` of a pipeline."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from sentio.config.durations import Duration
from sentio.config.misfit import misfit, show
from sentio.config.options import Options
from sentio.judgement.policy import Policy
from sentio.types import SECOND

_DAY = 86_400 * SECOND
_PER = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 30.0}
_BUDGET = re.compile(rf"(\d+(?:\.\d+)?)/({'|'.join(_PER)})")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%")


def _budget(text: object) -> float:
    """False alarms a day."""
    found = _BUDGET.fullmatch(text) if isinstance(text, str) else None
    rate = float(found[1]) / _PER[found[2]] if found else 0.0
    if not 1e-4 <= rate <= 100:
        raise misfit(f"is {show(text)}", "so many in a time, such as 1/week, 3/day or 0.5/month, is expected")
    return rate


def _deviation(given: object) -> tuple[float, float]:
    """Units, and percent of what is expected."""
    found = _PERCENT.fullmatch(given) if isinstance(given, str) else None
    if found:
        return 0.0, float(found[1])
    if isinstance(given, int | float) and not isinstance(given, bool) and given >= 0:
        return float(given), 0.0
    raise misfit(f"is {show(given)}", "a number from 0 in the unit of the values, or a share such as 5%, is expected")


class Judgement(Options):
    """How a sample is judged, once the detector has said what it expects."""

    enabled: bool = True
    """False: the detector's own band, score and flag are published."""
    false_alarms: Annotated[Any, BeforeValidator(_budget)] = Field(default="1/week", validate_default=True)
    """Episodes of one series in which nothing is the matter and a flag is raised all the same."""
    accept_after: Duration = _DAY
    direction: Literal["both", "above", "below"] = "both"
    min_deviation: Annotated[Any, BeforeValidator(_deviation)] = Field(default=0, validate_default=True)
    data_range: tuple[float, float] | None = None
    clip: bool = False
    scale: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (1.0, 1.0)
    resolution: Annotated[float, Field(ge=0)] = 0.0

    @field_validator("data_range")
    @classmethod
    def _rising(cls, given: tuple[float, float] | None) -> tuple[float, float] | None:
        if given is not None and not given[0] < given[1]:
            raise misfit(f"is [{given[0]:g}, {given[1]:g}]", "two numbers, the smaller one first, are expected")
        return given

    def policy(self, interval_width: float) -> Policy:
        """The same for the judge; ``interval_width`` is that of the detector's band."""
        units, percent = self.min_deviation
        return Policy(
            enabled=self.enabled,
            false_alarms=self.false_alarms,
            interval_width=interval_width,
            accept_after=self.accept_after,
            above=self.direction != "below",
            below=self.direction != "above",
            min_deviation=units,
            min_percent=percent,
            data_range=self.data_range,
            clip=self.clip,
            scale=self.scale,
            resolution=self.resolution,
        )
