"""What is asked of the judge."""

from __future__ import annotations

from dataclasses import dataclass

from sentio.types import SECOND

_DAY = 86_400 * SECOND


@dataclass(frozen=True, slots=True)
class Policy:
    """Of one pipeline. Times in ns, the rest in units of its values."""

    enabled: bool = True
    """False: what the detector says is published as it is."""
    false_alarms: float = 1 / 7
    """Episodes a day of one series that are all right where nothing is the matter."""
    interval_width: float = 0.99
    """Share of samples that the band is to hold; the detector's own band is of this width, too."""
    accept_after: int = _DAY
    """How long a shift must last to be taken as the new normal."""
    above: bool = True
    """What is larger than expected may be anomalous;"""
    below: bool = True
    """and what is smaller."""
    min_deviation: float = 0.0
    """A sample that is nearer to what is expected is not anomalous;"""
    min_percent: float = 0.0
    """nor one that is nearer by this part of it, in percent."""
    data_range: tuple[float, float] | None = None
    """What the values can be; what lies outside is anomalous whatever was expected."""
    clip: bool = False
    """Expected values and bands are kept within ``data_range``, too."""
    scale: tuple[float, float] = (1.0, 1.0)
    """By how much the band is made wider below and above."""
    resolution: float = 0.0
    """The smallest step that the values can take."""
    timezone: str = "UTC"
    """Whose clocks what is known of the hours of the day follows."""
