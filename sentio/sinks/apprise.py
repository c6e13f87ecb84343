"""The hundred services that the package Apprise knows, each named by an address such as ``ntfy://topic``."""

from __future__ import annotations

import logging
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, SecretStr, field_validator

from sentio.chart import png
from sentio.client import each
from sentio.config.delivery import Delivery
from sentio.config.misfit import misfit, misfits
from sentio.config.redact import redact
from sentio.config.secrets import secret_texts
from sentio.deadline import remaining
from sentio.errors import SinkError
from sentio.message import left_out, line, page, subject, worst
from sentio.reports import AlertLevel, Report
from sentio.types import SECOND

if TYPE_CHECKING:
    from apprise.attachment.memory import AttachMemory
    from apprise.plugins.base import NotifyBase

_TYPES = {
    AlertLevel.OK: "success",
    AlertLevel.INFO: "info",
    AlertLevel.WARNING: "warning",
    AlertLevel.CRITICAL: "failure",
}
_EXPECTED = "an address of Apprise's, such as ntfy://topic, is expected"


class Apprise:
    """A `sentio.contracts.Sink` that sends one message a report through Apprise."""

    class Options(Delivery):
        """Which services."""

        urls: Annotated[tuple[SecretStr, ...], Field(min_length=1)]
        """Addresses of Apprise's. Secrets, for most hold a token."""
        picture: bool = True
        """Whether a picture goes along, where the service takes files."""

        @field_validator("urls")
        @classmethod
        def _known(cls, urls: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
            if find_spec("apprise") is None:
                raise misfit(
                    "needs the package apprise, which is not installed", "pip install 'sentio[apprise]' is expected"
                )
            wrong = [i for i, url in enumerate(urls) if _service(url) is None]
            if wrong:
                raise misfits(*(((i,), misfit("is no address that Apprise knows", _EXPECTED)) for i in wrong))
            return urls

        def apart(self) -> tuple[Self, ...]:
            return tuple(self.model_copy(update={"urls": (url,)}) for url in self.urls)

    def __init__(self, options: Options) -> None:
        self._options = options
        self._secrets = secret_texts(options)

    def emit(self, report: Report) -> None:
        """Send the events of ``report``, if there are any. Raises `SinkError`."""
        if report.events:
            each(partial(self._send, url, report) for url in self._options.urls)

    def _send(self, url: SecretStr, report: Report) -> None:
        from apprise import Apprise as Sender

        first = worst(report.events, 1)[0]
        picture = png(first) if self._options.picture else b""
        attached = _attachment(picture) if picture else None
        sender, heard = Sender(), list[str]()
        if service := _service(url):
            sender.add(service)
        result = sender.notify(
            title=subject(report),
            body=self._text(report),
            notify_type=_TYPES[first.level_to],
            attach=attached,
            timeout=max(0.01, remaining(self._options.timeout / SECOND)),
            log_callback=lambda entry, _service: heard.append(entry.message),
            log_level=logging.WARNING,
        )
        if not result:
            raise self._error(result.status.name == "TIMEOUT", heard)

    def _text(self, report: Report) -> str:
        address, told = self._options.external_url, list[str]()
        for event in worst(report.events):
            told += [line(event), page(address, report.pipeline, event)]
        return "\n".join(filter(None, [*told, left_out(report.events)]))

    def _error(self, late: bool, heard: list[str]) -> SinkError:
        scheme = self._options.urls[0].get_secret_value().partition(":")[0]
        if late:
            return SinkError(f"{scheme}: no answer in time; one is expected", reason="timeout")
        why = redact(" ".join((heard or ["it does not say why"])[-1].split()), self._secrets)
        return SinkError(f"{scheme}: was not taken ({why}); a service that takes it is expected", reason="not_taken")


def _attachment(picture: bytes) -> AttachMemory:
    from apprise.attachment.memory import AttachMemory

    return AttachMemory(picture, name="alert.png", mimetype="image/png")  # type: ignore[no-untyped-call] # it is not typed


def _service(url: SecretStr) -> NotifyBase | None:
    """What Apprise makes of an address; None for what it does not know. It keeps nothing on disk."""
    from apprise import Apprise as Sender
    from apprise import AppriseAsset

    # What it would log we say ourselves, once, and without secrets.
    own = logging.getLogger("apprise")
    if own.propagate:
        own.propagate = False
        own.addHandler(logging.NullHandler())
    return Sender.instantiate(
        url.get_secret_value(), asset=AppriseAsset(storage_mode="memory"), suppress_exceptions=True
    )
