"""The demo as a newcomer starts it: bands within a minute, and the first anomaly flagged, as the truth has it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

from tests.servers import PATIENCE_S, free_port
from tests.service.support import eventually, get, metric

PIPELINES = ("cpu", "memory")
SERIES = 12


def flagged(page: str) -> set[str]:
    """Containers whose CPU is anomalous."""
    rows = re.findall(r'sentio_anomaly\{container_name="(\w+)".*query="cpu"\} 1\.0', page)
    return set(rows)


def truly_faulty(page: str) -> set[str]:
    return set(re.findall(r'sentio_demo_fault_active\{container_name="(\w+)"\} 1\.0', page))


def test_the_demo(tmp_path):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "sentio", "demo", f"--web.listen-address=127.0.0.1:{port}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        eventually(lambda: get(f"{url}/metrics")[1].count("\nsentio_yhat{") == SERIES)
        assert process.stdout is not None
        greeting = ""
        while "Ctrl-C" not in greeting:
            greeting += process.stdout.readline()
        exporter = re.search(r"(http://\S+/metrics)  the containers", greeting)
        assert exporter is not None
        assert url in greeting

        # The truth says which container; the flag must follow within two score ticks, and go when it goes. The first
        # fault may be under way by now, and nearly over, where starting took long.
        eventually(lambda: not truly_faulty(get(exporter[1])[1]))
        eventually(lambda: truly_faulty(get(exporter[1])[1]), within_s=200)
        (faulty,) = truly_faulty(get(exporter[1])[1])
        eventually(lambda: faulty in flagged(get(f"{url}/metrics")[1]), within_s=35)
        assert truly_faulty(get(exporter[1])[1]) == {faulty}, "the flag came after the fault had ended"
        page = get(f"{url}/")[1]
        assert re.search(r'class="verdict bad">.*?(warning|anomaly)', page)
        assert faulty in page
        eventually(lambda: not truly_faulty(get(exporter[1])[1]), within_s=120)
        eventually(lambda: faulty not in flagged(get(f"{url}/metrics")[1]), within_s=50)
        for alias in PIPELINES:
            failed = metric(get(f"{url}/metrics")[1], f'sentio_series{{query="{alias}",state="failed"}}')
            assert failed == 0
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
