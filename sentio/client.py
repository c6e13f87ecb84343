"""What sources and sinks that speak HTTP have in common: a session, credentials, and what went wrong in our words."""

from __future__ import annotations

import contextlib
import email.utils
import logging
import ssl
import time
from collections.abc import Callable, Iterable, Iterator

import requests
import urllib3

from sentio.config.access import Access, SecretFileError
from sentio.config.redact import redact
from sentio.errors import DeadlineExceededError, SinkError
from sentio.http import Answer, StraightSession, TooLargeError, WatchedAdapter, fetch
from sentio.types import SECOND

log = logging.getLogger(__name__)

_MAX_ANSWER = 2**20
_SAID = 120
"""Characters of an answer that a message quotes at most."""
_LOOKED_AT = 2**14
"""Bytes of it that these are taken from: it may be as large as ``max_bytes``."""


class Client:
    """Posts to one receiver. ``where`` names it in messages, ``secrets`` are kept out of them; ``timeout`` is in
    nanoseconds. Touches nothing before the first `post`."""

    def __init__(self, where: str, timeout: int, *, access: Access | None = None, secrets: Iterable[str] = ()) -> None:
        self._where, self._timeout = where, timeout / SECOND
        self._access = access or Access()
        self._secrets = tuple(secrets)
        self._session: StraightSession | None = None

    def post(self, url: str, body: bytes, content_type: str = "application/json", **headers: str) -> Answer:
        """The receiver's answer, of a status below 300. Raises `SinkError`."""
        secrets = self._secrets
        try:
            authorization, own = self._access.authorization()
            secrets = (*secrets, *own)
            answer = self._fetch(url, body, authorization, {"Content-Type": content_type, **headers})
            if answer.status < 300:
                return answer
            raise _refusal(answer, secrets)
        except SecretFileError as error:
            raise self._error(str(error), "auth", permanent=True, secrets=secrets) from error
        except TooLargeError as error:
            text = f"answers more than {_MAX_ANSWER} bytes; a short answer is expected"
            raise self._error(text, "bad_answer", permanent=True, secrets=secrets) from error
        except DeadlineExceededError as error:
            raise self._error(f"{error}; an answer in time is expected", "timeout", secrets=secrets) from error
        except requests.RequestException as error:
            text, reason, permanent = trouble(error)
            raise self._error(text, reason, permanent=permanent, secrets=secrets) from error
        except SinkError as error:
            again = error.retry_after
            raise self._error(
                str(error), error.reason, permanent=error.permanent, retry_after=again, secrets=secrets
            ) from error

    def _fetch(self, url: str, body: bytes, authorization: bytes, headers: dict[str, str]) -> Answer:
        if self._session is None:
            self._session = open_session(self._access, self._where)
            self._session.mount("https://", WatchedAdapter())
            self._session.mount("http://", WatchedAdapter())
        own = {name: value.get_secret_value() for name, value in self._access.headers.items()}
        return fetch(
            self._session,
            "POST",
            url,
            data=body,
            headers={**headers, **own},
            auth=signer(authorization),
            # Without it, requests would follow REQUESTS_CA_BUNDLE, whatever the session says.
            verify=self._session.verify,
            timeout=self._timeout,
            max_bytes=_MAX_ANSWER,
        )

    def _error(
        self,
        text: str,
        reason: str,
        *,
        secrets: Iterable[str],
        permanent: bool = False,
        retry_after: float | None = None,
    ) -> SinkError:
        text = redact(f"{self._where}: {text}", secrets)
        return SinkError(text, reason=reason, permanent=permanent, retry_after=retry_after)


_MEANINGS = {
    401: ("auth", "a user name, password or token that it accepts"),
    403: ("auth", "a user name, password or token that may write"),
    404: ("not_found", "an address that is there"),
    410: ("not_found", "an address that is still there"),
}


