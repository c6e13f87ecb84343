"""A real SMTP server on the loopback that keeps what it is sent."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.servers import LOOPBACK, PATIENCE_S, free_port


class Mailbox:
    """``refuse``: recipients that are not taken, with the answer for each. ``asked``: all that were named; ``given``:
    for each of ``mails`` those whom it is for. ``lingers``: seconds until a farewell is answered."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.asked: list[str] = []
        self.given: list[list[str]] = []
        self.lingers = 0.0
        self.refuse: dict[str, str] = {}
        self.answer = "250 OK"
        self.password = b"hunter2Xyzzy"
        self.users: list[tuple[bytes, bytes]] = []
        self.port = 0

    async def handle_RCPT(  # noqa: N802 # the name that the library looks for
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.asked.append(address)
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 # as above
        if self.answer.startswith("2"):
            mail = message_from_bytes(envelope.content or b"", policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
            self.given.append(envelope.rcpt_tos)
        return self.answer

    async def handle_QUIT(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802 # as above
        await asyncio.sleep(self.lingers)
        return "221 Bye"

    def check(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: LoginPassword) -> AuthResult:
        self.users.append((data.login, data.password))
        right = data.password == self.password
        return AuthResult(success=right, handled=right)


@contextmanager
def mailbox(
    tls: ssl.SSLContext | None = None, *, starttls: bool = False, auth: bool = False, port: int = 0
) -> Iterator[Mailbox]:
    """A running one; ``tls`` from the first byte, or after STARTTLS. ``port``: 0 for a free one."""
    box = Mailbox()
    more: dict[str, Any] = {"ready_timeout": PATIENCE_S}
    if starttls:
        more |= {"tls_context": tls, "require_starttls": True}
    if auth:
        more |= {"authenticator": box.check, "auth_required": True, "auth_require_tls": starttls}
    box.port = port or free_port()
    controller = Controller(box, hostname=LOOPBACK, port=box.port, ssl_context=None if starttls else tls, **more)
    controller.start()
    try:
        yield box
    finally:
        controller.stop(no_assert=True)
