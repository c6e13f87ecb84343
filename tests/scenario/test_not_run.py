"""What cannot be run says why, and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers import LOOPBACK

from .support import Place, programs, sentio

LOCALLY = ("--local", "--web.listen-address", f"{LOOPBACK}:0")
SHELL = ("sh", "dirname", "basename", "cat", "sed")


@pytest.mark.parametrize(
    ("arguments", "problems"),
    [
        (
            ("brust", *LOCALLY),
            [
                "brust: is no scenario of scenarios; burst, daily-cycle, disk-saturation, leak, noisy-neighbour, "
                "outage, ramp, silent-container or steady is expected (did you mean burst?)"
            ],
        ),
        (
            ("burst", "--dir", "none"),
            ["none: has no *.yaml; a folder of scenarios is expected, named by --dir"],
        ),
        (
            ("outage", *LOCALLY),
            ["scenarios/outage.yaml: phase outage idles a container; a run without --local is expected"],
        ),
        (
            ("silent-container", *LOCALLY),
            ["scenarios/silent-container.yaml: phase silence stops a container; a run without --local is expected"],
        ),
        (
            ("burst", "--duration", "25h", "--container", "a b", "--web.listen-address", "here"),
            [
                "--duration: is 1d1h; 1s to 1d is expected",
                '--container: is "a b"; a container\'s name (letters, digits and _ . -) is expected',
                '--web.listen-address: is "here"; host:port such as 0.0.0.0:8000 is expected',
            ],
        ),
        (
            ("long", *LOCALLY),
            [
                "scenarios/long.yaml: lasts 2h; at most 1h is expected, or --duration with the length that it may have",
                "scenarios/long.yaml: phase p loads a second container, d; a run without --local is expected",
            ],
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_refused(here: Place, arguments: tuple[str, ...], problems: list[str]) -> None:
    if arguments[0] == "long":
        text = "description: d\ncontainer: c\nphases: [{name: p, for: 2h, load: {container: d, cpu: 5}}]\n"
        here.write("long", text)
    done = here.run(*sentio("run", *arguments))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == problems


def test_a_duration_without_a_unit(here: Place) -> None:
    done = here.run(*sentio("run", "burst", "--duration", "5"))
    assert done.returncode == 2
    assert 'argument --duration: is "5"; a duration such as 15s, 5m or 14d is expected' in done.stderr


@pytest.mark.parametrize(
    ("address", "reason"),
    [("unix:///nonexistent", "No such file or directory"), ("tcp://127.0.0.1:1", "Connection refused")],
)
def test_no_docker(here: Place, address: str, reason: str) -> None:
    done = here.run(*sentio("run", "burst", "--web.listen-address", f"{LOOPBACK}:0"), DOCKER_HOST=address)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"sentio: docker: {address} cannot be reached ({reason}); a Docker Engine that runs and that you may use is "
        "expected, at DOCKER_HOST or that socket; --local puts the load on this machine instead\n"
    )


def test_no_programs(here: Place, tmp_path: Path) -> None:
    path = programs(tmp_path / "bin", *SHELL)
    done = here.run(*sentio("run", "burst", *LOCALLY), PATH=path)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr == "sentio: stress-ng and fio: not on PATH; install it, on Debian: apt-get install stress-ng fio\n"
    )
    done = here.run("./run_io.sh", "--local", PATH=path)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr == "run_io.sh: not on PATH: stress-ng fio; install it, on Debian: apt-get install stress-ng fio\n"
    )
    here.nothing_is_left()


def test_no_compose(here: Place, tmp_path: Path) -> None:
    done = here.run("./run_io.sh", PATH=programs(tmp_path / "bin", *SHELL))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "run_io.sh: neither docker compose nor docker-compose is here; one of them is expected, or --local\n"
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--fast",), "--fast: is no option; ./run_io.sh --help lists them"),
        (("burst", "leak"), "leak: is a second scenario; one is expected"),
        (("--duration",), "--duration: has no value; one is expected"),
        (("--duration=",), "--duration: has no value; one is expected"),
        (("--container", ""), "--container: has no value; one is expected"),
        (("bust", "--local"), "bust: is no scenario; ./run_io.sh --help lists them"),
    ],
)
def test_run_io_refuses(here: Place, arguments: tuple[str, ...], problem: str) -> None:
    done = here.run("./run_io.sh", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"run_io.sh: {problem}\n")


def test_run_io_installs_nothing_for_a_scenario_that_there_is_not(here: Place) -> None:
    (here.folder / ".venv").unlink()
    done = here.run("./run_io.sh", "bust", "--local")
    assert done.stderr == "run_io.sh: bust: is no scenario; ./run_io.sh --help lists them\n"
    assert done.returncode == 2


def test_run_io_help(here: Place) -> None:
    done = here.run("./run_io.sh", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    listed = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ") and "--" not in line]
    assert listed == sorted(path.stem for path in (here.folder / "scenarios").glob("*.yaml"))
