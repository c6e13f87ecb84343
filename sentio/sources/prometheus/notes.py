"""What an answer says beside its samples, in our words: what cannot be used of it, and why it may be incomplete."""

from __future__ import annotations

import re
from typing import Any

from sentio.types import Failure, SeriesKey, escape

_ANNOTATION = re.compile(r"^PromQL (info|warning): |^\d+ more (info|warning) annotations omitted$")


def histogram(key: SeriesKey) -> Failure:
    """A series without numbers."""
    text = (
        "is a native histogram; a query that makes numbers of it is expected, such as "
        f"histogram_quantile(0.9, rate({escape(key.name) or '…'}[5m]))"
    )
    return Failure(str(key), "histogram", text)


def duplicate(key: SeriesKey) -> Failure:
    """A series that was there before."""
    text = "occurs twice in the answer, and the first is used; label sets that differ are expected"
    return Failure(str(key), "duplicate", text)


def too_many(query: str, count: int, max_series: int) -> tuple[Failure, ...]:
    """Those of ``count`` series that are beyond ``max_series``; nothing where there are none."""
    if (beyond := count - max_series) <= 0:
        return ()
    text = (
        f"gives {count} series, and max_series is {max_series}: "
        f"the last {beyond} are left out; narrow the query or raise max_series"
    )
    return (Failure(query, "max_series", text, beyond),)


def warnings(answer: dict[str, Any]) -> str:
    """What the server says about completeness: Prometheus's and Thanos's warnings, VictoriaMetrics's isPartial.

    What it says of the query itself is none: PromQL's annotations, those of which nothing follows among them, which
    stand here up to Prometheus 2.53 (github.com/prometheus/prometheus, pull requests 12152 and 14327).
    """
    given = answer.get("warnings") or []
    texts = [str(one) for one in given] if isinstance(given, list) else [str(given)]
    said = "; ".join(text for text in texts if not _ANNOTATION.search(text))
    if answer.get("isPartial"):
        said = said or "the server calls its answer partial"
    return said[:500]
