"""Tables on a terminal, or as wide as they are where nobody watches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

_LONG = ("series", "cause")
"""Columns that are folded where there is too little room."""
_PIPED = 1000
"""Columns: what is read by a program is not folded."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Whoever reads has left: `sentio.cli.main` ends for it, and not rich."""
        raise  # noqa: PLE0704 # it is called where that was caught


def console(*, stderr: bool = False) -> Console:
    """Of standard output, or of standard error, as it is now."""
    found = _Console(highlight=False, stderr=stderr)
    return found if found.is_terminal else _Console(highlight=False, stderr=stderr, width=_PIPED)


def show(
    title: str, heads: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = (),
    out: Console | None = None,
) -> None:  # fmt: skip
    """A table below its title; the columns ``right`` have numbers. What is in it is text and never markup."""
    out = out or console()
    out.print(Text(title, style="bold"))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in heads:
        # Times and numbers stay in one piece where the terminal is narrow.
        justify: Literal["left", "right"] = "right" if head in right else "left"
        table.add_column(head, justify=justify, overflow="fold", no_wrap=head not in _LONG)
    for row in rows:
        table.add_row(*map(Text, row))
    if table.row_count:
        out.print(table)


def many(number: int, one: str, more: str = "") -> str:
    """``1 alert``, ``1,200 alerts``; ``more`` where that is not ``one`` with an s."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"
