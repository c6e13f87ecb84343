"""Alerts in words and pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sentio.message import (
    facts,
    identity,
    left_out,
    moment,
    number,
    plain,
    rfc3339,
    sentence,
    span,
    sparkline,
    subject,
    worst,
)
from sentio.reports import AlertLevel
from sentio.selection import Selection
from sentio.types import SECOND
from tests.sinks.alerts import CRITICAL, INFO, ODD, OK, WARNING, event, key, report


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (-0.5, "-0.5"),
        (0.00123456, "0.001235"),
        (99999.0, "100,000"),
        (1234567.8, "1,235,000"),
        (1e16, "1e+16"),
        (1e-9, "1e-09"),
        (float("nan"), "unknown"),
        (float("inf"), "unknown"),
    ],
)
def test_numbers_have_four_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_times() -> None:
    at = 1_700_000_000 * SECOND + 123_456_789
    assert moment(at) == "2023-11-14 22:13:20 UTC"
    assert rfc3339(at) == "2023-11-14T22:13:20.123456Z"
    assert [span(s * SECOND) for s in (0, 59, 3725, 90_000)] == ["0s", "59s", "1h 2m", "1d 1h"]


def test_a_subject_names_the_one_or_counts_them() -> None:
    assert subject(report(event())) == '[critical] cpu: load{i="0"}'
    many = [event(), event(after=WARNING, of=key(1)), event(CRITICAL, OK, of=key(2)), event(of=key(3))]
    assert subject(report(*many)) == "[critical] cpu: 2 critical, 1 warning, 1 resolved"
    assert subject(report(event(CRITICAL, OK))) == '[resolved] cpu: load{i="0"}'
    odd = subject(report(event(of=ODD)))
    assert odd.isprintable()
    assert len(odd) <= 120


def test_the_worst_come_first_and_the_others_are_counted() -> None:
    events = [event(after=INFO), *(event(after=WARNING, of=key(i), score=i) for i in range(50)), event()]
    found = worst(events)
    assert [e.level_to for e in found] == [CRITICAL] + [WARNING] * 19
    assert [e.score for e in found[1:4]] == [49, 48, 47]
    assert (left_out(events), left_out(events[:20])) == ("and 32 more", "")


def test_a_series_that_changes_twice_counts_once_and_is_told_in_the_order_of_time() -> None:
    up, down = event(score=9), event(CRITICAL, OK, score=0)
    worse, other = event(WARNING, CRITICAL), event(after=WARNING, of=key(1), score=8)
    assert subject(report(up, down)) == '[resolved] cpu: load{i="0"}'
    assert worst([up, down]) == [up, down]
    assert worst([up, down], 1) == [down]
    warned = event(after=WARNING)
    assert subject(report(warned, worse)) == '[critical] cpu: load{i="0"}'
    assert worst([warned, worse]) == [warned, worse]
    several = [up, warned, other, down]
    assert subject(report(*several)) == "[warning] cpu: 1 warning, 1 resolved"
    assert worst(several) == [other, up, warned, down]
    assert worst(several, 3) == [other, up, down], "how each is now, then the worst on the way"
    assert left_out(several, 3) == "and 1 more"


def test_one_that_comes_and_goes_takes_no_place_of_another() -> None:
    restless = [event(*pair) for _ in range(50) for pair in ((OK, CRITICAL), (CRITICAL, OK))]
    others = [event(after=WARNING, of=key(i)) for i in range(1, 20)]
    found = worst([*restless, *others])
    assert set(map(id, found)) == {*map(id, others), id(restless[-1])}


def test_sentences_and_facts() -> None:
    assert sentence(event()) == "is 29, expected 17 to 23"
    assert sentence(event(text="two\nlines")) == "two lines"
    assert sentence(event(CRITICAL, OK, at=3600 * SECOND, since=0)) == "resolved after 1h"
    gone = event(CRITICAL, OK, at=3600 * SECOND, since=0, cause="series stopped arriving")
    assert sentence(gone) == "is no longer awaited, for it stopped arriving; its alert has ended after 1h"
    nothing = {"yhat": np.nan, "lower": np.nan, "upper": np.nan}
    assert sentence(event(**nothing)) == "is 29, with a score of 3"
    assert sentence(event(**nothing, score=np.nan)) == "is 29"
    assert sentence(event(**nothing, value=np.nan)) == "has no value, with a score of 3"
    unknown = facts(event(value=np.nan, yhat=np.nan, lower=np.nan, upper=np.nan, score=np.nan, at=0, since=0))
    assert unknown == {"cause": "score > 1 for 3 of 5", "since": "1970-01-01 00:00:00 UTC"}


def test_a_sparkline_has_a_gap_where_no_sample_is() -> None:
    assert sparkline(np.array([0, 1, np.nan, 7, 7])) == "▁▂ ██"
    assert sparkline(np.array([5.0, 5.0])) == "▅▅"
    assert sparkline(np.array([np.nan, np.nan])) == sparkline(np.empty(0)) == ""
    assert len(sparkline(np.arange(1000.0))) == 40


def test_plain_text_is_one_line_that_utf_8_can_say() -> None:
    assert plain("a\r\nBcc: b\x00\ud800 ü") == "a Bcc: b ü"


def test_an_identity_is_that_of_the_report() -> None:
    first = report(event(at=5), at=7)
    assert identity(first) == identity(report(event(at=5), at=7))
    others = [report(event(at=5), at=8), report(event(at=6), at=7), report(event(at=5, after=WARNING), at=7)]
    assert len({identity(r) for r in (first, *others, report(event(at=5), at=7, pipeline="x"))}) == 5
    identity(report(event(of=ODD)))


@pytest.mark.parametrize(
    ("before", "after", "seen"),
    [
        (OK, INFO, None),
        (INFO, WARNING, (OK, WARNING)),
        (OK, CRITICAL, (OK, CRITICAL)),
        (WARNING, CRITICAL, (WARNING, CRITICAL)),
        (CRITICAL, WARNING, (CRITICAL, WARNING)),
        (WARNING, INFO, (WARNING, OK)),
        (WARNING, OK, (WARNING, OK)),
        (INFO, OK, None),
    ],
)
def test_below_the_least_level_is_no_alert(before: AlertLevel, after: AlertLevel, seen: object) -> None:
    found = Selection(WARNING)(report(event(before, after), firing=(event(after=INFO), event(after=WARNING))))
    assert [(e.level_from, e.level_to) for e in found.events] == ([seen] if seen else [])
    assert [e.level_to for e in found.firing] == [WARNING]


def test_the_end_is_not_told_where_it_is_not_wanted() -> None:
    quiet = Selection(INFO, resolved=False)
    assert quiet(report(event(CRITICAL, OK))).events == ()
    assert len(quiet(report(event(CRITICAL, WARNING))).events) == 1


def test_a_report_of_alerts_carries_no_scores() -> None:
    full = report(event(), every=SECOND)
    found = Selection()(replace(full, failures=()))
    assert (found.scores.keys, found.status.size, found.every) == ((), 0, SECOND)
    assert found.events == full.events
