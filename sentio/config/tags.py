"""``!env NAME`` and ``!file PATH``: values that are kept out of the file, and out of every message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from sentio.config.misfit import show

_MAX_BYTES = 2**20


class SecretError(Exception):
    """The variable or file is not there to be read; the text reads *what is wrong; what would be right*."""


def _env(name: str, environ: Mapping[str, str], folder: Path) -> str:  # noqa: ARG001 - one shape for both tags
    if name not in environ:
        raise SecretError(f"is !env {_name(name)}, which is not set; a variable that is set is expected")
    return _without_line_end(environ[name])


def _file(name: str, environ: Mapping[str, str], folder: Path) -> str:  # noqa: ARG001 - one shape for both tags
    wanted = "a file that can be read is expected"
    try:
        with (folder / name).open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        text = data.decode("utf-8")
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else "not a file of UTF-8 text"
        raise SecretError(f"is !file {_name(name)}, which cannot be read ({reason}); {wanted}") from error
    if len(data) > _MAX_BYTES:
        raise SecretError(f"is !file {_name(name)}, which has over {_MAX_BYTES} bytes; a secret is expected")
    return _without_line_end(text)


def _without_line_end(text: str) -> str:
    # What a file ends in, and what a variable does that was made of one, as by Kubernetes of a secret.
    return text.removesuffix("\n").removesuffix("\r")


def _name(name: str) -> str:
    return show(name)[1:-1]


SECRETS: Mapping[str, Callable[[str, Mapping[str, str], Path], str]] = MappingProxyType({"!env": _env, "!file": _file})
"""tag → the text that its name stands for. Each raises `SecretError`."""
