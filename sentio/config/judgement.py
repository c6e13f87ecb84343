"""What of a sample is anomalous: the section ``judgement`` of a pipeline."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from sentio.config.durations import Duration
from sentio.config.hours import Hours, TimeZone
from sentio.config.misfit import misfit, show
from sentio.config.options import Options
from sentio.exclusion import Exclusion
from sentio.judgement.policy import Policy
from sentio.types import SECOND

_DAY = 86_400 * SECOND
_PER = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 30.0}
_BUDGET = re.compile(rf"(\d+(?:\.\d+)?)/({'|'.join(_PER)})")
_LEAST, _MOST = 0.0001, 100
"""False alarms a day."""
_OF_A_FORECAST = ("direction", "min_deviation", "clip", "scale", "resolution")
_OF_THE_JUDGE = ("false_alarms", "accept_after", "data_range", *_OF_A_FORECAST)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%")


def _budget(text: object) -> float:
    """False alarms a day."""
    found = _BUDGET.fullmatch(text) if isinstance(text, str) else None
    if not found:
        raise misfit(
            f"is {show(text)}", "so many per hour, day, week or month, such as 1/week or 0.5/month, are expected"
        )
    rate = float(found[1]) / _PER[found[2]]
    if not _LEAST <= rate <= _MOST:
        raise misfit(f"is {show(text)}, {rate:g} a day", f"{_LEAST} to {_MOST} a day are expected")
    return rate


def _deviation(given: object) -> tuple[float, float]:
    """Units, and percent of what is expected."""
    found = _PERCENT.fullmatch(given) if isinstance(given, str) else None
    if found:
        return 0.0, float(found[1])
    if isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given <= sys.float_info.max:
        return float(given), 0.0
    raise misfit(f"is {show(given)}", "a number from 0 in the unit of the values, or a share such as 5%, is expected")


def _time(given: object) -> int:
    """ns since the epoch."""
    right = "a time with its zone, such as 2026-12-24T00:00:00Z, is expected"
    try:
        moment = datetime.fromisoformat(given) if isinstance(given, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not 1970 <= moment.year < 2262:
        raise misfit(f"is {show(given)}", right)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def _query(text: str) -> str:
    if not text.strip():
        raise misfit("is empty", "a query is expected")
    return text


class Exclude(Hours):
    """What is left out: hours of days, again and again, or what lies between two times."""

    start: Annotated[Any, BeforeValidator(_time)] = Field(default=None, alias="from")
    """ns; None for hours of days."""
    end: Annotated[Any, BeforeValidator(_time)] = Field(default=None, alias="to")
    """ns; not included."""

    @model_validator(mode="after")
    def _one_kind(self) -> Exclude:
        given = self.model_fields_set
        if not given:
            raise misfit("says no time", "days and hours, or from and to, are expected")
        if given & {"start", "end"} and given != {"start", "end"}:
            other = "days or hours beside from or to" if given & {"days", "hours"} else "from or to alone"
            raise misfit(f"has {other}", "both from and to, and nothing else, are expected")
        if self.start is not None and not self.start < self.end:
            raise misfit("has a to that is not after its from", "the later time in to is expected")
        return self


class Judgement(Options):
    """How a sample is judged, once the detector has said what it expects."""

    enabled: bool | None = None
    """False: the detector's own band, score and flag are published. None: so it is for a detector that does not
    forecast, which has a rule of its own."""
    false_alarms: Annotated[Any, BeforeValidator(_budget)] = Field(default="1/week", validate_default=True)
    """Episodes of one series in which nothing is the matter and a flag is raised all the same."""
    accept_after: Duration = _DAY
    direction: Literal["both", "above", "below"] = "both"
    min_deviation: Annotated[Any, BeforeValidator(_deviation)] = Field(default=0, validate_default=True)
    data_range: tuple[float, float] | None = None
    clip: bool = False
    scale: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (1.0, 1.0)
    resolution: Annotated[float, Field(ge=0)] = 0.0

    timezone: TimeZone | None = None
    """Whose wall clock ``exclude`` follows, and what the judge knows of the hours of the day; None for the
    detector's."""
    exclude: tuple[Exclude, ...] = ()
    exclude_when: Annotated[str, AfterValidator(_query)] | None = None
    """A second query; where it is on, the series that have its labels are left out."""

    @field_validator("data_range")
    @classmethod
    def _rising(cls, given: tuple[float, float] | None) -> tuple[float, float] | None:
        if given is not None and not given[0] < given[1]:
            raise misfit(f"is [{given[0]:g}, {given[1]:g}]", "two numbers, the smaller one first, are expected")
        return given

    @field_validator("clip")
    @classmethod
    def _to_something(cls, clip: bool, info: ValidationInfo) -> bool:
        # Absent where the range itself was refused.
        if clip and info.data.get("data_range", ()) is None:
            raise misfit("is true, and there is no data_range", "a data_range beside it is expected")
        return clip

    def idle(self, *, judged: bool, forecasts: bool) -> list[str]:
        """Settings that are given and change nothing of a pipeline that is ``judged`` or is not, and whose detector
        ``forecasts`` or does not: without a forecast there is no band, and nothing that a sample could be off."""
        if not judged:
            return [name for name in _OF_THE_JUDGE if name in self.model_fields_set]
        return [] if forecasts else [name for name in _OF_A_FORECAST if name in self.model_fields_set]

    def policy(self, interval_width: float, timezone: str, *, forecasts: bool = True) -> Policy:
        """The same for the judge; ``interval_width`` is that of the detector's band, ``timezone`` the one that counts,
        and ``forecasts`` says whether the detector has a band."""
        units, percent = self.min_deviation
        return Policy(
            enabled=forecasts if self.enabled is None else self.enabled,
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
            timezone=timezone,
        )

    def exclusion(self, timezone: str) -> Exclusion:
        """What is neither judged nor learned from; ``timezone`` is the one that counts."""
        return Exclusion(
            weekly=tuple(one.weekly for one in self.exclude if one.start is None),
            spans=tuple((one.start, one.end) for one in self.exclude if one.start is not None),
            timezone=timezone,
            when=self.exclude_when or "",
        )