def _refusal(answer: Answer, secrets: Iterable[str]) -> SinkError:
    status, words = answer.status, said(answer, secrets)
    if status < 400:
        text = f"redirects ({status}), which is not followed; the final address is expected"
        return SinkError(text, reason="redirect", permanent=True)
    if status in (408, 429):
        text = f"asks for a pause ({status}: {words}); fewer alerts, or a higher limit, are expected"
        return SinkError(text, reason="throttled", retry_after=retry_after(answer))
    if status >= 500:
        text = f"fails ({status}: {words}); an answer is expected"
        return SinkError(text, reason="server_error", retry_after=retry_after(answer))
    reason, expected = _MEANINGS.get(status, ("refused", "a message that it accepts"))
    return SinkError(f"refuses it ({status}: {words}); {expected} is expected", reason=reason, permanent=True)


def open_session(access: Access, where: str) -> StraightSession:
    """A session that trusts whom ``access`` says. It keeps deadlines where a `WatchedAdapter` is mounted on it."""
    tls = access.tls
    session = StraightSession()
    session.verify = str(tls.ca_file) if tls.ca_file else not tls.insecure_skip_verify
    if tls.insecure_skip_verify:
        log.warning("%s: its certificate is not verified, as insecure_skip_verify asks for", where)
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    if tls.cert_file:
        session.cert = (str(tls.cert_file), str(tls.key_file)) if tls.key_file else str(tls.cert_file)
    return session


def signer(authorization: bytes) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """Called for every request; even with nothing to add, or requests would look into a netrc."""

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if authorization:
            request.headers["Authorization"] = authorization  # type: ignore[assignment] # bytes are as good
        return request

    return sign


def trouble(error: requests.RequestException) -> tuple[str, str, bool]:
    """What went wrong on the way: a text, the reason, and whether it would again."""
    if isinstance(error, requests.exceptions.InvalidHeader):
        # Its own text quotes the header, as a literal in which no secret is found.
        text = "a header cannot be sent, for what is in it; one line of text without blanks before it is expected"
        return text, "auth", True
    why, root = innermost(error), _root(error)
    if isinstance(root, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return broken_off(why), "unreachable", False
    if isinstance(error, requests.exceptions.SSLError):
        text = f"its certificate is not accepted ({why}); a tls.ca_file that signed it is expected"
        if "CERTIFICATE_VERIFY_FAILED" not in why:
            expected = "http:// where it speaks none, or a client certificate where it wants one, is expected"
            text = f"no TLS connection comes about ({why}); {expected}"
        return text, "tls", True
    return f"cannot be reached ({why}); a server that answers is expected", "unreachable", False


def broken_off(why: str) -> str:
    """Of a server that goes amid TLS, as one does that is started anew: it may be there the next time."""
    return f"breaks off the TLS connection ({why}); a server that answers, and speaks TLS, is expected"


def innermost(error: BaseException) -> str:
    """The plain reason under the layers of requests and urllib3."""
    error = _root(error)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _root(error: BaseException) -> BaseException:
    while (inner := getattr(error, "reason", None) or error.__cause__ or error.__context__) and isinstance(
        inner, BaseException
    ):
        error = inner
    return error


def said(answer: Answer, secrets: Iterable[str]) -> str:
    """The start of the body, on one line."""
    # Cut last: of a secret that is cut, nobody would find the part that is left.
    start = redact(answer.body[:_LOOKED_AT].decode("utf-8", "replace"), secrets)
    return " ".join(start.split())[:_SAID] or "no text"


def retry_after(answer: Answer) -> float | None:
    """Seconds from a Retry-After header: a number, or an HTTP date (RFC 9110, 10.2.3)."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdecimal():  # isdigit takes ², which is no number
        return float(text)
    if text:
        with contextlib.suppress(ValueError):
            return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    return None


def each(attempts: Iterable[Callable[[], None]]) -> None:
    """Makes all of them, whatever becomes of the others; raises the first `SinkError`, as permanent where all are."""
    failed = list(_failures(attempts))
    if failed:
        first = failed[0]
        permanent = all(error.permanent for error in failed)
        again = max((error.retry_after for error in failed if error.retry_after), default=None)
        raise SinkError(str(first), reason=first.reason, permanent=permanent, retry_after=again) from first


def _failures(attempts: Iterable[Callable[[], None]]) -> Iterator[SinkError]:
    for attempt in attempts:
        try:
            attempt()
        except SinkError as error:
            yield error
