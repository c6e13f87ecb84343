"""Who we are and whom we trust: over real sockets, with certificates made by openssl."""

from __future__ import annotations

import base64
import logging
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faulty import (
    Behaviour,
    Body,
    Connection,
    OneSeries,
    Request,
    answer,
    drip_body,
    drip_headers,
    matrix,
    text,
    wave,
)

from .bench import Bench
from .conftest import MakeBench, MakeServer

GOOD = answer(matrix(OneSeries({"__name__": "m"}, wave(10))))
SECRET = "s3cr3t-of-ours"  # noqa: S105 # a made-up one


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def only_for(authorization: Callable[[], str]) -> Callable[[Request, Connection], None]:
    """401 for whoever does not say that; and it repeats what was said, as careless servers do."""

    def behave(request: Request, connection: Connection) -> None:
        said = request.headers.get("authorization", "")
        right = said == authorization()
        (GOOD if right else answer(text(f"who is {said}?"), 401))(request, connection)

    return behave


def accepted(bench: Bench, tick: int = 0) -> None:
    assert bench.score(tick) == ""
    assert bench.page().get("sentio_datasource_up") == 1


def test_without_credentials_nothing_is_sent(bench: MakeBench, server: MakeServer) -> None:
    there = server(GOOD)
    accepted(bench(there))
    assert "authorization" not in there.requests[0].headers


def test_basic_auth(bench: MakeBench, server: MakeServer) -> None:
    there = server(only_for(lambda: basic("me", "pä:ss wörd")))
    accepted(bench(there, basic_auth={"username": "me", "password": "pä:ss wörd"}))


