"""The web server's routes."""

from __future__ import annotations

import time

import prometheus_client
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from sentio.scheduler import clock
from sentio.server import Server
from sentio.service import Service
from sentio.web import api
from sentio.web.page import render
from sentio.web.runbook import PAGE as RUNBOOK
from sentio.web.view import Filter

# A counter's creation time is a sample of its own in OpenMetrics; nobody here asks for it.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call] # the package leaves it open


def make_server(service: Service, host: str, port: int, *, lifecycle: bool) -> Server:
    """The server of ``service``; ``lifecycle`` allows a reload over HTTP."""

    async def metrics(request: Request) -> Response:
        started = time.perf_counter()
        text = service.exposition.page(clock()).text
        service.telemetry.page_bytes.set(text.size)
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        own = encode(service.telemetry.registry)
        headers = {"content-type": content_type}
        if "gzip" in request.headers.get("accept-encoding", ""):
            body = text.gzipped(own)
            headers["content-encoding"] = "gzip"
        else:
            body = b"".join([text.plain(), own])
        service.telemetry.scrape_seconds.observe(time.perf_counter() - started)
        return Response(body, headers=headers)

    def index(request: Request) -> Response:
        wanted = Filter.of(request.query_params)
        grafana = service.config.server.grafana
        return HTMLResponse(render(service.runners(), wanted, clock(), grafana, service.redact))

    def anomalies(request: Request) -> Response:
        return api.anomalies(service.runners(), request.query_params.multi_items())

    def series(request: Request) -> Response:
        return api.series(service.runners(), request.query_params.multi_items())

    async def runbook(_: Request) -> Response:
        return HTMLResponse(RUNBOOK)

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("Sentio is healthy.\n")

    async def ready(_: Request) -> Response:
        if service.ready:
            return PlainTextResponse("Sentio is ready.\n")
        return PlainTextResponse("Sentio is starting.\n", 503)

    def reload(_: Request) -> Response:
        if not lifecycle:
            return PlainTextResponse("reload over HTTP is off; start with --web.enable-lifecycle\n", 403)
        return _reloaded(service)

    routes = [
        Route("/", index),
        Route("/metrics", metrics),
        Route("/runbook", runbook),
        Route("/api/v1/anomalies", anomalies),
        Route("/api/v1/series", series),
        Route("/-/healthy", healthy),
        Route("/-/ready", ready),
        Route("/-/reload", reload, methods=["POST", "PUT"]),
    ]
    return Server(Starlette(routes=routes), host, port)


def _reloaded(service: Service) -> Response:
    if refused := service.reload():
        return PlainTextResponse(f"configuration refused, the old one stays:\n{service.redact(str(refused))}\n", 400)
    return PlainTextResponse("configuration accepted\n")
