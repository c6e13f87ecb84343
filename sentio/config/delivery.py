"""What the sinks of alerts have in common: whom they tell of what, and for how long they try."""

from __future__ import annotations

from typing import Literal, Self

from sentio.config.durations import Duration
from sentio.config.options import Options, Url
from sentio.reports import AlertLevel
from sentio.types import SECOND


class Delivery(Options):
    """The options of every sink of alerts; `sentio.guard`, `sentio.outbox` and `sentio.selection` act on them."""

    min_level: Literal["info", "warning", "critical"] = "info"
    """What is below counts as no alert."""
    send_resolved: bool = True
    external_url: Url | None = None
    """Where a browser reaches Sentio: alerts link to it."""
    timeout: Duration = 10 * SECOND
    """For one attempt."""
    retry_for: Duration = 3600 * SECOND
    """For one report, from when it was made."""

    @property
    def least(self) -> AlertLevel:
        """``min_level`` as a level."""
        return AlertLevel[self.min_level.upper()]

    def apart(self) -> tuple[Self, ...]:
        """These options for each receiver by itself, where there are several: none is to wait for another's."""
        return (self,)
