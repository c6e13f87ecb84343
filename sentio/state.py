"""What a detector knows of its series, as plain arrays, and states put together."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from sentio.types import Array, Ints, Keys, SeriesKey, positions, union


class SeriesStatus(enum.IntEnum):
    """How far Sentio is with one series; kept in a state as its ``status`` array."""

    LEARNING = 0
    """Too few samples for a model yet."""
    READY = 1
    CONSTANT = 2
    """It never changed while it was learned: expected to stay as it is, within a minimum band."""
    FAILED = 3
    """It could not be fitted; the reason is in the state's ``detail``."""

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What one detector knows about its series: named arrays whose first axis is the series.

    Five arrays are always there: ``status`` (`SeriesStatus`, int8), ``first_at`` and ``fitted_at`` (int64 ns: when
    the history that was learned began and ended), ``samples`` (int64, how many it had) and ``detail`` (text: why it
    could not be learned, else empty). The others are the detector's own.
    """

    keys: Keys
    arrays: Mapping[str, Array] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        for name, array in self.arrays.items():
            if len(array) != len(self.keys):
                raise ValueError(f"state: array {name} has {len(array)} rows; {len(self.keys)} are expected")
            if array.dtype == object:
                raise ValueError(f"state: array {name} holds objects; a state is plain numbers and text")

    def __getitem__(self, name: str) -> Array:
        return self.arrays[name]

    def select(self, index: Ints) -> State:
        """The series at ``index``."""
        return State(tuple(self.keys[i] for i in index.tolist()), {name: a[index] for name, a in self.arrays.items()})

    def onto(self, blank: State) -> State:
        """``blank`` with what is known of its series in place of its own; both hold the same arrays."""
        if self.keys == blank.keys:
            return State(blank.keys, self.arrays)
        if not self.keys:
            return blank
        at = positions(blank.keys, self.keys)
        known = at >= 0
        arrays = {name: a.copy() for name, a in blank.arrays.items()}
        for name, array in arrays.items():
            arrays[name], own = _as_wide(array, self.arrays[name])
            arrays[name][known] = own[at[known]]
        return State(blank.keys, arrays)

    def merge(self, newer: State) -> State:
        """This state with ``newer``'s series put in place of, or after, its own."""
        return merged([self, newer])

    def to_arrays(self) -> dict[str, Array]:
        """Plain arrays, names of the series among them; `from_arrays` reads them back."""
        return {
            **{name: a for name, a in self.arrays.items() if a.dtype.kind != "U"},
            **{f"@text {name}": _packed(a.tolist()) for name, a in self.arrays.items() if a.dtype.kind == "U"},
            "@name": _packed([k.name for k in self.keys]),
            "@count": np.array([len(k.labels) for k in self.keys], dtype=np.int64),
            "@labels": _packed([x for k in self.keys for pair in k.labels for x in pair]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> State:
        texts = iter(_unpacked(arrays["@labels"]))
        keys = tuple(
            SeriesKey(name, tuple((next(texts), next(texts)) for _ in range(count)))
            for name, count in zip(_unpacked(arrays["@name"]), arrays["@count"].tolist(), strict=True)
        )
        plain = {name: a for name, a in arrays.items() if not name.startswith(("@text ", "@name", "@count", "@labels"))}
        text = {
            name.removeprefix("@text "): np.array(_unpacked(a), dtype=np.str_)
            for name, a in arrays.items()
            if name.startswith("@text ")
        }
        return cls(keys, plain | text)


def merged(parts: list[State]) -> State:
    """States of one detector as one: the first of ``parts`` with the series of the others put in place of, or after,
    its own. No two of the others have the same series.

    Nothing is left in ``parts``: one array after another is let go, so that of what nobody else holds no more than one
    is there twice. Raises `ValueError` where they hold different arrays.
    """
    held = [part for part in parts if part.keys] or [*parts[-1:], State(())][:1]
    parts.clear()
    if len(held) == 1:
        return held[0]
    names = tuple(held[0].arrays)
    if any(part.arrays.keys() != held[0].arrays.keys() for part in held):
        raise ValueError("state: they hold different arrays; states of one detector are expected")
    newer = held[1].keys if len(held) == 2 else tuple(key for part in held[1:] for key in part.keys)
    keys = union(held[0].keys, newer)
    ends = np.cumsum([len(part.keys) for part in held[1:]])
    places: list[slice | Ints] = [slice(len(held[0].keys)), *np.split(positions(newer, keys), ends[:-1])]
    rest = [dict(part.arrays) for part in held]
    held.clear()
    return State(keys, {name: _put([arrays.pop(name) for arrays in rest], places, len(keys)) for name in names})


def _put(arrays: list[Array], places: Sequence[slice | Ints], rows: int) -> Array:
    """``arrays`` as one with so many ``rows``, each at its place."""
    wide = _as_wide(*arrays)
    whole = np.zeros((rows, *wide[0].shape[1:]), reduce(np.promote_types, {array.dtype for array in wide}))
    for place, array in zip(places, wide, strict=True):
        whole[place] = array
    return whole


def _as_wide(*arrays: Array) -> list[Array]:
    """``arrays`` with a second axis that is as long as the longest: what a series keeps of its samples may grow, and
    zeros behind it are no samples."""
    if arrays[0].ndim < 2:
        return list(arrays)
    most = max(array.shape[1] for array in arrays)
    rest = [(0, 0)] * (arrays[0].ndim - 2)
    return [
        array if array.shape[1] == most else np.pad(array, [(0, 0), (0, most - array.shape[1]), *rest])
        for array in arrays
    ]


def _packed(texts: list[str]) -> npt.NDArray[np.uint8]:
    """Texts as bytes, each after its length: in an array of NumPy's own texts the longest decides the room of all,
    and trailing NULs are lost."""
    parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    lengths = np.array([len(texts), *map(len, parts)], dtype="<i8").tobytes()
    return np.frombuffer(lengths + b"".join(parts), dtype=np.uint8)


def _unpacked(packed: Array) -> list[str]:
    data = packed.tobytes()
    count = int(np.frombuffer(data, "<i8", 1)[0])
    lengths = np.frombuffer(data, "<i8", count, 8)
    ends = 8 + 8 * count + np.cumsum(lengths)
    return [
        data[e - n : e].decode("utf-8", "surrogatepass") for e, n in zip(ends.tolist(), lengths.tolist(), strict=True)
    ]
