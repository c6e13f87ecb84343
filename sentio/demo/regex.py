"""Regular expressions of label matchers: RE2's language, by Python's engine.

What the two are known to read differently is refused, rather than answered otherwise than Prometheus would.
The dot matches a newline too, as in Prometheus 3. ``(?i)`` folds the case of ASCII letters only.
"""

from __future__ import annotations

import re
import warnings

_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
"""An escape, or a character class as a whole."""

_FOREIGN_ESCAPES = re.compile(r"(?:[^\\]|\\[^1-9ZuUN])*?(\\[1-9ZuUN])", re.DOTALL)
"""Back references, and escapes that only Python knows."""

_FOREIGN_SYNTAX = re.compile(
    r"\(\?(?!:|P<[A-Za-z_]\w*>|[ims]+\)|-?[ims]+(?:-[ims]+)?:)"  # look-around, conditions, atomic groups
    r"|[*+?}]\+"  # possessive quantifiers
    r"|\{,"  # Python's {,n} is plain text to RE2
)


class RegexError(ValueError):
    """The expression cannot be used here; the message says what in it."""


def anchored(pattern: str) -> re.Pattern[str]:
    """``pattern`` compiled, for use with ``fullmatch``. Raises `RegexError`."""
    foreign = _FOREIGN_ESCAPES.match(pattern)
    if foreign:
        raise RegexError(f"error parsing regexp: `{foreign[1]}` is not supported: `{pattern}`")
    if "[[:" in pattern:
        raise RegexError(f"error parsing regexp: `[[:` is not supported: `{pattern}`")
    syntax = _FOREIGN_SYNTAX.search(_CLASS.sub("_", pattern))
    if syntax:
        raise RegexError(f"error parsing regexp: `{syntax[0]}` is not supported: `{pattern}`")
    try:
        with warnings.catch_warnings():
            # Python warns of what it may one day read otherwise, nested sets and the like.
            warnings.simplefilter("error")
            return re.compile(pattern, re.ASCII | re.DOTALL)
    except (re.error, FutureWarning, DeprecationWarning, OverflowError, RecursionError) as error:
        raise RegexError(f"error parsing regexp: {error}: `{pattern}`") from error
