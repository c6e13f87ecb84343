"""URLs, and taking secrets out of text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentio.config.options import parse_url
from sentio.config.redact import redact


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://localhost:9090", "http://localhost:9090"),
        ("https://a.example/prometheus/", "https://a.example/prometheus"),
        ("http://[::1]:9090//", "http://[::1]:9090"),
        ("http://[fe80::1%25eth0]:9090/a%2fb", "http://[fe80::1%25eth0]:9090/a%2fb"),
        ("HTTP://Host", "HTTP://Host"),
    ],
)
def test_a_url(text: str, url: str) -> None:
    assert parse_url(text) == url


EXAMPLE = "one such as http://prometheus:9090 is expected"
CREDENTIALS = "has a user name and password in it; put them under basic_auth, where they stay secret"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http://me:hunter2@host", CREDENTIALS),
        ("http://hunter2@host", CREDENTIALS),
        ("http://me:hun/ter2@host", CREDENTIALS),
        ("http://me:hunter2?@host", CREDENTIALS),
        ("me:hunter2@host", CREDENTIALS),
        ("", f"is not a URL that starts with http:// or https://; {EXAMPLE}"),
        ("localhost:9090", f"is not a URL that starts with http:// or https://; {EXAMPLE}"),
        ("ftp://host", f"is not a URL that starts with http:// or https://; {EXAMPLE}"),
        ("http:/host", f"is a URL without a host, or with port 0; {EXAMPLE}"),
        ("http://:9090", f"is a URL without a host, or with port 0; {EXAMPLE}"),
        ("http://host:0", f"is a URL without a host, or with port 0; {EXAMPLE}"),
        ("http://host:hunter2", f"is a URL whose host or port cannot be read; {EXAMPLE}"),
        ("http://host:99999", f"is a URL whose host or port cannot be read; {EXAMPLE}"),
        ("http://[::1", f"is a URL whose host or port cannot be read; {EXAMPLE}"),
        ("http://ho st", f"is a URL with a space, a backslash or a control character in it; {EXAMPLE}"),
        ("http://host\\x", f"is a URL with a space, a backslash or a control character in it; {EXAMPLE}"),
        *(
            (url, f"is a URL with a character in its host that no host has; {EXAMPLE}")
            for url in (
                'http://a"b',
                "http://a<b>",
                "http://a^b",
                "http://a`b",
                "http://a|hunter2",
                "http://{host}",
                "https://a%41b",
                "http://a%",
            )
        ),
        *(
            (url, "is a URL with a % without two hexadecimal digits after it; %25 is expected where it is meant")
            for url in ("http://host/%", "http://host/%4", "http://host/%zz/hunter2", "http://[fe80::1%eth0]:9090")
        ),
        (
            "http://host?token=hunter2",
            "is a URL with a query (?…) or a fragment (#…); only the server's address is expected",
        ),
        (
            "http://host/#hunter2",
            "is a URL with a query (?…) or a fragment (#…); only the server's address is expected",
        ),
    ],
)
def test_no_url(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"expected|secret") as refused:
        parse_url(text)
    assert str(refused.value) == said


def test_redact() -> None:
    assert redact("GET /?k=hunter2 hunter22 abc", ["hunter2", "hunter22", "abc", ""]) == (
        "GET /?k=<redacted> <redacted> abc"
    )


@given(st.text(), st.lists(st.text(alphabet="abcd", min_size=4), max_size=4))
def test_no_secret_is_left(text: str, secrets: list[str]) -> None:
    assert not [s for s in secrets if s in redact(text + "".join(secrets), secrets)]
