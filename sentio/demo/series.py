"""The samples of one series, as they are loaded into a store."""

from __future__ import annotations

from dataclasses import dataclass

from sentio.types import Floats, Ints, SeriesKey


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """``times [n]`` (ns, strictly increasing) and ``values [n]``. Unlike in a `Panel`, NaN is a sample."""

    key: SeriesKey
    times: Ints
    values: Floats

    def __post_init__(self) -> None:
        if self.times.shape != self.values.shape or self.times.ndim != 1:
            raise ValueError(
                f"series {self.key}: times have the shape {self.times.shape} and values "
                f"{self.values.shape}; both are to be [n]"
            )


def under_target(key: SeriesKey, target: dict[str, str]) -> SeriesKey:
    """``key`` as Prometheus stores it when it scrapes it from ``target`` (its ``job`` and ``instance``): the
    target's labels win, the series' own of the same name become ``exported_<label>``."""
    own = {f"exported_{name}" if name in target else name: value for name, value in key.labels}
    return SeriesKey.of({"__name__": key.name, **own, **target})
