"""Where fits run, and which series are this Sentio's: what follows from the machine, not from the file alone."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from .refusals import PIPELINES, SOURCES, loaded, refused

LEAST = SOURCES + PIPELINES
EXPECTED = "a number from 0 up is expected, here or at the end of one of them"
NONE = "without a number such as -0 at its end"


def test_fits_run_in_processes_unless_told_otherwise(tmp_path: Path) -> None:
    for text in ("", "executor: {workers: 4}\n", "executor: {type: processes, workers: 4}\n"):
        executor = loaded(tmp_path, LEAST + text).executor
        assert (executor.type, executor.scheduler) == ("processes", None)
        assert executor.workers == (4 if text else None)


@pytest.mark.parametrize("address", ["tcp://10.0.0.7:8786", "tls://dask-scheduler.jobs.svc:8786", "tcp://[::1]:8786"])
def test_a_cluster_is_named_by_its_scheduler(tmp_path: Path, address: str) -> None:
    executor = loaded(tmp_path, f'{LEAST}executor: {{type: dask, scheduler: "{address}"}}\n').executor
    assert (executor.type, executor.scheduler, executor.workers) == ("dask", address, None)


def test_where_dask_is_not_installed_the_configuration_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)  # what makes an import fail
    assert refused(tmp_path, LEAST + "executor: {type: dask, scheduler: 'tcp://scheduler:8786'}\n") == [
        '5: executor.type: is "dask", and the package distributed is not installed; '
        "pip install 'sentio[dask]' is expected"
    ]


@pytest.mark.parametrize(
    ("environ", "index"),
    [
        ({"POD_NAME": "sentio-2"}, 2),
        ({"HOSTNAME": "sentio-0"}, 0),
        ({"POD_NAME": "my-sentio-10", "HOSTNAME": "sentio-3"}, 10),
        ({"POD_NAME": "", "HOSTNAME": "sentio-3"}, 3),
    ],
)
def test_a_shard_has_its_number_of_the_pods_name(tmp_path: Path, environ: Mapping[str, str], index: int) -> None:
    shard = loaded(tmp_path, LEAST + "shard: {of: 12}\n", environ).shard
    assert shard is not None
    assert (shard.index, shard.of) == (index, 12)


def test_the_files_own_number_wins(tmp_path: Path) -> None:
    shard = loaded(tmp_path, LEAST + "shard: {index: 1, of: 4}\n", {"POD_NAME": "sentio-2"}).shard
    assert shard is not None
    assert shard.index == 1


def test_without_a_shard_there_is_none(tmp_path: Path) -> None:
    assert loaded(tmp_path, LEAST, {"POD_NAME": "sentio-2"}).shard is None


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, f"neither POD_NAME nor HOSTNAME is set; {EXPECTED}"),
        ({"HOSTNAME": "sentio-7c9d8-x2x"}, f'HOSTNAME is "sentio-7c9d8-x2x", {NONE}; {EXPECTED}'),
        ({"POD_NAME": "sentio", "HOSTNAME": "sentio-1"}, f'POD_NAME is "sentio", {NONE}; {EXPECTED}'),
        ({"POD_NAME": "sentio-4"}, "that of POD_NAME is 4; a number below shard.of (4) is expected"),
    ],
)
def test_a_name_that_has_none(tmp_path: Path, environ: Mapping[str, str], said: str) -> None:
    assert refused(tmp_path, LEAST + "shard: {of: 4}\n", environ) == [f"5: shard.index: is missing, and {said}"]


def test_one_mistake_beside_a_name_that_has_none_is_told_too(tmp_path: Path) -> None:
    assert refused(tmp_path, LEAST + "shard: {off: 4}\n", {"POD_NAME": "sentio-0"}) == [
        "5: shard.of: is missing; it has no default and must be given",
        "5: shard.off: unknown key; did you mean of?",
    ]
