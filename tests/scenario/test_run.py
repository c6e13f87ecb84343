"""Scenarios on this machine: real load, the truth over HTTP, and nothing left of either."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest
import requests

from tests.servers import LOOPBACK, Page, free_port, until

from .support import END_S, Place, Process, need_load, sentio

METRIC = "sentio_scenario_active"


def truth(port: int) -> list[dict[str, str]]:
    """The labels of every series of the page; none where nobody listens."""
    try:
        page = Page(f"http://{LOOPBACK}:{port}")
    except requests.ConnectionError:
        return []
    assert {name for name, _ in page.samples} <= {METRIC}
    assert set(page.samples.values()) <= {1.0}
    return sorted((dict(labels) for _, labels in page.samples), key=str)


SHORT = """
description: The phases of burst, each long enough to be looked at.
container: workload
phases:
  - {name: calm, for: 5s}
  - {name: burst, for: 6s, load: {cpu: 150}, expect: [{query: cpu, is: above}]}
  - {name: after, for: 4s}
"""


def test_the_truth_while_it_runs_and_none_after(here: Place) -> None:
    need_load()
    here.write("short", SHORT)
    port = free_port()
    process = here.start(*sentio("run", "short", "--local", "--web.listen-address", f"{LOOPBACK}:{port}"))
    calm = until(lambda: truth(port), END_S, "a truth")
    run = calm[0].pop("run")
    always = {"scenario": "short", "container_name": "local"}
    assert calm == [{**always, "phase": "calm", "expect": "normal"}]
    assert not here.loads("stress-ng")
    until(lambda: [one["phase"] for one in truth(port)] == ["burst"], END_S, "the burst")
    assert truth(port) == [{**always, "phase": "burst", "expect": "above", "query": "cpu", "run": run}]
    until(lambda: here.loads("stress-ng-cpu"), END_S, "its load")
    (parent,) = (one.line for one in here.loads("stress-ng") if "--cpu" in one.line)
    assert parent[parent.index("--cpu") :][:4] == ["--cpu", "2", "--cpu-load", "75"]
    until(lambda: [one["phase"] for one in truth(port)] == ["after"], END_S, "the phase after it")
    assert not here.loads("stress-ng")
    out, err = process.communicate(timeout=END_S)
    assert (process.returncode, err) == (0, "")
    assert not truth(port)
    here.nothing_is_left()
    said = [line for line in out.splitlines() if line.startswith("  ")][-3:]
    assert [line.split("  ")[-1] for line in said] == ["nothing", "cpu of local above its band", "nothing"]


def test_all_kinds_of_load(here: Place) -> None:
    need_load()
    here.write(
        "all",
        "description: d\ncontainer: c\nphases:\n"
        "  - {name: p, for: 1m, load: {cpu: 5, memory: 40MiB, disk: 1MiB}}\n  - {name: q, for: 1s}\n",
    )
    process = here.start(*sentio("run", "all", "--local", "--web.listen-address", f"{LOOPBACK}:0"))
    until(lambda: here.loads("fio"), END_S, "a fio")
    until(lambda: list(here.temporary.rglob("data")), END_S, "its file")
    (fio,) = here.loads("fio")
    until(lambda: number(fio, "io", "write_bytes") > 2**20, END_S, "a MiB written")
    until(lambda: max(number(one, "status", "VmRSS") for one in here.processes()) > 40 * 1024, END_S, "40 MiB held")
    process.send_signal(signal.SIGTERM)
    assert process.wait(END_S) == 143
    here.nothing_is_left()


def number(process: Process, file: str, name: str) -> int:
    """From a file of the process in /proc; 0 when it has ended, or has none."""
    try:
        text = Path(f"/proc/{process.pid}/{file}").read_text("utf-8")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name}:")), 0)


RUN_IO = ("./run_io.sh", "--local", "burst", "--duration")


def test_run_io_ends_by_itself(here: Place) -> None:
    need_load()
    process = here.start(*RUN_IO, "6s")
    until(lambda: here.loads("stress-ng-cpu"), END_S, "load")
    out, err = process.communicate(timeout=END_S)
    assert (process.returncode, err) == (0, "")
    assert "done after 6s" in out
    here.nothing_is_left()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_run_io_ends_half_way(here: Place, number: signal.Signals, code: int) -> None:
    need_load()
    process = here.start(*RUN_IO, "30s")
    until(lambda: here.loads("stress-ng-cpu"), END_S, "load")
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=END_S)
    assert (process.returncode, err) == (code, "")
    assert "ended before its time" in out
    here.nothing_is_left()


def test_a_load_that_goes_by_itself_ends_the_run(here: Place) -> None:
    need_load()
    process = here.start(
        *sentio("run", "burst", "--local", "--web.listen-address", f"{LOOPBACK}:0", "--duration", "40s")
    )
    until(lambda: here.loads("stress-ng-cpu"), END_S, "load")
    (script,) = here.loads("sh")
    os.kill(script.pid, signal.SIGHUP)
    _, err = process.communicate(timeout=END_S)
    assert process.returncode == 1
    assert err == (
        "sentio: phase1-0-0: the load has ended by itself with exit code 129; "
        "it is expected to last as long as its phase\n"
    )
    here.nothing_is_left()


def test_a_port_that_is_taken(here: Place) -> None:
    need_load()
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        done = here.run(*sentio("run", "burst", "--local", "--web.listen-address", f"{LOOPBACK}:{port}"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"sentio: server scenario: cannot listen on {LOOPBACK}:{port}: Address already in use; "
        "name a free port and an address of this machine\n"
    )
    here.nothing_is_left()
