"""The files name only inputs and options that Telegraf 1.37 has."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "telegraf"
FILES = [FOLDER / "telegraf.conf", FOLDER / "docker.conf"]

EVERY_PLUGIN = {"tagexclude", "fieldexclude"}
OPTIONS = {
    "agent": {
        "interval", "round_interval", "flush_interval", "metric_batch_size", "metric_buffer_limit", "hostname",
        "omit_hostname", "skip_processors_after_aggregators",
    },
    "outputs.prometheus_client": {"listen", "metric_version", "path", "expiration_interval", "collectors_exclude"},
    "inputs.docker": {
        "endpoint", "gather_services", "timeout", "source_tag", "perdevice_include", "total_include",
        "docker_label_exclude",
    },
    "inputs.cpu": {"percpu", "totalcpu", "collect_cpu_time", "report_active"},
    "inputs.mem": set(),
    "inputs.disk": {"ignore_fs"},
    "inputs.diskio": set(),
    "inputs.net": set(),
}  # fmt: skip
"""As the sample configurations of Telegraf's plugins list them."""


def read() -> dict[str, Any]:
    """Both files, as Telegraf puts them together."""
    written, more = (tomllib.loads(file.read_text("utf-8")) for file in FILES)
    return {**written, "inputs": {**written["inputs"], **more["inputs"]}}


def test_only_inputs_and_options_that_exist() -> None:
    written = read()
    found = {"agent": set(written.pop("agent"))}
    for kind, plugins in written.items():
        for name, instances in plugins.items():
            (instance,) = instances
            found[f"{kind}.{name}"] = set(instance) - EVERY_PLUGIN
    assert set(found) == set(OPTIONS)
    for section, options in found.items():
        assert options <= OPTIONS[section], section


def test_it_is_scraped_where_it_listens() -> None:
    (output,) = read()["outputs"]["prometheus_client"]
    assert output["listen"] == ":9273"
    assert '"telegraf:9273"' in (FOLDER.parent / "prometheus/prometheus.yml").read_text("utf-8")
