"""Stands in for Telegraf where its image cannot be pulled: measures the real containers over the real Docker API, and
publishes those of Telegraf's series that Sentio reads, under the same names and labels."""

from __future__ import annotations

import http.client
import http.server
import json
import socket
import threading
import time

SOCKET = "/run/docker/docker.sock"
EVERY_S = 5.0
page = b""


class Docker(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(SOCKET)


def ask(path: str) -> object:
    connection = Docker("docker")
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def rows(container: dict) -> list[str]:
    stats = ask(f"/containers/{container['Id']}/stats?stream=false")
    name = container["Names"][0].lstrip("/")
    now, before = stats["cpu_stats"], stats["precpu_stats"]
    used = now["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    passed = now.get("system_cpu_usage", 0) - before.get("system_cpu_usage", 0)
    cpu = 100.0 * used / passed * now["online_cpus"] if passed else 0.0
    memory = stats["memory_stats"]
    cache = memory["stats"].get("total_inactive_file", memory["stats"].get("inactive_file", 0))
    blocks = stats["blkio_stats"].get("io_service_bytes_recursive") or []
    written = sum(row["value"] for row in blocks if row["op"].lower() == "write")
    own = f'container_name="{name}"'
    found = [
        f'docker_container_cpu_usage_percent{{{own},cpu="cpu-total"}} {cpu}',
        f"docker_container_mem_usage{{{own}}} {memory['usage'] - cache}",
    ]
    if blocks:  # not with every kernel
        found.append(f'docker_container_blkio_io_service_bytes_recursive_write{{{own},device="total"}} {written}')
    return found


def measure() -> None:
    global page  # noqa: PLW0603 -- one value, replaced as a whole
    while True:
        found: list[str] = []
        try:
            for container in ask("/containers/json"):
                try:
                    found += rows(container)
                except (KeyError, OSError, ValueError) as error:
                    print(f"{container['Names']}: {error!r}", flush=True)  # it has just ended, or just begun
        except (OSError, ValueError) as error:
            print(f"{SOCKET}: {error!r}", flush=True)
        page = "".join(f"{row}\n" for row in sorted(found)).encode()
        time.sleep(EVERY_S)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    threading.Thread(target=measure, daemon=True).start()
    http.server.ThreadingHTTPServer(("", 9273), Handler).serve_forever()
