"""Reads ranges from Prometheus, and from whatever answers as it does: Thanos, Mimir, VictoriaMetrics.

The connection is prometheus-api-client's (its address, headers and session); the answers are decoded by
`sentio.sources.prometheus.decode` (docs/decisions/0004-own-decoder.md says why).
"""

from __future__ import annotations

import base64
import email.utils
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import requests
import urllib3
from pydantic import Field, SecretStr, model_validator

from sentio.config.durations import ByteSize, Duration
from sentio.config.misfit import misfit
from sentio.config.options import Options, Url
from sentio.config.redact import redact
from sentio.errors import DeadlineExceededError, SourceError
from sentio.http import Answer, StraightSession, TooLargeError, WatchedAdapter, fetch, watched
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


class BasicAuth(Options):
    """A user name, and a password given or in a file that is read anew on each use."""

    username: str
    password: SecretStr | None = None
    password_file: Path | None = None

    @model_validator(mode="after")
    def _one(self) -> BasicAuth:
        if (self.password is None) == (self.password_file is None):
            raise misfit("has both or neither of password and password_file", "one of them is expected")
        return self


class Tls(Options):
    """Whom to trust, and who we are."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    insecure_skip_verify: bool = False

    @model_validator(mode="after")
    def _pair(self) -> Tls:
        if self.key_file and not self.cert_file:
            raise misfit("has a key_file without its cert_file", "both are expected")
        return self


class Prometheus:
    """A `sentio.contracts.Source`; touches no network before the first `read`."""

    class Options(Options):
        """Where the server is and how to ask it."""

        url: Url
        timeout: Duration = 30 * SECOND
        """For one read with all its retries."""
        retries: Annotated[int, Field(ge=0, le=20)] = 3
        basic_auth: BasicAuth | None = None
        bearer_token_file: Path | None = None
        headers: dict[str, SecretStr] = Field(default_factory=dict)
        tls: Tls = Tls()
        max_series: Annotated[int, Field(ge=1)] = 10_000
        max_bytes: ByteSize = 64 * 1024 * 1024
        max_points: Annotated[int, Field(ge=1)] = 11_000
        """The server's own limit per series and query: Prometheus 11,000, VictoriaMetrics 30,000."""

        @model_validator(mode="after")
        def _one_way_in(self) -> Prometheus.Options:
            if self.basic_auth and self.bearer_token_file:
                raise misfit("has basic_auth and bearer_token_file", "one of them is expected")
            return self

    def __init__(self, options: Options) -> None:
        self._options = options
        self._connection: PrometheusConnect | None = None
        self._connecting = threading.Lock()  # both ticks of a pipeline read
        self._interning = Interning()
        self._discovery = Discovery(self._metric_names)

    def read(self, query: str, window: Window) -> Panel:
        """`Source.read`; as many requests as the server's limit of points and a bounded memory need."""
        self._interning.forget_beyond(4 * self._options.max_series)
        panel = stack(list(self._parts(query, window))) if len(window) else Panel.empty(window.times())
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
        connection.auth = _signer(self._authorization()[0])
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
            log.debug("%s: does not tell its metric names (%s)", self._options.url, _innermost(error))
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
                self._post("/api/v1/query_range", form, authorization),
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

    def _post(self, path: str, form: dict[str, str], authorization: bytes) -> bytes:
        connection = self._connect()
        try:
            answer = fetch(
                connection._session,
                "POST",  # as Grafana does: a query of any length fits
                connection.url + path,
                data=form,
                auth=_signer(authorization),
                headers=connection.headers,
                # Without it, requests would follow REQUESTS_CA_BUNDLE, whatever the session says.
                verify=connection._session.verify,
                timeout=self._options.timeout / SECOND,
                max_bytes=self._options.max_bytes,
            )
        except DeadlineExceededError as error:
            raise SourceError(str(error), reason="timeout") from error
        except TooLargeError as error:
            text = f"answers more than max_bytes ({self._options.max_bytes} bytes); narrow the query or raise max_bytes"
            raise SourceError(text, reason="max_bytes", permanent=True) from error
        except requests.exceptions.SSLError as error:
            why = _innermost(error)
            text = f"its certificate is not accepted ({why}); a tls.ca_file that signed it is expected"
            if "CERTIFICATE_VERIFY_FAILED" not in why:
                expected = "https, and a client certificate if it wants one, is expected"
                text = f"no TLS connection comes about ({why}); {expected}"
            raise SourceError(text, reason="tls", permanent=True) from error
        except requests.RequestException as error:
            text = f"cannot be reached ({_innermost(error)}); a server that answers is expected"
            raise SourceError(text, reason="unreachable") from error
        if answer.status != 200:
            raise _refusal(answer)
        return answer.body

    def _connect(self) -> PrometheusConnect:
        with self._connecting:
            if self._connection is None:
                self._connection = self._new_connection()
            return self._connection

    def _new_connection(self) -> PrometheusConnect:
        # Here, not above: it brings pandas and Matplotlib along, and `sentio check` needs neither.
        from prometheus_api_client import PrometheusConnect

        o = self._options
        session = StraightSession()
        session.verify = str(o.tls.ca_file) if o.tls.ca_file else not o.tls.insecure_skip_verify
        if o.tls.insecure_skip_verify:
            log.warning("%s: its certificate is not verified, as insecure_skip_verify asks for", o.url)
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        if o.tls.cert_file:
            session.cert = (str(o.tls.cert_file), str(o.tls.key_file)) if o.tls.key_file else str(o.tls.cert_file)
        headers = {name: value.get_secret_value() for name, value in o.headers.items()}
        connection = PrometheusConnect(o.url, headers=headers, session=session, timeout=o.timeout / SECOND)
        # It mounts a transport of its own for the address, with retries and no deadline.
        session.mount(o.url, WatchedAdapter())
        return connection

    def _authorization(self) -> tuple[bytes, tuple[str, ...]]:
        """The header's value and the secrets in it, for each request anew, so that a rotated file is picked up."""
        o = self._options
        if o.bearer_token_file:
            token = _read(o.bearer_token_file, "bearer_token_file")
            return f"Bearer {token}".encode(), (token,)
        if o.basic_auth:
            b = o.basic_auth
            password = (
                b.password.get_secret_value()
                if b.password
                else _read(b.password_file or Path(), "basic_auth.password_file")
            )
            pair = base64.b64encode(f"{b.username}:{password}".encode()).decode()
            return f"Basic {pair}".encode(), (pair, password)
        return b"", ()


