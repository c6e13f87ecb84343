"""docker-compose.yml and the Dockerfiles: what can be seen without an engine. `tests/stack/run` starts them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.pages import named, section

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILES = [ROOT / "Dockerfile", ROOT / "scenarios/workload/Dockerfile"]
OWN = {service["image"] for service in SERVICES.values() if "build" in service}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_no_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert (service.get("user") == "root") == (name in {"docker-socket", "grafana-password"})
    for port in service.get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z]+_PORT:-(\d+)\}:\1", port)


def test_versions_are_pinned() -> None:
    images = {service["image"] for service in SERVICES.values()}
    froms = {m for file in DOCKERFILES for m in re.findall(r"^FROM (\S+)", file.read_text(), re.MULTILINE)}
    stages = {m for file in DOCKERFILES for m in re.findall(r"^FROM \S+ AS (\S+)", file.read_text(), re.MULTILINE)}
    assert all(image == "sentio" or image.startswith("sentio-") for image in OWN)
    for image in (images - OWN) | (froms - stages):
        assert re.search(r":v?\d+\.\d+\.\d+|:bookworm-\d{8}", image), image
    assert {i for i in froms if i.startswith("prom/")} <= images


def test_no_two_services_build_one_tag() -> None:
    """Built at once, all but the first would fail."""
    assert len(OWN) == len([service for service in SERVICES.values() if "build" in service])


def test_a_configuration_is_mounted_as_a_folder() -> None:
    """A file would stay the old one when an editor puts another in its place."""
    for service in SERVICES.values():
        for source in (v.split(":")[0] for v in service["volumes"] if v.startswith("./")):
            assert (ROOT / source).is_dir() or source == "./grafana/password.sh"


def test_grafana_keeps_the_data_source_that_comes_with_it() -> None:
    grafana = SERVICES["grafana"]["environment"]
    assert grafana["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"
    assert grafana["GF_PLUGINS_PREINSTALL_AUTO_UPDATE"] == "false"


def test_what_is_mounted_is_there() -> None:
    mounted = {v.split(":")[0] for service in SERVICES.values() for v in service["volumes"]}
    for source in mounted:
        if source.startswith("./"):
            assert (ROOT / source).exists(), source
    assert {s for s in mounted if re.match(r"\w", s)} == set(COMPOSE["volumes"])


def test_who_is_waited_for_can_tell_that_it_is_ready() -> None:
    for name, service in SERVICES.items():
        for other, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for {other}"
            if wait["condition"] == "service_completed_successfully":
                assert SERVICES[other]["restart"] == "no"


def test_settings_are_documented_with_their_defaults() -> None:
    defaults = dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", TEXT))
    passed = set(SERVICES["alertmanager"]["environment"]) | set(SERVICES["grafana-password"]["environment"])
    rows = named(section((ROOT / "docs/stack.md").read_text("utf-8"), "## Settings"))
    assert set(rows) == set(defaults) | passed
    for name, default in defaults.items():
        assert rows[name][0] == f"`{default}`"


def test_the_file_of_settings_is_never_committed() -> None:
    """It has passwords, and docs/stack.md tells to put it beside docker-compose.yml."""
    assert "/.env" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_engine_of_the_tests_ends_no_process_but_its_own(tmp_path: Path) -> None:
    (tmp_path / "sentio-engine").mkdir()
    with subprocess.Popen(["sleep", "60"]) as other:
        (tmp_path / "sentio-engine/pid").write_text(str(other.pid))  # what a dockerd that has crashed leaves
        done = subprocess.run([ROOT / "tests/stack/engine", "stop"], env={**os.environ, "TMPDIR": str(tmp_path)})
        assert done.returncode == 0
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(1)
        other.kill()


def test_services_are_documented() -> None:
    text = section((ROOT / "docs/stack.md").read_text("utf-8"), "## What runs")
    first = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    assert {name for cell in first for name in re.findall(r"`([a-z-]+)`", cell)} == set(SERVICES)


def test_the_base_load_is_that_of_the_seed() -> None:
    files = {file.stem for file in (ROOT / "scenarios/workload").glob("*.env")}
    loaded = {name for name, service in SERVICES.items() if "env_file" in service}
    assert loaded == files
    for name in loaded:
        assert SERVICES[name]["env_file"] == f"scenarios/workload/{name}.env"
        assert SERVICES[name]["container_name"] == name


def test_prometheus_scrapes_services() -> None:
    jobs = yaml.safe_load((ROOT / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    targets = {t.split(":")[0] for job in jobs for s in job.get("static_configs", []) for t in s["targets"]}
    looked_up = {n for job in jobs for s in job.get("dns_sd_configs", []) for n in s["names"]}
    assert (targets - {"localhost"}) | looked_up <= set(SERVICES)


def test_the_image_has_what_it_needs_and_no_more() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert "*" in ignored
    for source in (s for line in copied for s in line.split()):
        top = source.split("/")[0]
        assert any(line in {f"!{top}", f"!{source}"} for line in ignored), source


@pytest.mark.parametrize("given", ["", "own password"])
def test_grafanas_password_is_never_a_default(given: str, tmp_path: Path) -> None:
    file = tmp_path / "admin-password"
    # As in the container: its root may not write to a file that says no.
    root = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    command = [*root, "sh", str(ROOT / "grafana/password.sh"), str(file)]
    environment = {"PATH": "/usr/bin:/bin", "GRAFANA_ADMIN_PASSWORD": given}
    said = [subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout]
    password = file.read_text()
    assert password == given if given else len(password) == 24
    assert file.stat().st_mode & 0o777 == 0o444
    again = {**environment, "GRAFANA_ADMIN_PASSWORD": "another"}  # which Grafana would not take any more
    said.append(subprocess.run(command, env=again, check=True, capture_output=True, text=True).stdout)
    assert file.read_text() == password
    assert password not in "".join(said)
