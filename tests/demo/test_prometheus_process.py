"""What a missing or failing Prometheus says."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from sentio.demo.blocks import PrometheusError
from sentio.demo.openmetrics import write_openmetrics
from sentio.demo.prometheus_process import PrometheusProcess
from sentio.demo.series import Series
from sentio.types import SECOND, SeriesKey


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/nowhere")
    return folder


def test_without_the_programs_it_says_what_to_install(on_path: Path, tmp_path: Path) -> None:
    with pytest.raises(PrometheusError, match=r"^prometheus: no such program on PATH; install it, on Debian: "):
        PrometheusProcess(tmp_path, "127.0.0.1:1", None, 5.0)
    program(on_path, "prometheus", "exit 1")
    with pytest.raises(PrometheusError) as refused:
        PrometheusProcess(tmp_path, "127.0.0.1:1", None, 5.0)
    assert str(refused.value) == (
        "promtool: no such program on PATH; install it, on Debian: apt-get install prometheus"
    )


def test_what_the_programs_say_is_handed_on(on_path: Path, tmp_path: Path) -> None:
    program(on_path, "promtool", "echo 'disk is full' >&2; exit 3")
    program(on_path, "prometheus", "echo one; echo 'bad flag' >&2; exit 2")
    process = PrometheusProcess(tmp_path, "127.0.0.1:1", None, 5.0)
    with pytest.raises(PrometheusError, match=r"^promtool: exit code 3: disk is full; blocks made of the history"):
        process.load([])
    with pytest.raises(PrometheusError, match=r"^prometheus: ended at once with exit code 2: one / bad flag"):
        process.start()
    process.stop()


def test_the_file_that_promtool_reads(tmp_path: Path) -> None:
    key = SeriesKey.of({"__name__": "b", "x": 'say "%s" \\ \n'})
    times = np.array([1_700_000_000_000, 1_700_000_000_123]) * (SECOND // 1000)
    page = tmp_path / "page"
    write_openmetrics(
        page,
        [Series(key, times, np.array([1.5, np.nan])), Series(SeriesKey("a"), times[:1], times[:1] * 0.0)],
    )
    assert page.read_text() == (
        "# TYPE a gauge\n"
        "a{} 0 1700000000\n"
        "# TYPE b gauge\n"
        'b{x="say \\"%s\\" \\\\ \\n"} 1.5 1700000000\n'
        'b{x="say \\"%s\\" \\\\ \\n"} NaN 1700000000.1233\n'
        "# EOF\n"
    )
