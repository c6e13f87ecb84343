"""The options of `type: prophet`, named as Prophet names them."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from sentio.config.hours import Hours, TimeZone
from sentio.config.misfit import misfit, show
from sentio.config.options import IntervalWidth, Options

_LEAST_PRIOR, _MOST_PRIOR = "0.000001", "1000000"
"""Far beyond these the square of a prior scale, or what is made of it, has no digits left."""
_A_SECOND = 1 / 86_400


def _prior(scale: float) -> float:
    if not float(_LEAST_PRIOR) <= scale <= float(_MOST_PRIOR):
        raise misfit(f"is {show(scale)}", f"a number from {_LEAST_PRIOR} to {_MOST_PRIOR} is expected")
    return scale


def _period(days: float) -> float:
    # A sine that is faster than any samples; of far less, its angle is no number.
    if days < _A_SECOND:
        raise misfit(f"is {show(days)}", "a second (0.0000116 days) or more is expected")
    return days


PriorScale = Annotated[float, AfterValidator(_prior)]
Period = Annotated[float, AfterValidator(_period)]
Order = Annotated[int, Field(ge=1, le=100)]
Seasonal = Literal["auto"] | bool | Order

BUILT_IN = {"yearly": (365.25, 10), "weekly": (7.0, 3), "daily": (1.0, 4)}
"""Prophet's own seasonalities, in its order: period in days, Fourier order."""


def _country(name: str) -> str:
    from holidays.registry import COUNTRIES

    codes = {code for _, *codes in COUNTRIES.values() for code in codes}
    if name not in codes:
        raise misfit(f"is {name!r}", "a country code (ISO 3166) such as DE or US is expected")
    return name


class Seasonality(Options):
    """A seasonality of one's own; ``period`` in days."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    period: Period
    fourier_order: Order
    prior_scale: PriorScale | None = None
    mode: Literal["additive", "multiplicative"] | None = None

    @model_validator(mode="after")
    def _not_built_in(self) -> Seasonality:
        if self.name in BUILT_IN or "_delim_" in self.name:
            raise misfit(
                f"has Prophet's own name {self.name}",
                f"another name, or {self.name}_seasonality, is expected",
            )
        return self


class Regressor(Hours):
    """A column that is 1 at these hours of these days, by the wall clock of `timezone`, and 0 otherwise."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    prior_scale: PriorScale | None = None


class Holidays(Options):
    """Public holidays of one country, by ISO code."""

    country: Annotated[str, AfterValidator(_country)]


class ProphetOptions(Options):
    """What Prophet's constructor takes, and what Sentio adds: ``engine``, ``timezone`` (seasons and holidays
    follow its wall clock), ``min_samples`` (fewer are not learned yet), ``seed``. Defaults are Prophet's, but for a
    stiffer trend (its own: 0.05) and a wider band (0.8)."""

    engine: Literal["batch", "stan"] = "batch"
    growth: Literal["linear", "flat", "logistic"] = "linear"
    cap: float | None = None
    floor: float = 0.0
    n_changepoints: Annotated[int, Field(ge=0, le=500)] = 25
    changepoint_range: Annotated[float, Field(gt=0, le=1)] = 0.8
    changepoint_prior_scale: PriorScale = 0.02
    seasonality_mode: Literal["additive", "multiplicative"] = "additive"
    seasonality_prior_scale: PriorScale = 10.0
    holidays_prior_scale: PriorScale = 10.0
    yearly_seasonality: Seasonal = "auto"
    weekly_seasonality: Seasonal = "auto"
    daily_seasonality: Seasonal = "auto"
    seasonalities: tuple[Seasonality, ...] = ()
    regressors: tuple[Regressor, ...] = ()
    holidays: Holidays | None = None
    timezone: TimeZone = "UTC"
    interval_width: IntervalWidth = 0.99
    min_samples: Annotated[int, Field(ge=2)] = 30
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1

    @model_validator(mode="after")
    def _consistent(self) -> ProphetOptions:
        if self.growth == "logistic" and (self.cap is None or self.cap <= self.floor):
            raise misfit("has growth logistic without a cap above its floor", "cap and floor are expected")
        for what, all_of_them in (("seasonalities", self.seasonalities), ("regressors", self.regressors)):
            names = [one.name for one in all_of_them]
            if len(set(names)) < len(names):
                raise misfit(f"has two {what} of one name", "names that differ are expected")
        return self

    @property
    def uncovered(self) -> str:
        """What of this the engine `batch` does not cover; empty where it covers all."""
        if self.growth == "logistic":
            return "growth logistic"
        modes = [self.seasonality_mode, *(s.mode for s in self.seasonalities)]
        return "a multiplicative seasonality" if "multiplicative" in modes else ""

    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)
