"""E-mail: one message a report, as text and as HTML with a picture of the worst alert."""

from __future__ import annotations

import html
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.utils import formatdate, getaddresses, parseaddr
from itertools import starmap
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from sentio.chart import png
from sentio.client import broken_off
from sentio.config.access import SecretFileError, Tls, read_secret
from sentio.config.delivery import Delivery
from sentio.config.misfit import misfit, show
from sentio.config.redact import redact
from sentio.config.secrets import secret_texts
from sentio.deadline import remaining
from sentio.errors import SinkError
from sentio.http import hold, watched
from sentio.message import facts, heading, identity, left_out, line, page, plain, sentence, subject, word, worst
from sentio.reports import Event, Report
from sentio.types import SECOND

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_TAKEN = (250, b"")
_SAID = 120
"""Characters of an answer that a message quotes at most."""
_REMEMBERED = 1000
"""Mails at most of which it is known who has them: as many as reports wait for a sink."""

Replies = Mapping[str, tuple[int, bytes]]
"""What the server has answered, by the address of the recipient."""


def _address(text: str) -> str:
    _, address = parseaddr(text)
    name, at, domain = address.rpartition("@")
    if not (name and at and domain) or not text.isprintable() or not text.isascii():
        raise misfit(f"is {show(text)}", 'an address such as me@example.org or "Sentio <me@example.org>" is expected')
    return text


def _host(text: str) -> str:
    # An IPv6 address may be in brackets, as in a URL; the socket knows it without them.
    host = text[1:-1] if text[:1] == "[" and text[-1:] == "]" and ":" in text else text
    # A second colon is of an IPv6 address.
    if re.search(r"[\s\0/@\[\]]", host) or re.fullmatch(r"[^:]*:\d*", host) or not _encodable(host):
        raise misfit(f"is {show(text)}", "a name or an address alone is expected; the port has a key of its own")
    return host


def _encodable(host: str) -> bool:
    """Whether a name server can be asked for it: no part of it is empty, or too long."""
    try:
        return bool(host.encode("idna"))
    except UnicodeError:
        return False


Address = Annotated[str, AfterValidator(_address)]