def _signer(authorization: bytes) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """Called for every request; even with nothing to add, or requests would look into a netrc."""

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if authorization:
            request.headers["Authorization"] = authorization  # type: ignore[assignment] # bytes are as good
        return request

    return sign


def _from(window: Window, done: int) -> Window:
    return Window(window.start + done * window.step, window.end, window.step)


def _seconds(nanoseconds: int) -> str:
    """Seconds in decimals, exact to the millisecond that servers keep."""
    whole, rest = divmod(nanoseconds, SECOND)
    return f"{whole}.{rest // 1_000_000:03d}"


def _read(path: Path, option: str) -> str:
    """The secret in the file. One line: a header cannot hold two, and http.client would quote them in its refusal."""
    try:
        secret = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        text = f"{option}: {path} cannot be read ({error}); a file with the secret is expected"
        raise SourceError(text, reason="auth", permanent=True) from error
    if not secret or not secret.isprintable():
        what = "several lines, or control characters" if secret else "nothing but blanks"
        text = f"{option}: {path} holds {what}; one line with the secret is expected"
        raise SourceError(text, reason="auth", permanent=True)
    return secret


def _innermost(error: BaseException) -> str:
    """The plain reason under the layers of requests and urllib3."""
    while (inner := getattr(error, "reason", None) or error.__cause__ or error.__context__) and isinstance(
        inner, BaseException
    ):
        error = inner
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


_MEANINGS = {
    401: ("auth", "basic_auth or bearer_token_file that the server accepts"),
    403: ("auth", "credentials that may read"),
    404: ("not_found", "the address of a Prometheus API"),
    413: ("bad_query", "a smaller query"),
}


def _refusal(answer: Answer) -> SourceError:
    said = _said(answer)
    status = answer.status
    if 300 <= status < 400:
        where = answer.headers.get("Location", "elsewhere")
        text = f"redirects ({status}) to {where}; the final address is expected, redirects are not followed"
        return SourceError(text, reason="redirect", permanent=True)
    if status == 429:
        text = f"asks for a pause ({status}: {said}); fewer queries, or a higher limit, are expected"
        return SourceError(text, reason="throttled", retry_after=_retry_after(answer))
    if status >= 500:
        text = f"fails ({status}: {said}); an answer is expected"
        return SourceError(text, reason="server_error", retry_after=_retry_after(answer))
    reason, expected = _MEANINGS.get(status, ("bad_query", "a query that it accepts"))
    text = f"refuses the query ({status}: {said}); {expected} is expected"
    return SourceError(text, reason=reason, permanent=True)


def _said(answer: Answer) -> str:
    """The server's own words: Prometheus's error field, or the start of the body."""
    try:
        body: Any = json.loads(answer.body)
        return str(body["error"])[:300]
    except (ValueError, KeyError, TypeError):
        return " ".join(answer.body[:120].decode("utf-8", "replace").split()) or "no text"


def _retry_after(answer: Answer) -> float | None:
    """Seconds from a Retry-After header: a number, or an HTTP date (RFC 9110, 10.2.3)."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdecimal():  # isdigit takes ², which is no number
        return float(text)
    if text:
        try:
            return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
        except ValueError:
            return None
    return None
