"""The prophet package, without what it logs: every line is about one series, and names none."""

import logging

for _name in ("prophet", "prophet.plot", "prophet.models", "cmdstanpy"):
    # Disabled, not only raised: the packages set their own levels when they are imported.
    logging.getLogger(_name).disabled = True

from prophet import Prophet  # noqa: E402 # after its loggers are quiet
from prophet.make_holidays import get_holiday_names, make_holidays_df  # noqa: E402 # the same

__all__ = ["Prophet", "get_holiday_names", "make_holidays_df"]
