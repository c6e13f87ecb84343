"""The hundred services that the package Apprise knows, each named by an address such as ``ntfy://topic``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
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
from sentio.message import cut, left_out, line, page, subject, worst
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
_ANY = sys.maxsize
_MARKUP = 20
"""Characters that Apprise puts round a title at most where it becomes a part of the text."""
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

        first, service = worst(report.events, 1)[0], _service(url)
        if service is None:
            raise self._error(False, ["Apprise does not know it any more"])
        picture = png(first) if self._options.picture else b""
        attached = _attachment(picture) if picture else None
        title = cut(subject(report), service.title_maxlen or _ANY)
        sender, heard = Sender(), list[str]()
        sender.add(service)
        result = sender.notify(
            title=title,
            body=self._text(report, partial(_fits, service, title)),
            body_format="text",  # or services that speak HTML would take a label such as <none> for a tag
            notify_type=_TYPES[first.level_to],
            attach=attached,
            timeout=max(0.01, remaining(self._options.timeout / SECOND)),
            log_callback=lambda entry, _service: heard.append(entry.message),
            log_level=logging.WARNING,
        )
        if not result:
            raise self._error(result.status.name == "TIMEOUT", heard)

    def _text(self, report: Report, fits: Callable[[str], bool]) -> str:
        """As many alerts as fit, the worst first, and how many more there are; of the first at least its beginning."""
        address, text, told = self._options.external_url, "", list[str]()
        for count, event in enumerate(worst(report.events), 1):
            told += filter(None, [line(event), page(address, report.pipeline, event)])
            longer = "\n".join(filter(None, [*told, left_out(report.events, count)]))
            if not fits(longer):
                break
            text = longer
        return text or self._beginning(report, fits)

    def _beginning(self, report: Report, fits: Callable[[str], bool]) -> str:
        whole, rest = line(worst(report.events, 1)[0]), left_out(report.events, 1)
        most = len(whole)
        while not fits(text := "\n".join(filter(None, [cut(whole, most), rest]))) and most > 1:
            most = most * 9 // 10
        return text

    def _error(self, late: bool, heard: list[str]) -> SinkError:
        scheme = self._options.urls[0].get_secret_value().partition(":")[0]
        if late:
            return SinkError(f"{scheme}: no answer in time; one is expected", reason="timeout")
        why = redact(" ".join((heard or ["it does not say why"])[-1].split()), self._secrets)
        return SinkError(f"{scheme}: was not taken ({why}); a service that takes it is expected", reason="not_taken")


def _fits(service: NotifyBase, title: str, text: str) -> bool:
    """Whether the service takes so long a text. Where its address asks Apprise to split or to cut, it takes any."""
    if service.overflow_mode != "upstream":
        return True
    size, lines = _size(service, text), text.count("\n") + 1
    if not service.title_maxlen or service.overflow_amalgamate_title:
        size, lines = size + _size(service, title) + _MARKUP, lines + 1
    return size <= (service.body_maxlen or _ANY) and lines <= (service.body_max_line_count or _ANY)


def _size(service: NotifyBase, text: str) -> int:
    """Characters that are sent for ``text``: what the service takes for markup is escaped."""
    from apprise.conversion import convert_between

    form = service.resolve_format("text")
    return len(service.dialect_convert(convert_between("text", form, text), form))  # type: ignore[no-untyped-call] # it is not typed


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
