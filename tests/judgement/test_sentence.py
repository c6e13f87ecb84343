"""What people read about an incident."""

from __future__ import annotations

import numpy as np
import pytest

from sentio.judgement.incidents import Incidents
from sentio.judgement.kinds import Kind
from sentio.judgement.sentence import number, sentence, span
from sentio.types import SECOND

AT = 1_700_056_800 * SECOND  # 14:00
STEP = 15 * SECOND


def one(kind, *, open_=True, seconds=1500, **more):
    """An incident since 14:05, its last anomalous sample ``seconds`` after that."""
    onset = AT + 300 * SECOND
    given = {"kind": kind, "open": open_, "onset": onset, "end": onset + seconds * SECOND - STEP, **more}
    kinds = {"kind": np.int8, "open": bool, "gone": bool, "onset": np.int64, "end": np.int64}
    kinds |= dict.fromkeys(("samples", "run", "usual", "lag"), np.int32)
    blank = {name: 0 if name in kinds else np.nan for name in Incidents._fields}
    return Incidents(**{n: np.array([[v]], kinds.get(n, float)) for n, v in (blank | given).items()})


CASES = [
    (one(Kind.NONE), ""),
    (
        one(Kind.LEVEL_SHIFT, size=12.31, percent=41.4),
        "Level shift since 14:05 UTC: 41 % (12.3) above what was expected, for 25 min.",
    ),
    (
        one(Kind.LEVEL_SHIFT, open_=False, size=-1234.5, percent=-5.23),
        "Level shift from 14:05 to 14:29 UTC: 5.2 % (1,234) below what was expected, for 25 min.",
    ),
    (
        one(Kind.SPIKE, open_=False, seconds=15, size=40, percent=np.nan),
        "Spike at 14:05 UTC: 40 above what was expected, for 15 s.",
    ),
    (one(Kind.DIP, size=-3, percent=-2000), "Dip since 14:05 UTC: 3 below what was expected, for 25 min."),
    (one(Kind.DIP, size=-3, percent=-6e-6), "Dip since 14:05 UTC: 3 below what was expected, for 25 min."),
    (
        one(Kind.TREND_BREAK, size=4, percent=10, peak=9.5),
        "Trend break since 14:05 UTC: rising away from what was expected, on average 10 % (4) above, at most by 9.5, "
        "for 25 min.",
    ),
    (
        one(Kind.VARIANCE_CHANGE, spread=4.44),
        "Variance change since 14:05 UTC: the values scatter 4.4 times as much as usual, for 25 min.",
    ),
    (
        one(Kind.VARIANCE_CHANGE, spread=0.25),
        "Variance change since 14:05 UTC: the values scatter 4 times less than usual, for 25 min.",
    ),
    (
        one(Kind.FLATLINE, level=41.2, run=12, usual=2),
        "Flatline since 14:05 UTC: exactly 41.2 for 12 samples; usually no more than 2 are equal.",
    ),
    (
        one(Kind.FLATLINE, level=0, run=5, usual=1),
        "Flatline since 14:05 UTC: exactly 0 for 5 samples; usually no two are equal.",
    ),
    (
        one(Kind.DROP_TO_ZERO, size=-50, percent=-100),
        "Drop to zero since 14:05 UTC: 100 % (50) below what was expected, for 25 min.",
    ),
    (
        one(Kind.EARLY_PATTERN, lag=-8),
        "Early pattern since 14:05 UTC: the expected shape 2 min early, for 25 min.",
    ),
    (one(Kind.LATE_PATTERN, lag=6), "Late pattern since 14:05 UTC: the expected shape 1 min 30 s late, for 25 min."),
]


@pytest.mark.parametrize(("incident", "text"), CASES)
def test_sentences(incident, text):
    assert sentence(incident, 0, step=STEP, now=AT) == text


@pytest.mark.parametrize(
    ("level", "beyond"),
    [
        (104.9, "; 104.9 is above the range of the data, which ends at 100"),
        (-2e-7, "; -2e-07 is below the range of the data, which begins at 0"),
        (100.0, ""),
        (0.0, ""),
    ],
)
def test_what_the_values_cannot_be_is_said(level, beyond):
    for kind, what in ((Kind.SPIKE, "5 above what was expected, for 25 min"), (Kind.FLATLINE, "are equal")):
        about = one(kind, size=5, level=level, run=5, usual=3)
        plain = sentence(about, 0, step=STEP, now=AT)
        assert plain.endswith(f"{what}.")
        assert sentence(about, 0, step=STEP, now=AT, data_range=(0.0, 100.0)) == f"{plain[:-1]}{beyond}."
    gone = one(Kind.MISSING, level=level, run=5)
    assert "range" not in sentence(gone, 0, step=STEP, now=AT, data_range=(0.0, 100.0))


def test_what_is_missing():
    incident = one(Kind.MISSING, seconds=45, run=3, usual=1, gone=True)
    end = int(incident.end[0, 0])
    said = sentence(incident, 0, step=STEP, now=end)
    assert said == "Stopped arriving 45 s ago; usually no gap is longer than 15 s."
    said = sentence(incident._replace(gone=np.array([[False]])), 0, step=STEP, now=end + STEP)
    assert said == "Did not arrive from 14:05 UTC on, for 45 s; usually no gap is longer than 15 s."
    never = one(Kind.MISSING, run=3, gone=True)
    assert sentence(never, 0, step=STEP, now=int(never.end[0, 0])).endswith("ago; usually none is missing.")


def test_times_of_another_day_have_their_date():
    tomorrow = AT + 86_400 * SECOND
    said = sentence(one(Kind.DIP, size=-3, percent=-20), 0, step=STEP, now=tomorrow)
    assert said.startswith("Dip since 2023-11-15 14:05 UTC: 20 % (3) below")
    over = one(Kind.DIP, open_=False, seconds=11 * 3600, size=-3, percent=-20)
    assert sentence(over, 0, step=STEP, now=tomorrow).startswith("Dip from 2023-11-15 14:05 to 01:04 UTC: ")


def test_numbers():
    said = [number(x) for x in (0, 1, 12.345, 999.6, 1234.5, 0.001234, 1e-7, np.nan, -41.26)]
    assert said == ["0", "1", "12.3", "1,000", "1,234", "0.00123", "1e-07", "unknown", "-41.3"]
    said = [number(x) for x in (999_999, -1234567, 597_633_824, 3e12, 1e15, 2.5e300)]
    assert said == ["999,999", "-1,235,000", "597,600,000", "3,000,000,000,000", "1e+15", "2.5e+300"]
    assert number(129.50812, 6) == "129.508"


def test_what_stands_still_has_all_its_digits():
    for level, text in ((2_000_123_456.7, "2,000,123,457"), (0.123456789, "0.123457"), (-5, "-5"), (1e300, "1e+300")):
        said = sentence(one(Kind.FLATLINE, level=level, run=12, usual=2), 0, step=STEP, now=AT)
        assert f": exactly {text} for 12 samples;" in said


def test_spans():
    said = [span(int(s * SECOND)) for s in (0.2, 45, 60, 90, 1500, 12_000, 3600, 100_000, 86_400)]
    assert said == ["0.2 s", "45 s", "1 min", "1 min 30 s", "25 min", "3 h 20 min", "1 h", "1 d 3 h", "1 d"]
