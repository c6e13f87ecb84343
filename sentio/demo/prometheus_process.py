"""A real Prometheus for the demo, from the programs on PATH, with the history loaded by promtool."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import requests
import yaml

from sentio.demo.blocks import PrometheusError, create_blocks, program
from sentio.demo.series import Series

_LOOPBACK = "127.0.0.1"
_READY_S = 30.0
_END_S = 10.0
_RETENTION = "30d"
"""Beyond the two weeks that are loaded, so that none of them is dropped while the demo runs."""


class PrometheusProcess:
    """One Prometheus on a free port of the loopback, its files in ``folder``.

    Every ``interval`` seconds it scrapes ``exporter`` as job ``demo`` and, where given, ``sentio`` as job
    ``sentio``; both are ``host:port``. Raises `PrometheusError` when a program is missing.
    """

    def __init__(self, folder: Path, exporter: str, sentio: str | None, interval: float) -> None:
        self._prometheus = program("prometheus")
        program("promtool")
        self._folder = folder
        self._config = _config(exporter, sentio, interval)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def load(self, history: Iterable[Series]) -> None:
        """Before `start`: makes blocks of ``history``. Raises `PrometheusError`."""
        create_blocks(history, self._data)

    def start(self) -> None:
        """Returns once Prometheus is ready; `url` is then where its API is. Raises `PrometheusError`."""
        config = self._folder / "prometheus.yml"
        config.write_text(yaml.safe_dump(self._config), encoding="utf-8")
        address = f"{_LOOPBACK}:{_free_port()}"
        command = [
            self._prometheus,
            f"--config.file={config}",
            f"--storage.tsdb.path={self._data}",
            f"--storage.tsdb.retention.time={_RETENTION}",
            f"--web.listen-address={address}",
            "--log.level=warn",
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)  # noqa: S603 -- as above
        self.url = f"http://{address}"
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends it, with force when it takes too long; nothing to do when it is not running."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _log(self) -> Path:
        return self._folder / "prometheus.log"

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise PrometheusError(
                    f"prometheus: ended at once with exit code {process.returncode}: {self._last_words()}"
                )
            if _answers(f"{self.url}/-/ready"):
                return
            time.sleep(0.05)
        raise PrometheusError(
            f"prometheus: not ready after {_READY_S:g} s: {self._last_words()}; it is expected within a few"
        )

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return " / ".join(lines[-3:]) or "it logged nothing"


def _free_port() -> int:
    with socket.create_server((_LOOPBACK, 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def _answers(url: str) -> bool:
    with requests.Session() as session:
        session.trust_env = False  # no proxy of the environment leads to this machine's loopback
        try:
            return session.get(url, timeout=1.0).ok
        except requests.RequestException:
            return False  # not listening yet; the caller asks again


def _config(exporter: str, sentio: str | None, interval: float) -> dict[str, object]:
    every = f"{round(interval * 1000)}ms"
    jobs: list[dict[str, object]] = [{"job_name": "demo", "static_configs": [{"targets": [exporter]}]}]
    if sentio is not None:
        # Sentio repeats the labels of the series it judges; they must win over those of its own scrape.
        jobs.append({"job_name": "sentio", "honor_labels": True, "static_configs": [{"targets": [sentio]}]})
    return {"global": {"scrape_interval": every, "scrape_timeout": every}, "scrape_configs": jobs}
