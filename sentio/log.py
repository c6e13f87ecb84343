"""The log: one line a record, logfmt or JSON, with every secret taken out."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("logfmt", "json")
_PLAIN = re.compile(r"[^\s\"=]+")


class _Formatter(logging.Formatter):
    def __init__(self, form: str, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._json = form == "json"
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        fields = {
            "ts": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": self._redact(text),
        }
        if self._json:
            return json.dumps(fields, ensure_ascii=False)
        return " ".join(f"{name}={_quoted(value)}" for name, value in fields.items())


def _quoted(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False)


def set_up(level: str, form: str, redact: Callable[[str], str]) -> None:
    """Send every record of ``level`` and above to standard error; ``redact`` is applied to each text."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(form, redact))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Their everyday chatter; what is wrong they say at warning and above.
    for name in ("apscheduler", "uvicorn", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # A job that overruns is counted by the scheduler's listener.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
