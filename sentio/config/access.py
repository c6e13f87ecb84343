"""How a server is to be asked: credentials, headers, certificates. Sources and sinks have them in common."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sentio.config.misfit import Loc, misfit, misfits
from sentio.config.options import Options


class SecretFileError(Exception):
    """A secret's file cannot be used; the text reads *option: what is wrong; what would be right*."""


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


class Access(Options):
    """The options of whatever is asked over HTTP."""

    basic_auth: BasicAuth | None = None
    bearer_token_file: Path | None = None
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    tls: Tls = Tls()

    @field_validator("headers")
    @classmethod
    def _sendable(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        # Here, for what cannot be sent is quoted by what requests raises, as text in which no secret is found.
        if wrong := list(_unsendable(headers)):
            raise misfits(*wrong)
        return headers

    @model_validator(mode="after")
    def _one_way_in(self) -> Access:
        if self.basic_auth and self.bearer_token_file:
            raise misfit("has basic_auth and bearer_token_file", "one of them is expected")
        return self

    def authorization(self) -> tuple[bytes, tuple[str, ...]]:
        """The header's value and the secrets in it, for each request anew, so that a rotated file is picked up.

        Raises `SecretFileError`."""
        if self.bearer_token_file:
            token = read_secret(self.bearer_token_file, "bearer_token_file")
            return f"Bearer {token}".encode(), (token,)
        if self.basic_auth:
            b = self.basic_auth
            password = (
                b.password.get_secret_value()
                if b.password
                else read_secret(b.password_file or Path(), "basic_auth.password_file")
            )
            pair = base64.b64encode(f"{b.username}:{password}".encode()).decode()
            return f"Basic {pair}".encode(), (pair, password)
        return b"", ()


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, 5.6.2: a token."""
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def _unsendable(headers: dict[str, SecretStr]) -> Iterator[tuple[Loc, PydanticCustomError]]:
    for name, secret in headers.items():
        value = secret.get_secret_value()
        if not _HEADER_NAME.fullmatch(name):
            right = "letters, digits and - are expected, as in X-Scope-OrgID"
            yield (name,), misfit("has a name that no header can have", right)
        elif _CONTROL.search(value):
            yield (name,), misfit("has a line end or a control character in it", "one line of text is expected")
        elif value[:1].isspace():
            yield (name,), misfit("begins with a blank", "text without blanks before it is expected")
        elif not value.isascii() and max(value) > "\xff":
            right = "ASCII, or at most Latin-1, is expected"
            yield (name,), misfit("has characters that no header can have", right)


def read_secret(path: Path, option: str) -> str:
    """The secret in the file. One line: a header cannot hold two, and http.client would quote them in its refusal.

    Raises `SecretFileError`."""
    try:
        secret = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        text = f"{option}: {path} cannot be read ({why}); a file with the secret is expected"
        raise SecretFileError(text) from error
    if not secret or not secret.isprintable():
        what = "several lines, or control characters" if secret else "nothing but blanks"
        raise SecretFileError(f"{option}: {path} holds {what}; one line with the secret is expected")
    return secret
