"""The thread that serves an application."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sentio.cli import main
from sentio.server import Server, ServerError
from tests.servers import PATIENCE_S


async def hello(_: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


APP = Starlette(routes=[Route("/", hello)])


def test_it_serves_once_started_and_no_more_once_stopped() -> None:
    server = Server(APP, name="one")
    server.start()
    assert server.port > 0
    assert server.url == f"http://127.0.0.1:{server.port}"
    with requests.Session() as kept_alive:
        assert kept_alive.get(server.url, timeout=PATIENCE_S).text == "hello"
        server.stop()
    server.stop()
    assert "one" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=PATIENCE_S)
    with Server(APP, port=server.port) as again:
        assert requests.get(again.url, timeout=PATIENCE_S).text == "hello"


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError) as refused:
            Server(APP, port=port, name="two").start()
    assert str(refused.value) == (
        f"server two: cannot listen on 127.0.0.1:{port}: Address already in use; "
        "name a free port and an address of this machine"
    )


def test_an_application_that_does_not_start_is_said() -> None:
    @asynccontextmanager
    async def broken(_: Starlette) -> AsyncIterator[None]:
        raise RuntimeError("no")
        yield

    with pytest.raises(ServerError, match=r"^server three: the application did not start"):
        Server(Starlette(lifespan=broken), name="three").start()


def test_a_request_without_end_does_not_hold_the_stop() -> None:
    asked = threading.Event()

    async def slow(_: Request) -> PlainTextResponse:
        asked.set()
        await asyncio.sleep(2 * PATIENCE_S)
        return PlainTextResponse("late")

    server = Server(Starlette(routes=[Route("/", slow)]), name="endless")
    server.start()
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert asked.wait(PATIENCE_S)
        server.stop()
        assert "endless" not in {thread.name for thread in threading.enumerate()}


def test_ipv6() -> None:
    with Server(APP, "::1") as server:
        assert server.url == f"http://[::1]:{server.port}"
        assert requests.get(server.url, timeout=PATIENCE_S).text == "hello"


@pytest.mark.parametrize("command", [["serve"], ["demo"], ["restream", "a.csv"]])
@pytest.mark.parametrize("address", ["8000", "127.0.0.1:99999"])
def test_an_address_that_is_none_is_refused_with_the_call(
    command: list[str], address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--web.listen-address", address])
    assert ended.value.code == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith(f'--web.listen-address: is "{address}"; host:port such as 0.0.0.0:8000 is expected')
