"""No text of a secret is in any message, whatever is wrong with it."""

from __future__ import annotations

import copy
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sentio.config.load import load
from sentio.config.model import Config
from sentio.errors import ConfigError

from . import adapters
from .bad_configs import CONFIGS
from .refusals import PIPELINES, SOURCES, loaded, refused

SECRET = "hunter2-Xyzzy"  # noqa: S105 - the secret that is looked for
PARTS = ("hunter", "xyzzy")


def leaks(text: str) -> bool:
    return any(part in text.lower() for part in PARTS)


class _Tagged(str):
    """Text that is dumped with a tag before it."""


def _full() -> Any:
    """The configuration with every option, its two tagged values as plain text."""
    text = (CONFIGS / "good" / "full.yaml").read_text()
    return yaml.safe_load(text.replace("!file ", "").replace("!env ", ""))


def _leaves(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    yield at
    for key, item in items:
        yield from _leaves(item, (*at, key))


def _put(tree: Any, at: tuple[str | int, ...], value: Any) -> Any:
    tree = copy.deepcopy(tree)
    where = tree
    for part in at[:-1]:
        where = where[part]
    where[at[-1]] = value
    return tree


class _Dumper(yaml.SafeDumper):
    """Writes no anchors, and `_Tagged` text with its tag."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the method of PyYAML's
        return True


_Dumper.add_representer(_Tagged, lambda dumper, text: dumper.represent_scalar(*text.split(" ", 1)))


def _outcome(path: Path) -> tuple[str, Config | None]:
    """Everything that is shown of the error, causes too; or the configuration."""
    try:
        return "", load([path], {"A_SECRET": SECRET})
    except ConfigError as error:
        return repr(error) + "".join(traceback.format_exception(error)), None


FULL = _full()
PLACES = list(_leaves(FULL))[1:]


@pytest.mark.parametrize("tagged", ["!env A_SECRET", "!file a_secret"])
@pytest.mark.parametrize("at", PLACES, ids=lambda at: ".".join(map(str, at)))
def test_a_secret_anywhere(tmp_path: Path, at: tuple[str | int, ...], tagged: str) -> None:
    (tmp_path / "a_secret").write_text(SECRET + "\n")
    path = tmp_path / "sentio.yml"
    path.write_text(yaml.dump(_put(FULL, at, _Tagged(tagged)), Dumper=_Dumper, sort_keys=False))
    said, config = _outcome(path)
    assert not leaks(said)
    assert config is None or SECRET in config.secrets


SECRET_PLACES = [
    ("sources", "main", "basic_auth"),
    ("sources", "main", "basic_auth", "password"),
    ("sources", "main", "headers"),
    ("sources", "main", "headers", "X-Token"),
    ("sinks", "chat", "url"),
    ("sinks", "mail", "password"),
    ("sinks", "many", "urls"),
    ("sinks", "am", "headers", "X-Scope"),
]

SHAPES: list[Any] = [
    [SECRET],
    {"a": SECRET},
    [[SECRET]],
    [{"a": {"b": SECRET}}],
]


@pytest.mark.parametrize("value", SHAPES, ids=str)
@pytest.mark.parametrize("at", [place for place in SECRET_PLACES if len(place) == 4], ids=lambda at: at[-1])
def test_a_secret_in_the_wrong_shape(tmp_path: Path, at: tuple[str | int, ...], value: Any) -> None:
    problems = refused(tmp_path, yaml.dump(_put(FULL, at, value), Dumper=_Dumper))
    assert problems
    assert not leaks("".join(problems))


@pytest.mark.parametrize("at", SECRET_PLACES, ids=lambda at: at[-1])
def test_a_secret_for_its_mapping(tmp_path: Path, at: tuple[str | int, ...]) -> None:
    tree = _put(_put(FULL, at, SECRET), ("server",), 5)
    problems = refused(tmp_path, yaml.dump(tree, Dumper=_Dumper))
    assert problems
    assert not leaks("".join(problems))


@pytest.mark.parametrize(
    "written",
    ["*{}", "!{}", "&{}", '"{}', "'{}", "@{}", "`{}", "%{}", "[{}", "{{{}", "]{}", "|{}", ">{}", "{}: x",
     "x: {}", "{}\n  x", '"{}" y', "'{}' 'y'", "!!{}", "!<{}>", "!a!{}", "- {}", "? {}", ", {}", "\t{}\tx: y",
     '"\\q{}"', "!env {} x", "\x07{}"],
)  # fmt: skip
def test_a_secret_that_is_no_yaml(tmp_path: Path, written: str) -> None:
    password = written.format(SECRET)
    text = (
        "sources:\n  prometheus:\n    type: prometheus\n    url: http://localhost\n"
        f"    basic_auth:\n      username: me\n      password: {password}\nserver: 5\n"
    ) + PIPELINES
    path = tmp_path / "sentio.yml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load([path], {})
    said = "\n".join(p for p in error.value.problems if "!env" not in p)  # the name of a variable is no secret
    assert not leaks(said)


def test_what_an_adapter_quotes_is_redacted(tmp_path: Path) -> None:
    own = f"type: '{adapters.__name__}:Custom'"
    pipelines = "pipelines: {a: {source: mine, query: q}}\n"
    for first in ("hunter2-Xyzzy", "my-hunter2-Xyzzy"):
        text = f"sources: {{mine: {{{own}, chatty: !env A_SECRET}}}}\n" + pipelines
        (problem,) = refused(tmp_path, text, {"A_SECRET": first})
        assert problem.startswith("1: sources.mine.chatty: has a value that does not fit (it is a secret")
        assert not leaks(problem)
    text = f"sources: {{mine: {{{own}, token: {SECRET}, chatty: {SECRET}}}}}\n" + pipelines
    assert refused(tmp_path, text) == [
        "1: sources.mine.chatty: is <redacted>; fits is expected, not <redacted>",
    ]


def test_a_short_secret_is_not_quoted_either(tmp_path: Path) -> None:
    text = SOURCES + "pipelines: {a: {source: prometheus, query: q, step: !env A_SECRET}}\n"
    assert refused(tmp_path, text, {"A_SECRET": "15"}) == [
        "3: pipelines.a.step: has a value that does not fit (it is a secret, and not shown); "
        "a duration such as 15s, 5m or 14d is expected"
    ]


@pytest.mark.parametrize("text", ["30", "yes", "hunter2"])
def test_what_cannot_be_text_is_told_that_it_is(tmp_path: Path, text: str) -> None:
    """A number from a variable is none, however it is written there."""
    detector = "{type: prophet, interval_width: !env A_SECRET}"
    options = f"train: !env A_SECRET, detector: {detector}, alerts: {{enabled: !env A_SECRET}}"
    source = "{type: prometheus, url: http://x, retries: !env A_SECRET}"
    whole = f"sources: {{main: {source}}}\npipelines: {{a: {{source: main, query: q, {options}}}}}\n"
    said = "is text, as is all that comes from !env and !file"
    assert set(refused(tmp_path, whole, {"A_SECRET": text})) == {
        f"1: sources.main.retries: {said}; a whole number in the file itself is expected",
        f"2: pipelines.a.train: {said}; a mapping in the file itself is expected",
        f"2: pipelines.a.detector.interval_width: {said}; a number in the file itself is expected",
        f"2: pipelines.a.alerts.enabled: {said}; true or false in the file itself is expected",
    }


@pytest.mark.parametrize("tagged", ["!env A_SECRET", "!file a_secret"])
def test_one_newline_is_stripped(tmp_path: Path, tagged: str) -> None:
    for content, text in (
        ("abcd\n\n", "abcd\n"),
        ("abcd\r\n", "abcd"),
        ("abcd", "abcd"),
        (" abcd \n", " abcd "),
    ):
        (tmp_path / "a_secret").write_bytes(content.encode())
        source = f"{{type: prometheus, url: http://x, basic_auth: {{username: me, password: {tagged}}}}}"
        config = loaded(tmp_path, f"sources: {{prometheus: {source}}}\n" + PIPELINES, {"A_SECRET": content})
        assert config.secrets == {text}


HEADER = SOURCES + PIPELINES + "sinks: {hook: {type: webhook, url: 'http://x', headers: {X-Token: !env A_SECRET}}}\n"


@pytest.mark.parametrize(
    ("token", "right"),
    [
        (f"{SECRET}\n\n", "one line of text"),
        (f"one\r{SECRET}", "one line of text"),
        (f"{SECRET}\0", "one line of text"),
        (f"\u00a0{SECRET}", "text without blanks before it"),
        (f"{SECRET} \u20ac", "ASCII, or at most Latin-1,"),
    ],
)
def test_a_header_that_cannot_be_sent(tmp_path: Path, token: str, right: str) -> None:
    (problem,) = refused(tmp_path, HEADER, {"A_SECRET": token})
    where = "5: sinks.hook.headers.X-Token: has a value that does not fit (it is a secret, and not shown)"
    assert problem.startswith(f"{where}; {right}")
    assert not leaks(problem)


@pytest.mark.parametrize("token", ["", SECRET, f"{SECRET}\n", f"{SECRET}\tb ", "Zürich"])
def test_a_header_that_can_be_sent(tmp_path: Path, token: str) -> None:
    headers = loaded(tmp_path, HEADER, {"A_SECRET": token}).sinks["hook"].options.headers  # type: ignore[attr-defined]
    assert headers["X-Token"].get_secret_value() == token.removesuffix("\n")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone", "No such file or directory"),
        (".", "Is a directory"),
        ("binary", "not a file of UTF-8 text"),
        ('"a\\0b"', "not a file of UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    source = f"{{type: prometheus, url: http://x, headers: {{A: !file {name}}}}}"
    (problem,) = refused(tmp_path, f"sources: {{prometheus: {source}}}\n" + PIPELINES)
    assert f"which cannot be read ({said}); a file that can be read is expected" in problem


def test_a_variable_that_is_not_utf_8(tmp_path: Path) -> None:
    source = "{type: prometheus, url: http://x, headers: {A: !env A_SECRET}}"
    problems = refused(tmp_path, f"sources: {{prometheus: {source}}}\n" + PIPELINES, {"A_SECRET": "hunter\udcff"})
    assert problems == ["1: sources.prometheus.headers.A: is a secret that is not UTF-8; text in UTF-8 is expected"]
