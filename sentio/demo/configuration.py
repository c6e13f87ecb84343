"""The configuration that the demo runs Sentio with, and what it tells whoever started it."""

from __future__ import annotations

from pathlib import Path

from sentio.demo.run import Demo


def configuration(prometheus: str, listen: str, store: Path) -> str:
    """A `sentio.yml` like anybody's, for the Prometheus API at ``prometheus``."""
    return f"""\
sources:
  demo: {{type: prometheus, url: {prometheus}}}
defaults:
  source: demo
pipelines:
  cpu:
    query: docker_container_cpu_usage_percent
  memory:
    query: docker_container_mem_usage
server: {{listen: "{listen}"}}
store: {{path: {store}}}
"""


def greeting(url: str, demo: Demo) -> str:
    """Where to look, once everything runs."""
    return f"""
Sentio is watching six simulated containers. The first bands stand in half a minute, the first anomaly
comes a minute or so after the start, and then one every few minutes.

  {url}           what is expected of each series, and what came
  {url}/metrics   the same for Prometheus
  {demo.exporter_url}  the containers, and the truth: sentio_demo_fault_active
  {demo.url}/api/v1/query?query=sentio_demo_fault_active
                                   the Prometheus API that Sentio reads

Ctrl-C ends it.
"""
