"""Debian's Alertmanager on the loopback, by itself."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, Self

import pytest
import requests

from tests.servers import LOOPBACK, PATIENCE_S, free_port, until

_CONFIG = """\
route: {receiver: none, group_wait: 1s, group_interval: 1s}
receivers: [{name: none}]
"""


class AlertmanagerProcess:
    """Listens on the same port each time that it is started; skips the test where there is none."""

    def __init__(self, folder: Path, receiver: str | None = None) -> None:
        if shutil.which("prometheus-alertmanager") is None:
            pytest.skip("prometheus-alertmanager is not on PATH; on Debian: apt-get install prometheus-alertmanager")
        folder.mkdir()
        hook = f"webhook_configs: [{{url: '{receiver}', send_resolved: true}}]" if receiver else ""
        config = _CONFIG.replace("{name: none}", f"{{name: none, {hook}}}")
        (folder / "alertmanager.yml").write_text(config)
        self._folder, self._port = folder, free_port()
        self.url = f"http://{LOOPBACK}:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            "prometheus-alertmanager",
            f"--config.file={self._folder}/alertmanager.yml",
            f"--storage.path={self._folder}/data",
            f"--web.listen-address={LOOPBACK}:{self._port}",
            "--cluster.listen-address=",
        ]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        until(self._ready, PATIENCE_S, "Alertmanager is ready")

    def _ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/-/ready", timeout=PATIENCE_S).ok
        except requests.ConnectionError:
            return False

    def stop(self, by: signal.Signals = signal.SIGKILL) -> None:
        if self._process:
            self._process.send_signal(by)
            self._process.wait(PATIENCE_S)
            self._process = None

    def send(self, what: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(what)

    def alerts(self) -> list[dict[str, Any]]:
        """Those that stand."""
        found: list[dict[str, Any]] = requests.get(f"{self.url}/api/v2/alerts", timeout=PATIENCE_S).json()
        return sorted(found, key=lambda alert: str(alert["labels"]))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
