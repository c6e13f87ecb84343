"""Reads ranges from Prometheus, and from whatever answers as it does: Thanos, Mimir, VictoriaMetrics.

The connection is prometheus-api-client's (its address, headers and session); the answers are decoded by
`sentio.sources.prometheus.decode` (docs/decisions/0004-own-decoder.md says why).
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import requests
from pydantic import Field

from sentio.client import innermost, open_session, retry_after, said, signer, trouble
from sentio.config.access import Access, SecretFileError
from sentio.config.durations import ByteSize, Duration
from sentio.config.options import Url
from sentio.config.redact import redact
from sentio.config.secrets import secret_texts
from sentio.errors import DeadlineExceededError, SourceError
from sentio.http import Answer, TooLargeError, WatchedAdapter, fetch, watched
from sentio.sources.prometheus.decode import decode
from sentio.sources.prometheus.discovery import Discovery
from sentio.sources.prometheus.interning import Interning
from sentio.types import SECOND, Panel, Window, stack

if TYPE_CHECKING:
    from prometheus_api_client import PrometheusConnect

log = logging.getLogger(__name__)

# A read of many series is cut so that one answer holds about this many samples, some 10 MB. It bounds memory. Smaller
# ones are more requests, and a Prometheus was slower at larger ones (docs/decisions/0013-streaming-decoder.md). Nothing
# waits for the decoding: a kernel does it, and lets go of the interpreter meanwhile.
_SAMPLES_AT_ONCE = 300_000
_GROWTH = 8
_FEW, _MORE = 1000, 4
"""Label sets are remembered up to so many times those of the last answer, or of so few: each is a kilobyte, and
where label values keep changing nearly all of them are gone for good."""


class Prometheus:
    """A `sentio.contracts.Source`; touches no network before the first `read`."""

    class Options(Access):
        """Where the server is and how to ask it."""

        url: Url
        timeout: Duration = 30 * SECOND
        """For one read with all its retries."""
        retries: Annotated[int, Field(ge=0, le=20)] = 3
        max_series: Annotated[int, Field(ge=1)] = 10_000
        max_bytes: ByteSize = 64 * 1024 * 1024
        max_points: Annotated[int, Field(ge=1)] = 11_000
        """The server's own limit per series and query: Prometheus 11,000, VictoriaMetrics 30,000."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._connection: PrometheusConnect | None = None
        self._connecting = threading.Lock()  # both ticks of a pipeline read
        self._interning = Interning()
        self._series = 0  # of the last answer
        self._discovery = Discovery(self._metric_names)

    def read(self, query: str, window: Window) -> Panel:
        """`Source.read`; as many requests as the server's limit of points and a bounded memory need."""
        self._interning.forget_beyond(_MORE * max(_FEW, self._series))
        panel = stack(list(self._parts(query, window))) if len(window) else Panel.empty(window.times())
        self._series = len(panel.keys)
        if not panel.keys and not panel.notes.failures and (why := self._discovery.explain(query)):
            return replace(panel, notes=replace(panel.notes, failures=(why,)))
        return panel

    def _parts(self, query: str, window: Window) -> Iterator[Panel]:
        """Consecutive answers. How many series there are is known only from the first: it asks for few points, and
        the next ones for what that count allows; an answer that is too large all the same is asked for in pieces."""
        o = self._options
        done, most = 0, o.max_points
        points = max(1, min(most, _SAMPLES_AT_ONCE // o.max_series))
        while done < len(window):
            part = next(iter(_from(window, done).split(points)))
            try:
                panel = self._range(query, part)
            except SourceError as error:
                if error.reason != "max_bytes" or len(part) == 1:
                    raise
                points = most = max(1, len(part) // 4)
                continue
            yield panel
            done += len(part)
            allowed = _SAMPLES_AT_ONCE // max(1, len(panel.keys))
            points = max(1, min(most, allowed, _GROWTH * points))

    def _metric_names(self) -> list[str]:
        """What the server has; nothing where it does not say: the reading itself has succeeded."""
        from prometheus_api_client.exceptions import PrometheusApiClientException

        connection = self._connect()
        connection.auth = signer(self._authorization()[0])
        try:
            with watched(self._options.timeout / SECOND):
                return [name for name in connection.all_metrics() if isinstance(name, str)]
        except (
            requests.RequestException,
            PrometheusApiClientException,
            ValueError,
            KeyError,
            TypeError,
            RecursionError,
        ) as error:
            log.debug("%s: does not tell its metric names (%s)", self._options.url, innermost(error))
            return []

    def _range(self, query: str, window: Window) -> Panel:
        form = {
            "query": query,
            "start": _seconds(window.start),
            "end": _seconds(window.end),
            "step": _seconds(window.step),
        }
        authorization, secrets = self._authorization()
        try:
            return decode(
                self._post("/api/v1/query_range", form, authorization, secrets),
                window,
                query=query,
                max_series=self._options.max_series,
                interning=self._interning,
            )
        except SourceError as error:
            # A server may repeat what it was sent; secrets that come from a file nobody else knows.
            text = f"{self._options.url}: {redact(str(error), secrets)}"
            raise SourceError(
                text, reason=error.reason, permanent=error.permanent, retry_after=error.retry_after
            ) from error

    def _post(self, path: str, form: dict[str, str], authorization: bytes, secrets: Iterable[str]) -> bytes:
        connection = self._connect()
        try:
            answer = fetch(
                connection._session,
                "POST",  # as Grafana does: a query of any length fits
                connection.url + path,
                data=form,
                auth=signer(authorization),
                headers=connection.headers,
                # Without it, requests would follow REQUESTS_CA_BUNDLE, whatever the session says.
                verify=connection._session.verify,
                timeout=self._options.timeout / SECOND,
                max_bytes=self._options.max_bytes,
            )
        except DeadlineExceededError as error:
            raise SourceError(f"{error}; an answer in time is expected", reason="timeout") from error
        except TooLargeError as error:
            text = f"answers more than max_bytes ({self._options.max_bytes} bytes); narrow the query or raise max_bytes"
            raise SourceError(text, reason="max_bytes", permanent=True) from error
        except requests.RequestException as error:
            text, reason, permanent = trouble(error)
            raise SourceError(text, reason=reason, permanent=permanent) from error
        if answer.status != 200:
            raise _refusal(answer, (*secrets, *secret_texts(self._options)))
        return answer.body

    def _connect(self) -> PrometheusConnect:
        with self._connecting:
            if self._connection is None:
                self._connection = self._new_connection()
            return self._connection

    def _new_connection(self) -> PrometheusConnect:
        # Here, not above: `sentio check` does without.
        from prometheus_api_client import PrometheusConnect

        o = self._options
        session = open_session(o, o.url)
        headers = {name: value.get_secret_value() for name, value in o.headers.items()}
        connection = PrometheusConnect(o.url, headers=headers, session=session, timeout=o.timeout / SECOND)
        # It mounts a transport of its own for the address, with retries and no deadline.
        session.mount(o.url, WatchedAdapter())
        return connection

    def _authorization(self) -> tuple[bytes, tuple[str, ...]]:
        try:
            return self._options.authorization()
        except SecretFileError as error:
            raise SourceError(str(error), reason="auth", permanent=True) from error


def _from(window: Window, done: int) -> Window:
    return Window(window.start + done * window.step, window.end, window.step)


def _seconds(nanoseconds: int) -> str:
    """Seconds in decimals, exact to the millisecond that servers keep."""
    whole, rest = divmod(nanoseconds, SECOND)
    return f"{whole}.{rest // 1_000_000:03d}"


_MEANINGS = {
    401: ("auth", "basic_auth or bearer_token_file that the server accepts"),
    403: ("auth", "credentials that may read"),
    404: ("not_found", "the address of a Prometheus API"),
    413: ("bad_query", "a smaller query"),
}


def _refusal(answer: Answer, secrets: Iterable[str]) -> SourceError:
    words = _said(answer, secrets)
    status = answer.status
    if 300 <= status < 400:
        where = answer.headers.get("Location", "elsewhere")
        text = f"redirects ({status}) to {where}; the final address is expected, redirects are not followed"
        return SourceError(text, reason="redirect", permanent=True)
    if status == 429:
        text = f"asks for a pause ({status}: {words}); fewer queries, or a higher limit, are expected"
        return SourceError(text, reason="throttled", retry_after=retry_after(answer))
    if status >= 500:
        text = f"fails ({status}: {words}); an answer is expected"
        return SourceError(text, reason="server_error", retry_after=retry_after(answer))
    reason, expected = _MEANINGS.get(status, ("bad_query", "a query that it accepts"))
    text = f"refuses the query ({status}: {words}); {expected} is expected"
    return SourceError(text, reason=reason, permanent=True)


def _said(answer: Answer, secrets: Iterable[str]) -> str:
    """The server's own words: Prometheus's error field, or the start of the body."""
    try:
        body: Any = json.loads(answer.body)
        return redact(str(body["error"]), secrets)[:300]
    except (ValueError, KeyError, TypeError):
        return said(answer, secrets)
