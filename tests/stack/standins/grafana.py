"""Stands in for Grafana where its image cannot be pulled: it is healthy, and shows nothing."""

from __future__ import annotations

import http.server


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        healthy = self.path == "/api/health"
        self.send_response(200 if healthy else 404)
        self.end_headers()
        self.wfile.write(b'{"database": "ok", "version": "a stand-in"}' if healthy else b"a stand-in\n")

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("", 3000), Handler).serve_forever()
