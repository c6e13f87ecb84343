"""The embedded store under the addresses of Prometheus's HTTP API."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sentio.demo import answers
from sentio.demo.params import ApiError, Params
from sentio.demo.tsdb import Tsdb
from sentio.types import MILLISECOND, SECOND, Keys

_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_WELCOME = (
    "The store of Sentio's demo: a little of Prometheus's HTTP API.\n"
    "It answers /api/v1/query, query_range, series, labels and label/<name>/values for plain selectors;\n"
    "a real Prometheus answers the rest (sentio demo --prometheus).\n"
)


def api(store: Tsdb, clock: Callable[[], float]) -> Starlette:
    """The application. ``clock`` (seconds since the epoch) is read for an instant query without a time."""
    calls = _Calls(store, clock)
    both = ["GET", "POST"]
    return Starlette(
        routes=[
            Route("/api/v1/query", _answering(calls.query), methods=both),
            Route("/api/v1/query_range", _answering(calls.query_range), methods=both),
            Route("/api/v1/series", _answering(calls.series), methods=both),
            Route("/api/v1/labels", _answering(calls.labels), methods=both),
            Route("/api/v1/label/{name}/values", _answering(calls.label_values)),
            # prometheus-api-client asks for the root to see whether a server is there.
            Route("/", _saying(_WELCOME)),
            Route("/-/healthy", _saying("Sentio's demo store is healthy.\n")),
            Route("/-/ready", _saying("Sentio's demo store is ready.\n")),
        ]
    )


class _Calls:
    """One method a call: parameters and the label of the path in, JSON out. They raise `ApiError`."""

    def __init__(self, store: Tsdb, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    def query(self, params: Params, _: str) -> bytes:
        time = params.optional_time("time")
        if time is None:
            time = round(self._clock() * SECOND) // MILLISECOND * MILLISECOND
        at = np.array([time], np.int64)
        return answers.vector(self._store.evaluate(params.selector().matches, at))

    def query_range(self, params: Params, _: str) -> bytes:
        times = params.window().times()
        return answers.matrix(self._store.evaluate(params.selector().matches, times))

    def series(self, params: Params, _: str) -> bytes:
        if not params.every("match[]"):
            raise ApiError("no match[] parameter provided")
        return answers.label_sets(self._matching(params))

    def labels(self, params: Params, _: str) -> bytes:
        keys = self._matching(params)
        names = {name for key in keys for name, _value in key.labels}
        return answers.texts(sorted(names | {"__name__" for key in keys if key.name}))

    def label_values(self, params: Params, name: str) -> bytes:
        if not _LABEL_NAME.fullmatch(name):
            raise ApiError(f"invalid label name: {json.dumps(name)}")
        keys = self._matching(params)
        if name == "__name__":
            return answers.texts(sorted({key.name for key in keys if key.name}))
        return answers.texts(sorted({value for key in keys for label, value in key.labels if label == name}))

    def _matching(self, params: Params) -> Keys:
        """The series that one of the selectors, or none being given everything, takes, with a sample in the
        given time. Prometheus looks at whole blocks there, so it may name some that have none."""
        start, end = params.optional_time("start"), params.optional_time("end")
        selectors = params.selectors()
        return self._store.select(
            lambda key: not selectors or any(selector.matches(key) for selector in selectors), start, end
        )


def _answering(call: Callable[[Params, str], bytes]) -> Callable[..., object]:
    async def endpoint(request: Request) -> Response:
        params = Params.of(await request.body(), request.url.query)
        try:
            # In a thread of its own: a long answer must not hold up the others.
            body = await run_in_threadpool(call, params, request.path_params.get("name", ""))
        except ApiError as problem:
            return Response(answers.error(str(problem)), 400, media_type="application/json")
        return Response(body, media_type="application/json")

    return endpoint


def _saying(text: str) -> Callable[..., object]:
    async def endpoint(_: Request) -> Response:
        return PlainTextResponse(text)

    return endpoint
