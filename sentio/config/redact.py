"""Takes secrets out of text that is about to be shown."""

from __future__ import annotations

from collections.abc import Iterable

SHORTEST = 4
"""Characters of the shortest secret that is looked for: shorter ones would blot out ordinary words."""

_INSTEAD = "<redacted>"


def redact(text: str, secrets: Iterable[str]) -> str:
    """``text`` with each of ``secrets`` blotted out; those below `SHORTEST` characters are passed over."""
    # The longest first, lest a secret that is part of another leave the rest of that one standing.
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST:
            text = text.replace(secret, _INSTEAD)
    return text
