"""A real Prometheus for the demo, from the programs on PATH, with the history loaded by promtool."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import requests
import yaml

from sentio.demo.openmetrics import write_openmetrics
from sentio.demo.series import Series
from sentio.errors import SentioError

_LOOPBACK = "127.0.0.1"
_READY_S = 30.0
_END_S = 10.0
_LOAD_S = 120.0
_BLOCK = "486h"
"""The first step of Prometheus's own ladder of block lengths that holds two weeks: promtool reads the whole
file once a block, and its default of 2 h would make 168 of them."""
_RETENTION = "30d"
"""Beyond the two weeks that are loaded, so that none of them is dropped while the demo runs."""
_PACKAGE = "install it, on Debian: apt-get install prometheus"


class PrometheusError(SentioError):
    """Prometheus or promtool is not there, or did not do what it was asked."""


class PrometheusProcess:
    """One Prometheus on a free port of the loopback, its files in ``folder``.

    Every ``interval`` seconds it scrapes ``exporter`` as job ``demo`` and, where given, ``sentio`` as job
    ``sentio``; both are ``host:port``. Raises `PrometheusError` when a program is missing.
    """

    def __init__(self, folder: Path, exporter: str, sentio: str | None, interval: float) -> None:
        self._prometheus = _program("prometheus")
        self._promtool = _program("promtool")
        self._folder = folder
        self._config = _config(exporter, sentio, interval)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def load(self, history: Iterable[Series]) -> None:
        """Before `start`: makes blocks of ``history``. Raises `PrometheusError`."""
        page = self._folder / "history.om"
        write_openmetrics(page, history)
        command = [self._promtool, "tsdb", "create-blocks-from", f"--max-block-duration={_BLOCK}"]
        command += ["openmetrics", str(page), str(self._data)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_LOAD_S, check=False)  # noqa: S603 -- no shell, our own arguments
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PrometheusError(f"promtool: {error}; blocks made of the history are expected") from error
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()
            raise PrometheusError(
                f"promtool: exit code {done.returncode}: {said}; blocks made of the history are expected"
            )
        page.unlink()

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


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise PrometheusError(f"{name}: no such program on PATH; {_PACKAGE}")
    return found


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
