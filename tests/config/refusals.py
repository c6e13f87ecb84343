"""Loads text as a file, for tests that look at what is said about it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from sentio.config.load import load
from sentio.config.model import Config
from sentio.errors import ConfigError

SOURCES = "sources:\n  prometheus: {type: prometheus, url: http://localhost:9090}\n"
PIPELINES = "pipelines:\n  cpu: {source: prometheus, query: up}\n"


def loaded(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Config:
    """The configuration that ``text`` is."""
    path = folder / "sentio.yml"
    path.write_text(text)
    return load([path], environ or {})


def refused(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """What is said about ``text``, without the folder and the name of the file."""
    with pytest.raises(ConfigError) as error:
        loaded(folder, text, environ)
    assert all(problem.isprintable() for problem in error.value.problems)
    return [problem.removeprefix(f"{folder}/sentio.yml:") for problem in error.value.problems]
