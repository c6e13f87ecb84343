"""What the pages have in common: their head, and the links at the top."""

from __future__ import annotations

from sentio.web.style import STYLE


def document(title: str, about: str, nav: str, body: str, *, head: str = "", style: str = "") -> str:
    """A whole page of HTML; all but ``title`` and ``about`` is HTML already, and they are texts of our own."""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{head}<style>{STYLE}{style}</style>"
        f"<header><h1>Sentio</h1><span>{about}</span><nav>{nav}</nav></header><main>{body}</main></html>"
    )