class Email:
    """A `sentio.contracts.Sink` that sends mail by SMTP.

    Where some recipients are put off, it knows until the next attempt who has the mail, and who is refused for good.
    """

    class Options(Delivery):
        """Which server, from whom, to whom."""

        host: Annotated[str, AfterValidator(_host)]
        port: Annotated[int, Field(ge=1, le=65_535)] | None = None
        """None for that of ``security``: 587, 465 or 25."""
        security: Literal["starttls", "tls", "none"] = "starttls"
        username: str | None = None
        password: SecretStr | None = None
        password_file: Path | None = None
        tls: Tls = Tls()
        sender: Address = Field(alias="from")
        to: Annotated[tuple[Address, ...], Field(min_length=1)]
        picture: bool = True

        @model_validator(mode="after")
        def _whole_credentials(self) -> Email.Options:
            given = (self.password is not None) + (self.password_file is not None)
            if given != (self.username is not None):
                wrong = "has a username without one password, or a password without a username"
                raise misfit(wrong, "username and one of password and password_file, or none of them, are expected")
            return self

    def __init__(self, options: Options) -> None:
        self._options = options
        self._where = f"{options.host}:{options.port or _PORTS[options.security]}"
        self._settled = _Settled()

    def emit(self, report: Report) -> None:
        """Send the events of ``report``, if there are any, as one message. Raises `SinkError`."""
        if not report.events:
            return
        message, secrets = self._message(report), secret_texts(self._options)
        try:
            password = self._password()
            secrets |= {password}
            with watched(self._options.timeout / SECOND) as watch:
                try:
                    refused = self._send(message, password)
                except (OSError, smtplib.SMTPException) as error:
                    if watch.fired or isinstance(error, TimeoutError):
                        raise self._late() from error
                    raise
            # Not before: a farewell that takes too long changes nothing of it.
            if refused:
                raise smtplib.SMTPRecipientsRefused(dict(refused))
        except SecretFileError as error:
            raise SinkError(f"{self._where}: {error}", reason="auth", permanent=True) from error
        except (OSError, smtplib.SMTPException) as error:
            text, reason, permanent = _trouble(error, secrets)
            text = redact(f"{self._where}: {text}", secrets)
            raise SinkError(text, reason=reason, permanent=permanent) from error

    def _late(self) -> SinkError:
        return SinkError(
            f"{self._where}: the mail was not taken in time; an answer in time is expected", reason="timeout"
        )

    def _password(self) -> str:
        o = self._options
        if o.password_file:
            return read_secret(o.password_file, "password_file")
        return o.password.get_secret_value() if o.password else ""

    def _send(self, message: EmailMessage, password: str) -> Replies:
        """The answers for those who have not got it."""
        o = self._options
        with self._connected() as server:
            if o.security == "starttls":
                server.starttls(context=_context(o.tls))
            if o.username is not None:
                self._log_in(server, o.username, password)
            return self._hand_over(server, message)

    def _log_in(self, server: smtplib.SMTP, username: str, password: str) -> None:
        try:
            server.login(username, password)
        except UnicodeError as error:
            text = "username or password is beyond ASCII, which smtplib cannot send; ASCII is expected"
            raise SinkError(f"{self._where}: {text}", reason="auth", permanent=True) from error
        except smtplib.SMTPException as error:
            if type(error) is not smtplib.SMTPException:
                raise
            # What smtplib says where the server has AUTH, and none of the ways that it knows.
            offered = plain(server.esmtp_features.get("auth", ""))[:_SAID]
            text = f"offers no way to log in but {offered}; CRAM-MD5, PLAIN or LOGIN, or no username, is expected"
            raise SinkError(f"{self._where}: {text}", reason="auth", permanent=True) from error

    def _hand_over(self, server: smtplib.SMTP, message: EmailMessage) -> Replies:
        everyone = dict.fromkeys(address for _, address in getaddresses([message["To"]]))
        before = self._settled.of(message["Message-ID"])
        replies = {**before, **_handed_over(server, message, [to for to in everyone if to not in before])}
        settled = {to: reply for to, reply in replies.items() if reply == _TAKEN or reply[0] >= 500}
        self._settled.put(message["Message-ID"], {} if settled.keys() >= everyone.keys() else settled)
        return {to: reply for to, reply in replies.items() if reply != _TAKEN}

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        o = self._options
        port, left = o.port or _PORTS[o.security], max(0.01, remaining(o.timeout / SECOND))
        if o.security == "tls":
            server: smtplib.SMTP = _WatchedTls(o.host, port, timeout=left, context=_context(o.tls))
        else:
            server = _Watched(o.host, port, timeout=left)
        try:
            yield server
        finally:
            # Whatever becomes of the farewell: the mail was taken, or was not, before it.
            with suppress(OSError, smtplib.SMTPException):
                server.quit()
            server.close()

    def _message(self, report: Report) -> EmailMessage:
        o, first = self._options, worst(report.events, 1)[0]
        message = EmailMessage()
        # Text that looks like an encoded word, as a label's may, would be decoded, with whatever line ends are in it.
        message["Subject"] = subject(report).replace("=?", "= ?")
        message["From"], message["To"] = o.sender, ", ".join(o.to)
        message["Date"] = formatdate(report.at / SECOND)
        # The same for every attempt: a mail that comes twice is shown once.
        message["Message-ID"] = f"<{identity(report)}@{parseaddr(o.sender)[1].rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        more = left_out(report.events)
        told = [(event, page(o.external_url, report.pipeline, event)) for event in worst(report.events)]
        message.set_content("\n".join(filter(None, [*starmap(_paragraph, told), more])) + "\n")
        picture = png(first) if o.picture else b""
        message.add_alternative(_html(report, told, more, pictured=bool(picture)), subtype="html")
        if picture:
            rich: Any = message.get_payload(1)
            rich.add_related(picture, "image", "png", cid="<picture>", filename="alert.png")
        return message


class _Settled:
    """Of mails that are to be tried again, by their identity: the replies that were the last for a recipient."""

    def __init__(self) -> None:
        self._of: dict[str, Replies] = {}
        self._lock = threading.Lock()  # nothing says that one thread alone sends

    def of(self, mail: str) -> Replies:
        return self._of.get(mail, {})

    def put(self, mail: str, replies: Replies) -> None:
        """Without ``replies`` it is forgotten; so are those tried longest ago, where there are too many."""
        with self._lock:
            self._of.pop(mail, None)
            if replies:
                self._of[mail] = replies
            while len(self._of) > _REMEMBERED:
                del self._of[next(iter(self._of))]


def _handed_over(server: smtplib.SMTP, message: EmailMessage, to: list[str]) -> Replies:
    """The answers for all of ``to`` that there are: a server that goes amid them has not answered for each."""
    try:
        refused = server.send_message(message, to_addrs=to)
    except smtplib.SMTPRecipientsRefused as error:
        return error.recipients
    return {**dict.fromkeys(to, _TAKEN), **refused}


