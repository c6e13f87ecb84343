"""Which columns Prophet's regression has, and their values at any time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from sentio.detectors.prophet.options import BUILT_IN, ProphetOptions
from sentio.hours import wall_clock
from sentio.types import SECOND, Bools, Floats, Ints

if TYPE_CHECKING:
    from collections.abc import Mapping

_DAY = 86_400 * SECOND


@dataclass(frozen=True, slots=True)
class Fourier:
    """Sine and cosine columns: ``period`` in days, ``order`` pairs of them."""

    name: str
    period: float
    order: int
    multiplicative: bool


@dataclass(frozen=True)
class Design:
    """The columns that any series of a pipeline may use; one that a series does without has a coefficient 0."""

    options: ProphetOptions

    @cached_property
    def fouriers(self) -> tuple[Fourier, ...]:
        o = self.options
        multiplicative = o.seasonality_mode == "multiplicative"
        own = [
            Fourier(s.name, s.period, s.fourier_order, (s.mode or o.seasonality_mode) == "multiplicative")
            for s in o.seasonalities
        ]
        built_in = [
            Fourier(name, period, self._order(name, order), multiplicative)
            for name, (period, order) in BUILT_IN.items()
            if self._order(name, order)
        ]
        return (*own, *built_in)

    def _order(self, name: str, default: int) -> int:
        asked = getattr(self.options, f"{name}_seasonality")
        return default if asked == "auto" or asked is True else int(asked)

    @cached_property
    def holidays(self) -> tuple[str, ...]:
        """Names of all holidays of the country, sorted as Prophet sorts their columns."""
        if self.options.holidays is None:
            return ()
        from holidays.constants import HOLIDAY_NAME_DELIMITER

        from sentio.detectors.prophet.quiet import get_holiday_names

        # Of a day with two holidays Prophet has both names in one here, and a column for each where it fits. What it
        # has here stays, though it fits nothing: states that were saved have its columns.
        days = get_holiday_names(self.options.holidays.country)
        names = days.union(*(day.split(HOLIDAY_NAME_DELIMITER) for day in days))
        return tuple(sorted(names, key=lambda n: f"{n}_delim_+0"))

    @cached_property
    def slots(self) -> Mapping[str, slice]:
        """For each seasonality, holiday and regressor, where its columns are."""
        slots, at = {}, 0
        for f in self.fouriers:
            slots[f.name] = slice(at, at + 2 * f.order)
            at += 2 * f.order
        for name in self.holidays:
            slots[f"holiday {name}"] = slice(at, at + 1)
            at += 1
        for one in self.options.regressors:
            slots[f"regressor {one.name}"] = slice(at, at + 1)
            at += 1
        return slots

    @property
    def width(self) -> int:
        return max((s.stop for s in self.slots.values()), default=0)

    @cached_property
    def multiplicative(self) -> Bools:
        """``[K]``: the column multiplies the trend, where others add to it."""
        mask = np.zeros(self.width, bool)
        for f in self.fouriers:
            mask[self.slots[f.name]] = f.multiplicative
        for name in self.holidays:
            mask[self.slots[f"holiday {name}"]] = self.options.seasonality_mode == "multiplicative"
        for one in self.options.regressors:
            mask[self.slots[f"regressor {one.name}"]] = self.options.seasonality_mode == "multiplicative"
        return mask

    @cached_property
    def prior_scale(self) -> Floats:
        """``[K]``: standard deviation of the normal prior of each column's coefficient."""
        o = self.options
        scale = np.full(self.width, o.seasonality_prior_scale)
        for own in o.seasonalities:
            if own.prior_scale is not None:
                scale[self.slots[own.name]] = own.prior_scale
        for name in self.holidays:
            scale[self.slots[f"holiday {name}"]] = o.holidays_prior_scale
        for one in o.regressors:
            # Prophet's own default.
            scale[self.slots[f"regressor {one.name}"]] = one.prior_scale or o.holidays_prior_scale
        return scale

    def wall_clock(self, times: Ints) -> Ints:
        """UTC nanoseconds as the time zone's wall clock shows them: what Prophet calls ``ds``."""
        return wall_clock(times, self.options.timezone)

    def matrix(self, wall: Ints) -> Floats:
        """``[m, K]`` at ``wall [m]``, wall-clock nanoseconds (Taylor and Letham 2018, section 3.2)."""
        columns = np.zeros((len(wall), self.width))
        days = wall / SECOND / 86_400
        for f in self.fouriers:
            angle = np.arange(1, f.order + 1) / f.period * (np.pi * 2 * days)[:, None]
            part = columns[:, self.slots[f.name]]
            part[:, 0::2], part[:, 1::2] = np.sin(angle), np.cos(angle)
        if self.holidays:
            self._mark_holidays(columns, wall // _DAY)
        for one in self.options.regressors:
            columns[:, self.slots[f"regressor {one.name}"]] = one.weekly.within(wall)[:, None]
        return columns

    def _mark_holidays(self, columns: Floats, days: Ints) -> None:
        country = self.options.holidays.country if self.options.holidays else ""
        years = np.unique(days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970)
        for year in years.tolist():
            for name, day in _holidays_of(country, year):
                if (slot := self.slots.get(f"holiday {name}")) is not None:
                    columns[days == day, slot] = 1.0


@lru_cache(maxsize=256)
def _holidays_of(country: str, year: int) -> tuple[tuple[str, int], ...]:
    """Each holiday's name and day (since the epoch), as Prophet would place them."""
    from sentio.detectors.prophet.quiet import make_holidays_df

    frame = make_holidays_df(year_list=[year], country=country)
    days = frame["ds"].to_numpy().astype("datetime64[D]").astype(np.int64)
    return tuple(zip(frame["holiday"].tolist(), days.tolist(), strict=True))
