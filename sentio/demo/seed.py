"""Two weeks of history for the containers of the stack, so that bands stand in its first minute.

A container's ordinary behaviour is a file ``<container_name>.env``, which the container itself reads, too: what is
seeded here is what it then does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np

from sentio.demo.blocks import create_blocks
from sentio.demo.history import LENGTH, STEP
from sentio.demo.noise import gaussian
from sentio.demo.series import Series
from sentio.errors import SentioError
from sentio.types import SECOND, Floats, Ints, SeriesKey, Window

MARK = {"seeded": "true"}
"""The label that tells history which was made from what was measured."""

_HOUR = 3600.0 * SECOND
_DAY_H = 24.0
_MIB = float(2**20)
_KIB = 1024.0
_LINE = re.compile(r"([A-Z_]+)=(.*)")

# How much it varies, from what was measured in idle containers. Docker counts a program's own files as memory with one
# version of control groups and not with the other, which is some 7 MiB here: the history lies between, wide enough for
# that, and for what load on the CPU or the disk takes beside.
_CPU_SIGMA, _CPU_SIGMA_SHARE = 1.0, 0.06
_MEMORY_FILES_MIB, _MEMORY_SIGMA_MIB, _MEMORY_SIGMA_SHARE = 3.5, 5.0, 0.02
_DISK_SIGMA_SHARE = 0.08


class SeedError(SentioError):
    """The base load of a container could not be read."""


@dataclass(frozen=True)
class BaseLoad:
    """What a container does when nothing is the matter: percent of one core, its daily swing and the hour (UTC) of its
    peak; MiB held; KiB written a second."""

    CPU_PERCENT: float
    CPU_DAILY_PERCENT: float
    CPU_PEAK_HOUR: float
    MEMORY_MIB: float
    DISK_KIB: float

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises `SeedError`, with file and line."""
        names = [field.name for field in fields(cls)]
        found: dict[str, float] = {}
        try:
            lines = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SeedError(f"{path}: cannot be read ({error}); lines NAME=NUMBER are expected") from error
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            match = _LINE.fullmatch(line)
            if match is None or match[1] not in names:
                raise SeedError(
                    f"{path}:{number}: is {line!r}; NAME=NUMBER, with one of {', '.join(names)}, is expected"
                )
            found[match[1]] = _number(f"{path}:{number}: {match[1]}", match[2])
        missing = [name for name in names if name not in found]
        if missing:
            raise SeedError(f"{path}: has no {', '.join(missing)}; each with a number is expected")
        return cls(**found)

    def cpu(self, times: Ints) -> Floats:
        """Percent of one core at ``times [n]``: ``[n]``."""
        hour = times / _HOUR
        swing: Floats = np.cos(2.0 * np.pi * (hour - self.CPU_PEAK_HOUR) / _DAY_H)
        return self.CPU_PERCENT + self.CPU_DAILY_PERCENT * swing


def _number(where: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not 0.0 <= value < np.inf:
        raise SeedError(f"{where}: is {text!r}; a number from 0 is expected")
    return value


def base_loads(folder: Path) -> dict[str, BaseLoad]:
    """By container name. Raises `SeedError`."""
    files = sorted(folder.glob("*.env"))
    if not files:
        raise SeedError(f"{folder}: has no file *.env; one for each container is expected")
    return {file.stem: BaseLoad.read(file) for file in files}


def has_history(data: Path) -> bool:
    """Whether the Prometheus with the folder ``data`` has samples."""
    return (data / "wal").exists() or any(data.glob("*/meta.json"))


def seed(data: Path, loads: dict[str, BaseLoad], end: int) -> None:
    """Adds two weeks up to ``end`` (ns) to the folder ``data`` of a Prometheus that does not run. Raises
    `sentio.demo.blocks.PrometheusError`."""
    create_blocks(_history(loads, end), data)


def _history(loads: dict[str, BaseLoad], end: int) -> Sequence[Series]:
    times = Window.ending(end, LENGTH, STEP).times()
    noise = gaussian(0, 3 * len(loads), times // STEP)
    found = []
    for i, (container, load) in enumerate(loads.items()):
        cpu_noise, memory_noise, disk_noise = noise[3 * i : 3 * i + 3]
        cpu = load.cpu(times)
        memory = load.MEMORY_MIB - _MEMORY_FILES_MIB
        memory_sigma = _MEMORY_SIGMA_MIB + _MEMORY_SIGMA_SHARE * memory
        written = load.DISK_KIB * _KIB * (STEP / SECOND)
        rows = [
            ("docker_container_cpu_usage_percent", {"cpu": "cpu-total"},
             np.maximum(cpu + (_CPU_SIGMA + _CPU_SIGMA_SHARE * cpu) * cpu_noise, 0.0)),
            ("docker_container_mem_usage", {},
             np.round(np.maximum(memory + memory_sigma * memory_noise, 0.0) * _MIB)),
            ("docker_container_blkio_io_service_bytes_recursive_write", {"device": "total"},
             np.cumsum(np.round(written * np.maximum(1.0 + _DISK_SIGMA_SHARE * disk_noise, 0.0)))),
        ]  # fmt: skip
        for name, labels, values in rows:
            own = {"__name__": name, "container_name": container, "job": "telegraf", **labels}
            found.append(Series(SeriesKey.of({**own, **MARK}), times, values))
    return found