@pytest.mark.parametrize("kind", ["password_file", "bearer_token_file"])
def test_a_file_is_read_anew_after_rotation(bench: MakeBench, server: MakeServer, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "secret"
    file.write_text("first-secret\n")
    current = ["first-secret"]
    said = {
        "password_file": lambda: basic("me", current[0]),
        "bearer_token_file": lambda: f"Bearer {current[0]}",
    }
    options: dict[str, dict[str, Any]] = {
        "password_file": {"basic_auth": {"username": "me", "password_file": str(file)}},
        "bearer_token_file": {"bearer_token_file": str(file)},
    }
    there = server(only_for(said[kind]))
    made = bench(there, **options[kind])
    accepted(made, 0)
    current[0] = "second-secret"
    assert "refuses the query (401" in made.score(1)
    file.write_text("second-secret")
    accepted(made, 2)
    file.unlink()
    option = {"password_file": "basic_auth.password_file", "bearer_token_file": "bearer_token_file"}[kind]
    why = "No such file or directory"
    asked = len(there.requests)
    assert made.score(3) == f"{option}: {file} cannot be read ({why}); a file with the secret is expected"
    assert len(there.requests) == asked
    assert made.page().get("sentio_reads_total", outcome="auth") == 2


def test_a_secret_beyond_ascii(bench: MakeBench, server: MakeServer, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("pä:ss wörd-€", "utf-8")
    there = server(only_for(lambda: basic("me", "pä:ss wörd-€")))
    accepted(bench(there, basic_auth={"username": "me", "password_file": str(file)}))
    there.behave = GOOD
    accepted(bench(there, bearer_token_file=str(file)))
    assert there.requests[-1].headers["authorization"].encode("latin-1").decode() == "Bearer pä:ss wörd-€"


@pytest.mark.parametrize(
    ("content", "what"),
    [(f"{SECRET}\nand more", "several lines, or control characters"), (" \n", "nothing but blanks")],
)
def test_a_token_that_is_none(
    bench: MakeBench, server: MakeServer, tmp_path: Path, content: str, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "token"
    file.write_text(content)
    there = server(GOOD)
    made = bench(there, bearer_token_file=str(file))
    assert made.score(0) == f"bearer_token_file: {file} holds {what}; one line with the secret is expected"
    assert there.requests == []
    assert SECRET not in caplog.text
    assert made.page().get("sentio_reads_total", outcome="auth") == 1


CREDENTIALS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "password": lambda _: {"basic_auth": {"username": "me", "password": SECRET}},
    "password_file": lambda file: {"basic_auth": {"username": "me", "password_file": str(file)}},
    "bearer_token_file": lambda file: {"bearer_token_file": str(file)},
    "header": lambda _: {"headers": {"Authorization": f"Bearer {SECRET}"}},
}


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_no_secret_is_shown_even_where_the_server_repeats_it(
    bench: MakeBench, server: MakeServer, tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    file = tmp_path / "secret"
    file.write_text(SECRET)
    there = server(only_for(lambda: "something else"))
    made = bench(there, **CREDENTIALS[kind](file))
    error = made.score(0)
    assert "refuses the query (401: who is " in error
    assert "authorization" in there.requests[0].headers
    encoded = base64.b64encode(f"me:{SECRET}".encode()).decode()
    for shown in (error, caplog.text, made.page().text, *made.runner.errors.values()):
        assert SECRET not in shown
        assert encoded not in shown


@pytest.mark.parametrize("kind", CREDENTIALS)
@pytest.mark.parametrize(("body", "most"), [("{}", 120), ('{{"status": "error", "error": "{}"}}', 300)])
def test_no_part_of_a_secret_is_shown_where_the_answer_is_cut(
    bench: MakeBench, server: MakeServer, tmp_path: Path, kind: str, body: str, most: int
) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET)

    def repeat(request: Request) -> bytes:
        sent = request.headers["authorization"]
        sent = sent if kind == "header" else sent.split()[-1]
        return body.format("x" * (most - 8) + sent).encode()

    error = bench(server(answer(repeat, 401)), **CREDENTIALS[kind](file)).score(0)
    assert "x" * (most - 8) + "<redacte)" in error


def test_headers_of_a_tenant(bench: MakeBench, server: MakeServer) -> None:
    there = server(GOOD)
    accepted(bench(there, headers={"X-Scope-OrgID": "tenant-7", "X-Other": "b"}))
    assert there.requests[0].headers["x-scope-orgid"] == "tenant-7"
    assert there.requests[0].headers["x-other"] == "b"


def test_a_netrc_is_none_of_our_business(
    bench: MakeBench, server: MakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password other\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    there = server(GOOD)
    accepted(bench(there))
    assert "authorization" not in there.requests[0].headers


@dataclass(frozen=True)
class Certificates:
    """A CA, what it signed, and another CA that nobody knows."""

    folder: Path

    def __getattr__(self, name: str) -> str:
        return str(self.folder / name.replace("_", "."))

    def context(self, *, clients: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server_pem, self.server_key)
        if clients:
            context.load_verify_locations(self.ca_pem)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not on PATH; on Debian: apt-get install openssl")
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(line: str) -> None:
        done = subprocess.run(["openssl", *line.split()], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    for ca in ("ca", "other"):
        openssl(f"req -x509 {key} -keyout {ca}.key -out {ca}.pem -subj /CN={ca}")
    (folder / "ext").write_text("subjectAltName = IP:127.0.0.1\n")
    for name in ("server", "client"):
        openssl(f"req -new {key.replace(' -days 2', '')} -keyout {name}.key -out {name}.csr -subj /CN={name}")
        signed = f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext"
        openssl(f"{signed} -out {name}.pem")
    both = (folder / "client.pem").read_text() + (folder / "client.key").read_text()
    (folder / "both.pem").write_text(both)
    return Certificates(folder)


def test_a_ca_of_ones_own(bench: MakeBench, server: MakeServer, certificates: Certificates) -> None:
    there = server(GOOD, tls=certificates.context())
    made = bench(there, tls={"ca_file": certificates.ca_pem})
    assert made.trained().page().get("sentio_datasource_up") == 1
    assert len(made.page().bands()) == 3


@pytest.mark.parametrize("trusted", [None, "other_pem"])
def test_a_certificate_that_is_not_trusted(
    bench: MakeBench, server: MakeServer, certificates: Certificates, trusted: str | None
) -> None:
    there = server(GOOD, tls=certificates.context())
    pauses: list[float] = []
    tls = {"ca_file": getattr(certificates, trusted)} if trusted else {}
    made = bench(there, pauses, tls=tls, retries=3)
    why = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate"
    error = made.score(0)
    assert error.startswith(f"{there.url}: its certificate is not accepted ({why}")
    assert error.endswith("); a tls.ca_file that signed it is expected")
    assert there.requests == []
    assert pauses == [], "it would be refused again"
    assert made.page().get("sentio_reads_total", outcome="tls") == 1


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_unverified_where_that_is_asked_for(bench: MakeBench, server: MakeServer, certificates: Certificates) -> None:
    accepted(bench(server(GOOD, tls=certificates.context()), tls={"insecure_skip_verify": True}))


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_environment_does_not_overrule_the_configuration(
    bench: MakeBench,
    server: MakeServer,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    monkeypatch.setenv(variable, certificates.other_pem)
    there = server(GOOD, tls=certificates.context())
    accepted(bench(there, tls={"ca_file": certificates.ca_pem}))
    accepted(bench(there, tls={"insecure_skip_verify": True}))


@pytest.mark.parametrize("files", [("client_pem", "client_key"), ("both_pem", None)], ids=["two files", "one file"])
def test_a_client_certificate(
    bench: MakeBench, server: MakeServer, certificates: Certificates, files: tuple[str, str | None]
) -> None:
    tls = {"ca_file": certificates.ca_pem, "cert_file": getattr(certificates, files[0])}
    if files[1]:
        tls["key_file"] = getattr(certificates, files[1])
    accepted(bench(server(GOOD, tls=certificates.context(clients=True)), tls=tls))


def test_a_client_certificate_that_is_lacking(bench: MakeBench, server: MakeServer, certificates: Certificates) -> None:
    context = certificates.context(clients=True)
    # In TLS 1.3 the refusal comes after the handshake, and the end of the connection may overtake it.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    there = server(GOOD, tls=context)
    made = bench(there, tls={"ca_file": certificates.ca_pem})
    error = made.score(0)
    assert error.startswith(f"{there.url}: no TLS connection comes about ([SSL: SSLV3_ALERT_HANDSHAKE_FAILURE]")
    assert error.endswith("); http:// where it speaks none, or a client certificate where it wants one, is expected")
    assert there.requests == []
    assert made.page().get("sentio_reads_total", outcome="tls") == 1


def test_files_that_are_not_there(bench: MakeBench, server: MakeServer, certificates: Certificates) -> None:
    there = server(GOOD, tls=certificates.context())
    nowhere = str(certificates.folder / "nowhere.pem")
    for tls in ({"ca_file": nowhere}, {"ca_file": certificates.ca_pem, "cert_file": nowhere}):
        error = bench(there, tls=tls).score(0)
        assert error.startswith(f"{there.url}: ")
        assert nowhere in error


def test_a_handshake_that_never_ends(bench: MakeBench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        assert bench(url, timeout="500ms").score(0).startswith(f"{url}: no complete answer within 0.")


@pytest.mark.parametrize("drip", [drip_headers, drip_body])
def test_the_deadline_holds_over_tls(
    bench: MakeBench, server: MakeServer, certificates: Certificates, drip: Callable[[Body], Behaviour]
) -> None:
    there = server(GOOD, tls=certificates.context())
    made = bench(there, timeout="2s", tls={"ca_file": certificates.ca_pem})
    accepted(made, 0)
    there.behave = drip(matrix(OneSeries({"__name__": "m"}, wave(10))))
    for tick in (1, 2):  # on the connection there is, and on a new one
        started = time.monotonic()
        assert made.score(tick).startswith(f"{there.url}: no complete answer within ")
        assert 1.9 < time.monotonic() - started < 20, "far less than what drips would take"


def test_https_to_a_server_that_speaks_http(bench: MakeBench) -> None:
    def serve(listener: socket.socket) -> None:
        sock, _ = listener.accept()
        with sock:
            sock.recv(65_536)
            sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        made = bench(url)
        error = made.score(0)
    assert error.startswith(f"{url}: no TLS connection comes about (")
    assert error.endswith("); http:// where it speaks none, or a client certificate where it wants one, is expected")
    assert made.page().get("sentio_reads_total", outcome="tls") == 1


def test_a_server_that_goes_amid_the_handshake_is_asked_again(bench: MakeBench, server: MakeServer) -> None:
    url, pauses = server(GOOD).url.replace("http:", "https:"), list[float]()
    made = bench(url, pauses, retries=2)
    error = made.score(0)
    assert error.startswith(f"{url}: breaks off the TLS connection (")
    assert error.endswith("); a server that answers, and speaks TLS, is expected")
    assert len(pauses) == 2
    assert made.page().get("sentio_reads_total", outcome="unreachable") == 1
