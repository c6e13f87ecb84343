"""Episodes of many series at once are those that one finds sample by sample, however the rows are cut."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from sentio.detection import found as module
from sentio.detection.found import Found
from sentio.detection.run import Scored
from sentio.tables.lay import key_of
from sentio.tables.reader import Rows

SENSORS = ("cpu", "memory")
TABLE = SimpleNamespace(name="t", sensors=SENSORS, by=("host",))
HOSTS, TIMES = 7, 300


def rows_of(seed: int, hosts: int = HOSTS) -> tuple[np.ndarray, ...]:
    """Times, hosts, and of each sensor values, flags and scores, with samples and judgements missing."""
    rng = np.random.default_rng(seed)
    at = np.repeat(np.arange(TIMES, dtype=np.int64), hosts)
    who = np.tile(np.arange(hosts), TIMES)
    there = rng.random(len(at)) < 0.7
    at, who = at[there], who[there]
    values = rng.normal(size=(2, len(at)))
    values[rng.random(values.shape) < 0.2] = np.nan
    flag = (rng.random(values.shape) < 0.15).astype(float)
    flag[rng.random(values.shape) < 0.1] = np.nan
    standard = np.where(flag == 1, 1 + rng.integers(1, 6, values.shape), 0.5)
    return at, who, values, flag, standard


def cut(data: tuple[np.ndarray, ...], pieces: int) -> list[Scored]:
    at, who, values, flag, standard = data
    found = []
    for part in np.array_split(np.arange(len(at)), pieces):
        # Groups in the order in which they are there, as the reader has them.
        names, first, group = np.unique(who[part], return_index=True, return_inverse=True)
        order = np.argsort(first)
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        groups = tuple((f"h{names[i]}",) for i in order)
        rows = Rows(1, at[part], values[:, part], groups, place[group])
        found.append(Scored(rows, standard[:, part], standard[:, part], flag[:, part], {}))
    return found


def one_by_one(data: tuple[np.ndarray, ...], host: int, sensor: int) -> tuple[tuple[int, ...], list[tuple]]:
    """Counts and episodes of one series, sample by sample."""
    at, who, values, flag, standard = data
    own = np.flatnonzero((who == host) & np.isfinite(values[sensor]))
    episodes: list[list] = []
    before = None
    for i, row in enumerate(own.tolist()):
        if flag[sensor, row] != 1:
            continue
        if before is None or i - before > 3:
            episodes.append([at[row], at[row], 0, -np.inf, 0, 0.0])
        one, before = episodes[-1], i
        one[1], one[2] = at[row], one[2] + 1
        if standard[sensor, row] > one[3]:
            one[3:] = standard[sensor, row], at[row], values[sensor, row]
    counts = len(own), np.isfinite(flag[sensor, own]).sum(), (flag[sensor, own] == 1).sum(), len(episodes)
    return tuple(map(int, counts)), [tuple(map(float, one)) for one in episodes]


@pytest.mark.parametrize("pieces", [1, 2, 13, 400])
@pytest.mark.parametrize("seed", [1, 2])
def test_as_one_finds_them_sample_by_sample(seed: int, pieces: int) -> None:
    data, found = rows_of(seed), Found(TABLE)
    for scored in cut(data, pieces):
        found.add(scored)
    episodes = found.end()
    assert len(found.series) == 2 * HOSTS
    assert [e.start for e in episodes] == sorted(e.start for e in episodes)
    for host in range(HOSTS):
        for j, sensor in enumerate(SENSORS):
            key = key_of("t", sensor, ("host",), (f"h{host}",))
            counts, expected = one_by_one(data, host, j)
            one = found.series[key]
            assert (one.samples, one.judged, one.flagged, one.episodes) == counts
            own = [e for e in episodes if e.key == key]
            seen = [(e.start, e.end, e.samples, e.peak, e.peak_at, e.value) for e in own]
            assert seen == expected
    assert found.rows == len(data[0])
    assert found.episodes == len(episodes) > 100


@pytest.mark.parametrize("pieces", [1, 13])
def test_of_many_the_worst_are_kept(pieces: int, monkeypatch: pytest.MonkeyPatch) -> None:
    everything, some = Found(TABLE), Found(TABLE)
    for scored in cut(rows_of(1), pieces):
        everything.add(scored)
    peaks = sorted((e.peak for e in everything.end()), reverse=True)
    monkeypatch.setattr(module, "_KEPT", 20)
    for scored in cut(rows_of(1), pieces):
        some.add(scored)
    assert sorted((e.peak for e in some.end()), reverse=True) == peaks[:20]
    assert some.episodes == len(peaks)


def test_rows_without_a_sample() -> None:
    found = Found(TABLE)
    rows = Rows(1, np.arange(2), np.full((2, 2), np.nan), (("h0",),), np.zeros(2, np.int64))
    nothing = np.full((2, 2), np.nan)
    found.add(Scored(rows, nothing, nothing, nothing, {}))
    assert found.end() == []
    assert [(one.samples, one.flagged) for one in found.series.values()] == [(0, 0), (0, 0)]
