"""``host:port``, where the server listens."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

from sentio.config.misfit import misfit, show

_LISTEN = re.compile(r"(?P<host>[^\s:/@\[\]]*|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")


def parse_listen(value: object) -> tuple[str, int]:
    """Host and port from ``0.0.0.0:8000``, ``[::1]:8000`` or ``:8000`` (every address).

    Port 0 is any free one. Raises `ValueError` (a `misfit`) for anything else.
    """
    found = _LISTEN.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found["port"]) > 65_535:
        raise misfit(f"is {show(value)}", "host:port such as 0.0.0.0:8000 is expected")
    return found["host"].strip("[]") or "0.0.0.0", int(found["port"])  # noqa: S104 - what `:8000` means everywhere


def _checked(value: object) -> object:
    parse_listen(value)
    return value


Listen = Annotated[str, BeforeValidator(_checked)]
"""Text that `parse_listen` understands."""
