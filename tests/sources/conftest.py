"""A bench for each test, and one pool of Prophet workers for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sentio.executor import WorkerPool
from tests.faulty import Behaviour, FaultyServer
from tests.sources.bench import Bench

MakeBench = Callable[..., Bench]
MakeServer = Callable[..., FaultyServer]


@pytest.fixture(scope="session")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(2, ("sentio.detectors.prophet.preload_stan",)) as workers:
        yield workers


@pytest.fixture
def server() -> Iterator[MakeServer]:
    with ExitStack() as stack:

        def make(behave: Behaviour, **options: Any) -> FaultyServer:
            return stack.enter_context(FaultyServer(behave, **options))

        yield make


@pytest.fixture
def bench(tmp_path: Path, pool: WorkerPool) -> Iterator[MakeBench]:
    """``pauses``, where given, takes the lengths of the pauses between attempts, which then take no time."""
    with ExitStack() as stack:

        def make(at: FaultyServer | str, pauses: list[float] | None = None, **source: Any) -> Bench:
            url = at if isinstance(at, str) else at.url
            pause = time.sleep if pauses is None else pauses.append
            made = Bench(tmp_path, url, pool, pause=pause, **source)
            stack.enter_context(made.web)
            return made

        yield make