class _Watched(smtplib.SMTP):
    """Its socket is shut when the time is up: smtplib's timeout is one per receive."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc] # not in the stubs
        hold(sock)
        return sock


class _WatchedTls(smtplib.SMTP_SSL):
    """The same, with TLS from the first byte."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain_ = socket.create_connection((host, port), timeout)
        hold(plain_)
        return self.context.wrap_socket(plain_, server_hostname=host)


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(tls.ca_file) if tls.ca_file else None)
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context


def _paragraph(event: Event, link: str) -> str:
    return "\n  ".join(filter(None, [line(event), _known(event), link]))


def _known(event: Event) -> str:
    return ", ".join(f"{heading(event, name)}: {text}" for name, text in facts(event).items())


def _html(report: Report, told: Iterable[tuple[Event, str]], more: str, *, pictured: bool) -> str:
    rows = "".join(starmap(_row, told))
    image = '<p><img src="cid:picture" width="480" height="160" alt="the last samples and the expected band">'
    if len(report.events) > 1:
        image += f"<br><small>{html.escape(plain(str(worst(report.events, 1)[0].key)))}</small>"
    title = f'<h3 style="{_WRAPS}">{html.escape(subject(report))}</h3>'
    end = f"<p>{html.escape(more)}</p>" if more else ""
    return f"<html><body>{title}{f'{image}</p>' if pictured else ''}<table>{rows}</table>{end}</body></html>"


_WRAPS = "overflow-wrap:anywhere"


def _row(event: Event, link: str) -> str:
    # One below the other: a series of many labels would leave a sentence beside it no room.
    name = html.escape(plain(str(event.key)))
    if link:
        name = f'<a href="{html.escape(link)}">{name}</a>'
    told = "<br>".join([name, html.escape(sentence(event)), f"<small>{html.escape(_known(event))}</small>"])
    level = f'<td valign="top" style="padding-right:8px"><b>{word(event)}</b></td>'
    return f'<tr>{level}<td style="{_WRAPS};padding-bottom:8px">{told}</td></tr>'


def _trouble(error: Exception, secrets: Iterable[str]) -> tuple[str, str, bool]:
    """What went wrong in our words, the reason, and whether it would again."""
    match error:
        case smtplib.SMTPAuthenticationError() if not 400 <= error.smtp_code < 500:
            text = f"refuses the password ({_said(error, secrets)}); credentials that it accepts are expected"
            return text, "auth", True
        case smtplib.SMTPAuthenticationError():
            text = f"cannot tell now whether the password is right ({_said(error, secrets)}); an answer is expected"
            return text, "server_error", False
        case smtplib.SMTPRecipientsRefused():
            gone = {to: reply for to, reply in error.recipients.items() if reply[0] >= 500}
            later = {to: reply for to, reply in error.recipients.items() if to not in gone}
            text = " and ".join(filter(None, [_named("refuses", gone, secrets), _named("puts off", later, secrets)]))
            return f"{text}; addresses that it takes are expected", "refused" if gone else "server_error", not later
        case smtplib.SMTPNotSupportedError():
            text = f"does not offer what is asked for ({error}); another security, or no password, is expected"
            return text, "refused", True
        case smtplib.SMTPResponseException():
            text = f"refuses the mail ({_said(error, secrets)}); a mail that it accepts is expected"
            return text, "refused" if error.smtp_code >= 500 else "server_error", error.smtp_code >= 500
        case FileNotFoundError() | PermissionError():
            return f"a file of tls cannot be read ({error}); one that can is expected", "tls", True
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return broken_off(error.reason or str(error)), "unreachable", False
        case ssl.SSLError():
            right = "the security that it speaks on this port, or a certificate where it wants one, is expected"
            if isinstance(error, ssl.SSLCertVerificationError):
                right = "a tls.ca_file that signed it is expected"
            return f"no TLS connection comes about ({error.reason or error}); {right}", "tls", True
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"cannot be reached ({why}); a server that answers is expected", "unreachable", False


def _named(verb: str, replies: Replies, secrets: Iterable[str]) -> str:
    if not replies:
        return ""
    to, (code, words) = next(iter(replies.items()))
    return f"{verb} {len(replies)} of the recipients, the first is {to} ({code}: {_text(words, secrets)})"


def _said(error: smtplib.SMTPResponseException, secrets: Iterable[str]) -> str:
    return f"{error.smtp_code}: {_text(error.smtp_error, secrets)}"


def _text(words: bytes | str, secrets: Iterable[str]) -> str:
    # Cut last: of a secret that is cut, nobody would find the part that is left.
    return plain(redact(words.decode("utf-8", "replace") if isinstance(words, bytes) else words, secrets))[:_SAID]
