"""Equal label sets are one object."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import chain

from sentio.types import SeriesKey

Known = dict[SeriesKey, SeriesKey]


class Interning:
    """Gives equal label sets the same `SeriesKey` object, so that comparing the keys of two ticks is cheap; and knows
    those that it has seen by their bytes, so that the labels of a steady panel are decoded once."""

    def __init__(self) -> None:
        # Replaced as one, never emptied: a read on another thread goes on with what it began with.
        self._memory: tuple[Known, dict[bytes, SeriesKey]] = {}, {}

    def key(self, labels: dict[str, str]) -> SeriesKey:
        """Raises `TypeError` or `ValueError` where names and values are not all text that can be published."""
        return _interned(labels, self._memory[0])

    def keys(self, texts: Iterable[bytes]) -> list[SeriesKey]:
        """Of label sets in JSON; equal ones of one call are always the same object.

        Raises what `json.loads` and `key` do, and `AttributeError` where one is no object.
        """
        known, seen = self._memory
        found = []
        for text in texts:
            key = seen.get(text)
            if key is None:
                # Decoded here: of a part, json would guess the encoding anew.
                key = seen[text] = _interned(json.loads(text.decode("utf-8", "surrogatepass")), known)
            found.append(key)
        return found

    def forget_beyond(self, count: int) -> None:
        """Bound what is remembered where label values keep changing."""
        known, seen = self._memory
        if max(len(known), len(seen)) > count:
            self._memory = {}, {}


def _interned(labels: dict[str, str], among: Known) -> SeriesKey:
    key = SeriesKey.of(labels)
    known = among.get(key)
    if known is None:
        "".join((key.name, *chain.from_iterable(key.labels))).encode()
        if not all(name for name, _ in key.labels):
            raise ValueError("a label has no name")
        known = among.setdefault(key, key)
    return known
