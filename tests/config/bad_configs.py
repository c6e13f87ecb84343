"""Every configuration in ``tests/configs/bad``, with what Sentio must say about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CONFIGS = Path(__file__).parent.parent / "configs"


@dataclass(frozen=True)
class BadConfig:
    """A file with one mistake."""

    path: Path
    problems: tuple[str, ...]
    """The lines of the error, the path in them as it was given to `sentio.config.load.load`."""


def bad_config(path: Path) -> BadConfig:
    """A bad file: its first lines are comments with the expected problems."""
    expected = []
    for line in path.read_bytes().splitlines():
        if not line.startswith(b"# "):
            break
        expected.append(f"{path.parent}/{line.decode().removeprefix('# ')}")
    return BadConfig(path, tuple(expected))


BAD_CONFIGS = [bad_config(path) for path in sorted((CONFIGS / "bad").glob("*.yaml"))]
"""At least 25 of them."""
