"""What every adapter's ``Options`` is made of."""

from __future__ import annotations

import json
import re
from typing import Annotated, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from sentio.config.misfit import misfit, show


class Options(BaseModel):  # noqa: PLW1641 # pydantic makes a hash of the fields
    """The base of every section of a configuration, an adapter's own options among them.

    Unknown keys are refused, a value cannot change once it is there, and no message of pydantic's own quotes
    the input. Two are equal when nothing in them differs, secrets included: that is how a reload finds what
    changed. From a file, values are validated strictly: ``"5"`` is not a number, ``1`` is not true.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )

    def __eq__(self, other: object) -> bool:
        # To Python True is 1, and an option may mean another thing by it; what is secret is in the fields alone.
        return super().__eq__(other) and self._written() == cast("Options", other)._written()

    def _written(self) -> str:
        return json.dumps(self.model_dump(mode="json", fallback=repr), sort_keys=True)


_BLANK = re.compile(r"[\x00-\x20\x7f\\]")

_NO_HOST = re.compile(r'["<>^`{|}]|^[^\[]*%')
"""What no host has. A % is before the zone of an IPv6 address, which is in brackets."""

_HALF = re.compile(r"%(?![0-9A-Fa-f]{2})")

_EXAMPLE = "one such as http://prometheus:9090 is expected"


def parse_url(text: str) -> str:
    """``text`` without a slash at its end.

    Raises `ValueError` (a `misfit`) unless it is an http or https URL of a server, perhaps with a path, and
    nothing else.

    No message quotes any part of it: what does not fit here may hold a password or a token.
    """
    # Before anything is taken apart: "http://me:pa/ss@host" has its password in what would be the path.
    if "@" in text:
        raise misfit("has a user name and password in it", "put them under basic_auth, where they stay secret")
    if _BLANK.search(text):
        raise misfit("is a URL with a space, a backslash or a control character in it", _EXAMPLE)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise misfit("is a URL whose host or port cannot be read", _EXAMPLE) from error
    if parts.scheme not in ("http", "https"):
        raise misfit("is not a URL that starts with http:// or https://", _EXAMPLE)
    if not parts.hostname or port == 0:
        raise misfit("is a URL without a host, or with port 0", _EXAMPLE)
    # Libraries pass both on, or escape them; Alertmanager refuses every alert that has such an address in it.
    if _NO_HOST.search(parts.netloc):
        raise misfit("is a URL with a character in its host that no host has", _EXAMPLE)
    if _HALF.search(text):
        raise misfit("is a URL with a % without two hexadecimal digits after it", "%25 is expected where it is meant")
    if "?" in text or "#" in text:
        raise misfit("is a URL with a query (?…) or a fragment (#…)", "only the server's address is expected")
    return text.rstrip("/")


def parse_secret_url(text: SecretStr) -> SecretStr:
    """As `parse_url`, for an address that is a secret, where a query is as good."""
    before, mark, _ = text.get_secret_value().partition("?")
    address = parse_url(before)
    return text if mark else SecretStr(address)


_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def parse_label(text: str) -> str:
    """Raises `ValueError` (a `misfit`) for what is no label's name."""
    if not _LABEL.fullmatch(text) or text.startswith("__"):
        raise misfit(f"is {show(text)}", "a label name (letters, digits and _) is expected")
    return text


NARROWEST, WIDEST = 0.001, 0.999999
"""Shares of the samples that a band can be to hold: of nearly none, or of nearly all, it has no width."""

IntervalWidth = Annotated[float, Field(ge=NARROWEST, le=WIDEST)]

LabelName = Annotated[str, AfterValidator(parse_label)]

SecretUrl = Annotated[SecretStr, AfterValidator(parse_secret_url)]
"""An http or https URL that whoever has it can post to."""

Url = Annotated[str, AfterValidator(parse_url)]
"""An http or https URL of a server, without credentials, query, fragment or slash at the end."""
