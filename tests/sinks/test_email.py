"""E-mail through real SMTP servers, and through some that misbehave."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.message import EmailMessage
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

from sentio import build
from sentio.config.load import load
from sentio.errors import SinkError
from sentio.guard import GuardedSink
from sentio.message import subject
from sentio.outbox import close
from sentio.reports import AlertLevel, Report
from sentio.sinks.email import Email
from sentio.telemetry import Telemetry
from sentio.types import SECOND, SeriesKey
from tests.servers import until
from tests.sinks.alerts import ODD, event, key, report
from tests.sinks.mailbox import mailbox

PASSWORD = "hunter2Xyzzy"  # noqa: S105 - what is looked for


def made(port: int, **options: Any) -> Email:
    plain = {"host": "127.0.0.1", "port": port, "security": "none", "from": "Sentio <sentio@example.org>"}
    return Email(Email.Options(**{**plain, "to": ["a@example.org", "b@example.org"], **options}))


def refused(sink: Email) -> SinkError:
    with pytest.raises(SinkError) as caught:
        sink.emit(report(event()))
    text = str(caught.value)
    assert PASSWORD not in text
    assert text.isprintable()
    assert "; " in text
    return caught.value


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not on PATH; on Debian: apt-get install openssl")
    folder = tmp_path_factory.mktemp("certificates")
    line = "req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key.pem -out cert.pem -subj /CN=mail"
    subprocess.run(
        ["openssl", *line.split(), "-addext", "subjectAltName=IP:127.0.0.1"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder


def server_side(folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_a_report_is_one_mail_of_text_page_and_picture() -> None:
    many = [event(of=ODD), *(event(of=key(i)) for i in range(9_999))]
    with mailbox() as box:
        made(box.port).emit(report(*many))
        (mail,) = box.mails
    assert mail["Subject"] == "[critical] cpu: 10,000 critical"
    assert (mail["From"], mail["To"]) == ("Sentio <sentio@example.org>", "a@example.org, b@example.org")
    text = mail.get_body(("plain",))
    page = mail.get_body(("html",))
    assert text is not None
    assert page is not None
    said = text.get_content()
    assert len(said.splitlines()) == 41
    assert said.splitlines()[-1] == "and 9,980 more"
    assert "critical: load{" in said
    (picture,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert isinstance(picture, EmailMessage)
    assert picture.get_content().startswith(b"\x89PNG")
    assert picture["Content-ID"] == "<picture>"
    assert 'src="cid:picture"' in page.get_content()


def test_the_text_knows_what_the_page_knows_and_the_picture_says_whose_it_is() -> None:
    with mailbox() as box:
        made(box.port).emit(report(event(of=key(1))))
        made(box.port).emit(report(event(of=key(1)), event(AlertLevel.OK, AlertLevel.INFO, of=key(2))))
        one, two = box.mails
    for mail, pictured in ((one, 0), (two, 1)):
        text, page = mail.get_body(("plain",)), mail.get_body(("html",))
        assert text is not None
        assert page is not None
        (known, *_) = re.findall("<small>(value.*?)</small>", page.get_content())
        assert f"{escape(str(key(1)))}<br>is 29, expected 17 to 23<br>" in page.get_content(), "below, not beside"
        assert f"  {unescape(known)}" in text.get_content().splitlines()
        assert re.search(r"since: 2\d\d\d-.* UTC$", unescape(known))
        assert page.get_content().count(f"<br><small>{escape(str(key(1)))}</small></p>") == pictured


def test_beside_what_an_incident_is_off_by_stands_what_is_expected_by_now() -> None:
    said = "Level shift since 14:05 UTC: 35.6 (67 %) above what was expected, for 10 min."
    with mailbox() as box:
        made(box.port).emit(report(event(of=key(1), text=said)))
        text = box.mails[0].get_body(("plain",)).get_content()
    assert said in text
    assert "value: 29, expected by now: 20, band by now: 17 to 23" in text


def test_odd_labels_survive_and_inject_nothing() -> None:
    with mailbox() as box:
        made(box.port).emit(report(event(of=ODD, text="line\r\nBcc: evil@example.org")))
        (mail,) = box.mails
    assert mail["Bcc"] is None
    page, text = mail.get_body(("html",)), mail.get_body(("plain",))
    assert page is not None
    assert text is not None
    assert "<b>&" not in page.get_content()
    assert "grüße 🎉" in text.get_content()


INJECTED = "=?utf-8?q?=0d=0aReply-To:_evil@example.org=0d=0a=0d=0aCall_555?="
BREAKS_THE_PARSER = "B9=?:;=" + "é" * 30 + "utf-8\\,:=0a:==0D;?b?>utf-8\\,>?=?=" + "é" * 30 + "a,<"


@pytest.mark.parametrize("label", [INJECTED, "/x=?utf-8?q?a=20b?=", "=?utf-8?b?AAo=?=", BREAKS_THE_PARSER])
def test_a_label_that_looks_like_an_encoded_word_is_the_text_that_it_is(label: str) -> None:
    one = report(event(of=SeriesKey("load", (("a", label),))))
    with mailbox() as box:
        made(box.port).emit(one)
        made(box.port).emit(report(event()))
        mail, ordinary = box.mails
    assert mail.keys() == ordinary.keys()
    assert "".join(mail["Subject"].split()) == "".join(subject(one).split())
    assert mail.is_multipart()


def test_the_same_report_has_the_same_id() -> None:
    with mailbox() as box:
        one = report(event())
        for r in (one, one, report(event())):
            made(box.port).emit(r)
        first, second, third = (mail["Message-ID"] for mail in box.mails)
    assert first == second != third
    assert first.endswith("@example.org>")


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("with_file", [False, True])
def test_over_tls_with_a_password(certificate: Path, tmp_path: Path, security: str, with_file: bool) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    secret = {"password_file": tmp_path / "password"} if with_file else {"password": PASSWORD}
    with mailbox(server_side(certificate), starttls=security == "starttls", auth=True) as box:
        options = {"security": security, "username": "me", **secret}
        made(box.port, **options, tls={"ca_file": certificate / "cert.pem"}).emit(report(event()))
        assert len(box.mails) == 1
        assert box.users == [(b"me", PASSWORD.encode())]
        error = refused(made(box.port, **options))
        assert (error.reason, error.permanent) == ("tls", True)
        assert "a tls.ca_file that signed it is expected" in str(error)
        made(box.port, **options, tls={"insecure_skip_verify": True}).emit(report(event()))
        assert len(box.mails) == 2


def test_a_wrong_password_is_permanent_and_not_told() -> None:
    with mailbox(auth=True) as box:
        error = refused(made(box.port, username="me", password=f"{PASSWORD}-wrong"))
    assert (error.reason, error.permanent) == ("auth", True)


def test_a_password_beyond_ascii_is_said() -> None:
    with mailbox(auth=True) as box:
        error = refused(made(box.port, username="me", password="pässwörd"))  # noqa: S106 # made up
    assert (error.reason, error.permanent) == ("auth", True)


@pytest.mark.parametrize("said", ["454 4.7.0 Temporary authentication failure", "421 4.3.2 going down"])
def test_a_server_that_cannot_check_the_password_now_is_tried_again(said: str) -> None:
    with scripted(b"220 hi\r\n", b"250-x\r\n250 AUTH PLAIN\r\n", f"{said}\r\n".encode()) as port:
        error = refused(made(port, username="me", password=PASSWORD))
    assert (error.reason, error.permanent) == ("server_error", False)
    code, _, words = said.partition(" ")
    assert f"cannot tell now whether the password is right ({code}: {words}); " in str(error)


def test_a_server_that_has_other_ways_to_log_in() -> None:
    with scripted(b"220 hi\r\n", b"250-x\r\n250 AUTH XOAUTH2 GSSAPI\r\n") as port:
        error = refused(made(port, username="me", password=PASSWORD))
    assert (error.reason, error.permanent) == ("auth", True)
    assert str(error).endswith(
        ": offers no way to log in but XOAUTH2 GSSAPI; CRAM-MD5, PLAIN or LOGIN, or no username, is expected"
    )


def test_an_address_of_ipv6_may_be_in_brackets() -> None:
    assert str(refused(made(1, host="[::1]"))).startswith("::1:1: cannot be reached (")


def test_no_part_of_a_password_is_told_where_the_answer_is_cut() -> None:
    with mailbox(auth=True) as box:
        box.answer = f"554 {'x' * 110}{PASSWORD}"
        error = refused(made(box.port, username="me", password=PASSWORD))
    assert "x" * 110 in str(error)
    assert PASSWORD[:6] not in str(error)


A, B, C = "a@example.org", "b@example.org", "c@example.org"


class Retried:
    """A sink as the service has it, whose pauses are steps: before the further attempts ``then`` is done."""

    def __init__(self, sink: Email, *then: Callable[[], object]) -> None:
        self.telemetry, self.then, self.pauses = Telemetry(), list(then), 0
        more: dict[str, Any] = {"retry_for": 3600 * SECOND, "backoff": (0.01,), "pause": self._pause}
        self.sink = GuardedSink(sink, name="mail", telemetry=self.telemetry, redact=str, **more)

    def _pause(self, _seconds: float) -> bool:
        self.pauses += 1
        if not self.then:
            return True
        self.then.pop(0)()
        return False

    def outcome(self, name: str) -> float | None:
        labels = {"query": "cpu", "sink": "mail", "outcome": name}
        return self.telemetry.registry.get_sample_value("sentio_sink_deliveries_total", labels)


def test_all_recipients_are_refused() -> None:
    with mailbox() as box:
        box.refuse = {A: "550 no such user", B: "551 gone"}
        error = refused(made(box.port))
        assert (error.reason, error.permanent) == ("refused", True)
        assert "refuses 2 of the recipients, the first is a@example.org (550: no such user)" in str(error)
        retried = Retried(made(box.port))
        retried.sink.emit(report(event()))
        assert (retried.pauses, retried.outcome("refused"), box.mails) == (0, 1, [])


def test_a_recipient_that_is_refused_keeps_it_from_no_other() -> None:
    with mailbox() as box:
        box.refuse = {B: "550 no such user"}
        error = refused(made(box.port))
    assert box.given == [[A]]
    assert (error.reason, error.permanent) == ("refused", True)
    assert "refuses 1 of the recipients, the first is b@example.org (550: no such user)" in str(error)


def test_all_recipients_are_put_off() -> None:
    with mailbox() as box:
        box.refuse = {A: "450 later", B: "450 later"}
        error = refused(made(box.port))
    assert (error.reason, error.permanent) == ("server_error", False)
    assert "puts off 2 of the recipients, the first is a@example.org (450: later)" in str(error)


def test_who_has_a_mail_does_not_get_it_again_while_another_is_put_off() -> None:
    with mailbox() as box:
        box.refuse = {B: "450 later"}
        retried = Retried(made(box.port, to=[A, f"Me <{B}>", C]), str, str, box.refuse.clear)
        retried.sink.emit(report(event()))
        assert retried.pauses == 3
        assert box.given == [[A, C], [B]]
        assert box.asked == [A, B, C, B, B, B]
        assert retried.outcome("ok") == 1
        first, late = box.mails
        assert (first["Message-ID"], first["To"]) == (late["Message-ID"], late["To"])
        retried.sink.emit(report(event()))
        assert box.given[2:] == [[A, B, C]], "the next report is for all"


def test_who_is_refused_is_given_up_and_who_is_put_off_is_not() -> None:
    with mailbox() as box:
        box.refuse = {A: "450 later", B: "550 no such user"}
        sink, one = made(box.port), report(event())
        with pytest.raises(SinkError) as caught:
            sink.emit(one)
        assert (caught.value.reason, caught.value.permanent) == ("refused", False)
        assert "puts off 1 of the recipients, the first is a@example.org (450: later)" in str(caught.value)
        assert "refuses 1 of the recipients, the first is b@example.org (550: no such user)" in str(caught.value)
        box.refuse.clear()
        with pytest.raises(SinkError) as caught:
            sink.emit(one)
        assert (caught.value.reason, caught.value.permanent) == ("refused", True), "who has not got it is told"
        assert "refuses 1 of the recipients, the first is b@example.org (550: no such user)" in str(caught.value)
        assert "puts off" not in str(caught.value)
    assert box.asked == [A, B, A]
    assert box.given == [[A]]


def test_who_is_put_off_and_then_refused_is_given_up() -> None:
    with mailbox() as box:
        box.refuse = {B: "450 later"}
        retried = Retried(made(box.port), lambda: box.refuse.update({B: "550 no such user"}))
        retried.sink.emit(report(event()))
    assert (retried.pauses, retried.outcome("refused")) == (1, 1)
    assert box.given == [[A]]


def test_an_attempt_that_fails_otherwise_makes_nobody_get_it_again() -> None:
    def answer(text: str) -> Callable[[], None]:
        return lambda: setattr(box, "answer", text)

    with mailbox() as box:
        box.refuse = {B: "450 later"}
        retried = Retried(made(box.port), box.refuse.clear, answer("451 later"), answer("250 OK"))
        retried.sink.emit(report(event()))
    assert box.given == [[A], [B]]


def test_a_server_that_goes_amid_the_recipients_has_refused_those_alone_that_it_refused() -> None:
    with mailbox() as box:
        box.refuse = {A: "550 no such user", B: "421 going down"}
        retried = Retried(made(box.port, to=[A, B, C]), box.refuse.clear)
        retried.sink.emit(report(event()))
    assert box.asked == [A, B, B, C]
    assert box.given == [[B, C]]
    assert retried.outcome("refused") == 1


@pytest.mark.parametrize(("said", "permanent"), [("550 no such user", True), ("450 later", False)])
def test_a_farewell_that_is_not_answered_changes_nothing(said: str, permanent: bool) -> None:
    with mailbox() as box:
        box.refuse, box.lingers = {B: said}, 60.0
        sink, one = made(box.port, timeout="1s"), report(event())
        with pytest.raises(SinkError, match="of the recipients") as caught:
            sink.emit(one)
        assert caught.value.permanent is permanent
    assert box.given == [[A]]


def test_reports_in_turn_are_not_taken_for_one_another() -> None:
    with mailbox() as box:
        box.refuse = {B: "450 later"}
        sink, one, two = made(box.port), report(event()), report(event(of=key(1)))
        for put_off in (one, two, two, one):
            with pytest.raises(SinkError):
                sink.emit(put_off)
        box.refuse.clear()
        sink.emit(two)
        sink.emit(one)
    first, second, third, fourth = (mail["Message-ID"] for mail in box.mails)
    assert box.given == [[A], [A], [B], [B]]
    assert (first, second) == (fourth, third)


def test_threads_that_send_at_once_each_know_who_has_theirs() -> None:
    def put_off(one: Report) -> None:
        with pytest.raises(SinkError):
            sink.emit(one)

    with mailbox() as box, ThreadPoolExecutor(4) as pool:
        box.refuse = {B: "450 later"}
        sink, reports = made(box.port, picture=False), [report(event(of=key(i))) for i in range(12)]
        list(pool.map(put_off, reports * 2))
        box.refuse.clear()
        list(pool.map(sink.emit, reports))
    given = [(mail["Message-ID"], to) for mail, (to,) in zip(box.mails, box.given, strict=True)]
    assert len(given) == len(set(given)) == 24


def test_of_too_many_mails_the_one_tried_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentio.sinks.email._REMEMBERED", 2)
    with mailbox() as box:
        box.refuse = {B: "450 later"}
        sink, reports = made(box.port), [report(event(of=key(i))) for i in range(3)]
        for i in (0, 1, 0, 2):
            with pytest.raises(SinkError):
                sink.emit(reports[i])
        box.given.clear()
        box.refuse.clear()
        for one in reports:
            sink.emit(one)
    assert box.given == [[B], [A, B], [B]]


def test_the_last_try_is_for_those_alone_that_were_put_off(tmp_path: Path) -> None:
    with mailbox() as box:
        box.refuse = {B: "450 later"}
        file = tmp_path / "sentio.yml"
        file.write_text(
            "sources: {p: {type: prometheus, url: 'http://127.0.0.1:1'}}\npipelines: {cpu: {source: p, query: up}}\n"
            f"sinks: {{mail: {{type: email, host: 127.0.0.1, port: {box.port}, security: none, from: {A},\n"
            f"  to: [{A}, {B}]}}}}\n"
        )
        telemetry = Telemetry()
        (outbox,) = build.outboxes(load([file], {}), "mail", telemetry)
        outbox.emit(report(event()))
        until(lambda: box.given == [[A]], 20, "the one who is not put off has it")
        box.refuse.clear()
        close([outbox])
    assert box.given == [[A], [B]]


def test_a_recipient_that_is_named_twice_is_one() -> None:
    with mailbox() as box:
        made(box.port, to=[A, f"Me <{A}>"]).emit(report(event()))
        box.refuse = {A: "550 no such user"}
        assert "refuses 1 of the recipients" in str(refused(made(box.port, to=[A, f"Me <{A}>"])))
    assert box.given == [[A]]


@pytest.mark.parametrize(
    ("said", "reason", "permanent"), [("554 no", "refused", True), ("451 later", "server_error", False)]
)
def test_a_mail_that_is_refused(said: str, reason: str, permanent: bool) -> None:
    with mailbox() as box:
        box.answer = said
        error = refused(made(box.port))
    assert (error.reason, error.permanent) == (reason, permanent)


def test_starttls_that_is_not_offered() -> None:
    with mailbox() as box:
        error = refused(made(box.port, security="starttls"))
    assert (error.reason, error.permanent) == ("refused", True)
    assert "another security" in str(error)


def test_a_certificate_that_is_gone(tmp_path: Path) -> None:
    with mailbox() as box:
        error = refused(made(box.port, security="tls", tls={"ca_file": tmp_path / "gone.pem"}))
    assert (error.reason, error.permanent) == ("tls", True)
    assert "a file of tls cannot be read" in str(error)


def test_tls_to_a_server_that_speaks_none() -> None:
    with mailbox() as box:
        error = refused(made(box.port, security="tls"))
    assert (error.reason, error.permanent) == ("tls", True)
    assert str(error).endswith(
        "; the security that it speaks on this port, or a certificate where it wants one, is expected"
    )


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_that_goes_amid_the_handshake_is_tried_again(security: str) -> None:
    answers = [b"220 hi\r\n", b"250-x\r\n250 STARTTLS\r\n", b"220 go\r\n"] if security == "starttls" else []
    with scripted(*answers) as port:
        error = refused(made(port, security=security))
    assert (error.reason, error.permanent) == ("unreachable", False)
    assert "breaks off the TLS connection (UNEXPECTED_EOF" in str(error)
    assert str(error).endswith("); a server that answers, and speaks TLS, is expected")


@contextmanager
def scripted(*answers: bytes) -> Iterator[int]:
    """Says these one after the other, the first at once, and each further one to what it is sent; then hangs up."""

    def serve(listener: socket.socket) -> None:
        sock, _ = listener.accept()
        with sock:
            for said in answers or (b"",):
                sock.sendall(said)
                sock.recv(65_536)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]


def test_nobody_there() -> None:
    error = refused(made(1))
    assert (error.reason, error.permanent) == ("unreachable", False)
    assert str(error) == "127.0.0.1:1: cannot be reached (Connection refused); a server that answers is expected"


@contextmanager
def tarpit() -> Iterator[tuple[int, threading.Event]]:
    """Drips its greeting, a byte now and then: each arrives long before a timeout per receive."""
    ended, there = threading.Event(), threading.Event()

    def serve(listener: socket.socket) -> None:
        while not ended.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            there.set()
            with sock:
                try:
                    while not ended.wait(0.05):
                        sock.sendall(b"2")
                except OSError:
                    continue

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1], there
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_a_tarpit_is_left_at_the_deadline(security: str) -> None:
    with tarpit() as (port, _):
        started = time.monotonic()
        error = refused(made(port, security=security, timeout="500ms"))
        assert time.monotonic() - started < 20
    assert error.reason == ("tls" if security == "tls" else "timeout")


def test_a_tick_does_not_wait_for_a_tarpit(tmp_path: Path) -> None:
    with tarpit() as (port, there):
        file = tmp_path / "sentio.yml"
        file.write_text(
            "sources: {p: {type: prometheus, url: 'http://127.0.0.1:1'}}\npipelines: {cpu: {source: p, query: up}}\n"
            f"sinks: {{mail: {{type: email, host: 127.0.0.1, port: {port}, security: none, from: a@example.org,\n"
            "  to: [b@example.org], timeout: 1s, retry_for: 1ms}}\n"
        )
        telemetry = Telemetry()
        (box,) = build.outboxes(load([file], {}), "mail", telemetry)
        box.emit(report(event()))
        assert there.wait(60), "the mail is under way"
        labels = {"query": "cpu", "sink": "mail", "outcome": "timeout"}

        def late() -> float | None:
            return telemetry.registry.get_sample_value("sentio_sink_deliveries_total", labels)

        assert not late(), "emit has come back before the delivery has ended"
        until(late, 20, "the delivery has ended at its deadline")
        close([box])
