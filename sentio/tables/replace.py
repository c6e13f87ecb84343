"""A file that is there as a whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sentio.errors import OutputError


@contextmanager
def replacing(path: str | Path, *, streamed: bool = False) -> Iterator[Path]:
    """An empty file beside ``path``, that takes its place at the end of the block, or is gone after an error. Of a link
    it is the file that is replaced.

    What is no file, such as a pipe or /dev/null, is never replaced: what is ``streamed`` goes there as it comes. Raises
    `OutputError` where it cannot be written.
    """
    target = Path(path)
    if target.exists() and not (target.is_file() or target.is_dir()):
        if not streamed:
            raise OutputError(f"{path}: is no file, and cannot take this; a file that can be written is expected")
        with told(str(path)):
            yield target
        return
    target = target.resolve()
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    with told(str(path)):
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
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
