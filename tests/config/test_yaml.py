"""What YAML can do to a configuration."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from .refusals import PIPELINES, SOURCES, loaded, refused


def query(folder: Path, text: str) -> str:
    pipelines = f"pipelines:\n  cpu:\n    source: prometheus\n    query: {text}\n"
    return loaded(folder, SOURCES + pipelines).pipelines["cpu"].query


@pytest.mark.parametrize("text", ["no", "on", "Yes", "010", "1_000", "1:30", "0x1F", "2026-01-01", "=", ".5.5"])
def test_text_that_older_yaml_takes_for_something_else(tmp_path: Path, text: str) -> None:
    assert query(tmp_path, text) == text


@pytest.mark.parametrize("text", ["5", "-5", "1e3", ".5", "1.", "true", "FALSE", "null", "~", ".inf", "-.inf", ".NaN"])
def test_what_is_no_text_without_quotes(tmp_path: Path, text: str) -> None:
    pipelines = f"pipelines:\n  cpu: {{source: prometheus, query: {text}}}\n"
    assert len(refused(tmp_path, SOURCES + pipelines)) == 1
    assert query(tmp_path, f"'{text}'") == text


def test_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    text = "\ufeff" + (SOURCES + PIPELINES).replace("\n", "\r\n")
    assert set(loaded(tmp_path, text).pipelines) == {"cpu"}


def test_anchors_and_merges(tmp_path: Path) -> None:
    text = SOURCES + (
        "pipelines:\n"
        "  a: &a {source: prometheus, query: up, step: &long 1m, train: {window: 7d}}\n"
        "  b: &b {<<: *a, query: down}\n"
        "  c: {<<: [*b, *a], step: 30s, score: {every: *long}}\n"
    )
    a, b, c = loaded(tmp_path, text).pipelines.values()
    assert (b.query, b.train, b.step) == ("down", a.train, a.step)
    assert (c.query, c.score.every, c.step) == ("down", a.step, a.step // 2)


def test_a_mistake_in_an_anchor_is_told_where_it_is_written(tmp_path: Path) -> None:
    text = "pipelines:\n  a: &a\n    source: prometheus\n    query: up\n    step: 5\n  b: *a\n" + SOURCES
    wrong = "is 5; a duration such as 15s, 5m or 14d is expected"
    assert refused(tmp_path, text) == [f"5: pipelines.a.step: {wrong}", f"5: pipelines.b.step: {wrong}"]


_SIGNS = "has text that YAML takes for signs of its own; '…' round all of it, with '' for each ' in it, is expected"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1: document: is empty; a mapping with sources and pipelines is expected"),
        ("---\n", "1: document: is empty; a mapping with sources and pipelines is expected"),
        ("hello\n", "1: document: is text; a mapping with sources and pipelines is expected"),
        ("{}", "1: pipelines: is missing; it has no default and must be given"),
        ("a: \0\n", "1: document: has a control character; printable text is expected"),
        ("? [a]\n: b\n", "1: document: has a key that is not plain text; a name is expected"),
        ("!env X : b\n", "1: document: has a key that is not plain text; a name is expected"),
        ("a: !!int x\n", "1: a: does not fit its tag; a value that fits is expected"),
        ("a: !!python/name:os.system\n", "1: a: does not fit its tag; a value that fits is expected"),
        ("a: !!bool maybe\n", "1: a: does not fit its tag; a value that fits is expected"),
        ("a: !env\n", "1: a: is !env without a name; !env NAME is expected"),
        ("a: !env [b]\n", "1: a: is !env without a name; !env NAME is expected"),
        ('a: "\\ud800"\n', "1: a: has half a character (\\ud800); whole ones are expected"),
        ("a: " + "9" * 5000, "1: a: does not fit its tag; a value that fits is expected"),
        ("a: " + "[" * 5000, "1: document: has more than 40 levels; a configuration with fewer is expected"),
        ("a: b: c\n", "1: document: has ': ' where no key can be; quotes round text with ': ' are expected"),
        ("a: 1\n  b: 2\n", "2: document: is indented unevenly; entries in one column are expected"),
        ("a: 'up{job='node'}'\n", "1: document: " + _SIGNS),
        ("a: > 3\n", "1: document: " + _SIGNS),
        ("a: {{ score }} > 1\n", "1: document: " + _SIGNS),
        ('a: "\\d"\n', "1: document: " + _SIGNS),
        ("a: - b\n", "1: document: " + _SIGNS),
        ("a: {b: rate(up[5m])}\n", "1: document: has brackets that are not closed, lacks a comma, "
         "or has text with brackets; [a, b], {a: b}, or quotes round the text, are expected"),
        ("a: 1\nb\n", "3: document: has a line without ': '; key: value is expected"),
        ("a: @b\n", "1: document: has a value that starts with %, @ or `; quotes round it are expected"),
        ("&a a: 1\n&a b: 1\n", "2: document: has an anchor that is there twice; "
         "a name of its own for each is expected"),
        ("a: *c\n", "1: document: has a * that names no anchor before it; "
         "&name earlier, or quotes, are expected"),
        ("%YAML 3.0\n---\na: 1\n", "1: document: is not YAML; valid YAML is expected"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in refused(tmp_path, text)


@pytest.mark.parametrize("shape", ["[*a{0}, *a{0}]", "{{<<: [*a{0}, *a{0}, *a{0}]}}", "{{x: *a{0}, y: *a{0}}}"])
def test_aliases_of_aliases_are_bounded(tmp_path: Path, shape: str) -> None:
    lines = ["a0: &a0 {b: c}"] + [f"a{i + 1}: &a{i + 1} " + shape.format(i) for i in range(35)]
    before = time.process_time()
    problems = refused(tmp_path, "\n".join(lines))
    assert any("100000 values" in problem for problem in problems)
    assert time.process_time() - before < 30


def test_deep_aliases_do_not_exhaust_the_stack(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x]"]
    for i in range(sys.getrecursionlimit() // 10):
        lines.append(f"a{i + 1}: &a{i + 1} " + "[" * 30 + f"*a{i}" + "]" * 30)
    problems = refused(tmp_path, "\n".join(lines))
    assert any("more than 40 levels" in problem for problem in problems)


def test_strange_keys_and_values_stay_on_one_line(tmp_path: Path) -> None:
    text = SOURCES + PIPELINES + '"a\\nb\\u2028\\"": 1\nserver: {listen: "x\\ny\\u0085\\u202e"}\n'
    assert refused(tmp_path, text) == [
        '5: "a\\nb\\u2028\\"": unknown key; '
        "defaults, executor, pipelines, server, shard, sinks, sources or store is expected",
        '6: server.listen: is "x\\ny\\u0085\\u202e"; host:port such as 0.0.0.0:8000 is expected',
    ]
