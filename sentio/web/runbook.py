"""``/runbook``: the `sentio.web.advice` on each alert as a page. Everything is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from sentio import __version__
from sentio.web.advice import SECTIONS, Look, Section
from sentio.web.document import document

_PARTS = (
    ("What usually causes it", "causes"),
    ("What to do", "do"),
    ("When to change the rule or the configuration", "tune"),
)
_MORE_STYLE = """
main{max-width:960px}article{margin-bottom:14px;scroll-margin-top:14px}article:target{border-color:var(--blue)}
h3{font-size:13px;margin:12px 0 4px}ul{margin:0;padding-left:18px}li{margin:3px 0}
.index{columns:220px 2;margin-bottom:18px}
pre{margin:3px 0 6px;padding:6px 10px;background:var(--back);border-radius:6px;white-space:pre-wrap}
"""


def render(sections: Sequence[Section]) -> str:
    """The page as HTML."""
    index = "".join(f'<li><a href="#{escape(s.alert)}">{escape(s.alert)}</a>' for s in sections)
    return document(
        "Sentio: runbook",
        f"{__version__}, runbook",
        '<a href="./">series</a>',
        f"<ul class=index>{index}</ul>{''.join(map(_section, sections))}",
        style=_MORE_STYLE,
    )


def _section(section: Section) -> str:
    parts = "".join(f"<h3>{title}</h3>{_list(map(_prose, getattr(section, name)))}" for title, name in _PARTS)
    return (
        f'<article id="{escape(section.alert)}"><h2>{escape(section.alert)}</h2><p>{_prose(section.means)}</p>'
        f"<h3>What to look at first</h3>{_list(map(_look, section.look))}{parts}</article>"
    )


def _look(look: Look) -> str:
    code = look.query or look.command
    return _prose(look.text) + (f"<pre><code>{escape(code)}</code></pre>" if code else "")


def _list(items: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{item}' for item in items)}</ul>"


def _prose(text: str) -> str:
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


PAGE = render(SECTIONS)
"""It says the same to everybody, so it is made once."""
