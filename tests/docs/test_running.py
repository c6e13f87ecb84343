"""How Sentio is kept running, as docs/operations.md tells it: the unit for systemd, and the container."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sentio.cli import main
from tests.docs import checks
from tests.docs.pages import ROOT, all_pages, blocks, section

UNIT = (ROOT / "examples/sentio.service").read_text("utf-8")
OPERATIONS = all_pages()["docs/operations.md"]
RUNNING = section(OPERATIONS, "## Running it for good")
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


def setting(name: str) -> str:
    return re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)[-1]


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not on PATH; on Debian: apt-get install systemd")
    program = setting("ExecStart").split()[0]
    file = tmp_path / "sentio.service"
    file.write_text(UNIT.replace(program, sys.executable), "utf-8")  # that it is there is looked at, too
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_unit_starts_what_the_page_installs() -> None:
    program, command, *flags = setting("ExecStart").split()
    assert checks.commands()[command].parse_args(flags)
    assert f"{program} check {flags[0].partition('=')[2]}\n" in RUNNING
    assert setting("WorkingDirectory") == f"/var/lib/{setting('StateDirectory')}"
    assert UNIT.count(f"/var/cache/{setting('CacheDirectory')}") == 1


def test_the_unit_leaves_a_refused_configuration_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sentio.yml"
    file.write_text("sources: {}\n", "utf-8")
    assert main(["serve", f"--config.file={file}"]) == int(setting("RestartPreventExitStatus"))
    assert "sources" in capsys.readouterr().err


def test_the_container_has_what_it_keeps_and_reads_where_the_image_looks() -> None:
    folders = set(re.findall(r"-v \S+?:(/[\w/]+)", RUNNING))
    (kept,) = re.findall(r"^VOLUME (\S+)$", DOCKERFILE, re.MULTILINE)
    (read,) = re.findall(r'^CMD \["serve", "--config.file=(\S+)"\]$', DOCKERFILE, re.MULTILINE)
    assert folders == {kept, str(Path(read).parent)}
    assert "--extra apprise " in (ROOT / "Makefile").read_text("utf-8")


def test_a_backup_has_both_files() -> None:
    told = section(OPERATIONS, "## Upgrade, backup, removal")
    assert "`data/sentio.db` and `data/sentio.db-alerts`" in told
    assert any("examples/sentio.service" in block for _, block in blocks(RUNNING))
