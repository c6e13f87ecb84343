"""The log: one line a record, and no secret in it."""

from __future__ import annotations

import json
import logging

import pytest

from sentio import log


@pytest.fixture(autouse=True)
def _root():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def hide(text: str) -> str:
    return text.replace("hunter2", "<secret>")


@pytest.mark.parametrize("form", log.FORMATS)
def test_a_record_is_one_line_without_its_secrets(form, capsys):
    log.set_up("info", form, hide)
    try:
        raise ValueError('got "hunter2"\nand more')
    except ValueError:
        logging.getLogger("sentio.x").exception("reading %s failed", "hunter2")
    logging.getLogger("sentio.x").debug("not shown")
    (line,) = capsys.readouterr().err.splitlines()
    assert "hunter2" not in line
    assert "<secret>" in line
    assert "ValueError" in line
    if form == "json":
        record = json.loads(line)
        assert (record["level"], record["logger"]) == ("error", "sentio.x")
        assert record["ts"].endswith("Z")
    else:
        assert ' level=error logger=sentio.x msg="reading <secret> failed\\nTraceback' in line
