"""History into a Prometheus's data folder, as blocks that promtool makes."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from sentio.demo.openmetrics import write_openmetrics
from sentio.demo.series import Series
from sentio.errors import SentioError

_LOAD_S = 120.0
_BLOCK = "486h"
"""The first step of Prometheus's own ladder of block lengths that holds two weeks: promtool reads the whole
file once a block, and its default of 2 h would make 168 of them."""
_PACKAGE = "install it, on Debian: apt-get install prometheus"


class PrometheusError(SentioError):
    """Prometheus or promtool is not there, or did not do what it was asked."""


def program(name: str) -> str:
    """Where ``name`` of Prometheus's package is. Raises `PrometheusError` when it is missing."""
    found = shutil.which(name)
    if found is None:
        raise PrometheusError(f"{name}: no such program on PATH; {_PACKAGE}")
    return found


def create_blocks(history: Iterable[Series], data: Path) -> None:
    """Adds ``history`` to the folder ``data`` of a Prometheus that does not run. Raises `PrometheusError`."""
    promtool = program("promtool")
    try:
        with tempfile.TemporaryDirectory(prefix="sentio-history-") as folder:
            page = Path(folder) / "history.om"
            write_openmetrics(page, history)
            command = [promtool, "tsdb", "create-blocks-from", f"--max-block-duration={_BLOCK}"]
            command += ["openmetrics", str(page), str(data)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=_LOAD_S, check=False)  # noqa: S603 -- no shell, our own arguments
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PrometheusError(f"promtool: {error}; blocks made of the history are expected") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise PrometheusError(f"promtool: exit code {done.returncode}: {said}; blocks made of the history are expected")
