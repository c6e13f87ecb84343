"""What tests of a running scenario share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .support import Place, place


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        yield made
