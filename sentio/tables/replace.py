"""A file that is there as a whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sentio.errors import OutputError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """An empty file beside ``path``, that takes its place at the end of the block, or is gone after an error.

    Raises `OutputError` where it cannot be written.
    """
    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    with told(str(path)):
        beside.open("xb").close()
        try:
            yield beside
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)


@contextmanager
def told(where: str) -> Iterator[None]:
    """Raises `OutputError` for what the system says within the block; whoever reads may leave (`BrokenPipeError`)."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        text = f"{where}: cannot be written ({error.strerror or error}); a file that can be is expected"
        raise OutputError(text) from error
