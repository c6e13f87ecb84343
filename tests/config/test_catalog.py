"""Adapters by name, and by ``module:Class``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sentio import catalog
from sentio.config.adapter import DetectorBlock, SourceBlock
from sentio.errors import ConfigError

from . import adapters
from .refusals import SOURCES, loaded, refused

OWN = adapters.__name__


def test_names() -> None:
    assert "prometheus" in catalog.names("sources")
    assert "prophet" in catalog.names("detectors")
    assert "slack" in catalog.names("sinks")


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in catalog.CATALOG for name in catalog.names(kind)])
def test_classes_of_the_catalog(kind: str, name: str) -> None:
    assert catalog.resolve(kind, name).__name__ == catalog.CATALOG[kind][name].partition(":")[2]


def test_a_class_of_ones_own() -> None:
    assert catalog.resolve("sources", f"{OWN}:Custom") is adapters.Custom
    assert catalog.resolve("detectors", f"{OWN}:Detector") is adapters.Detector


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        (
            "sources",
            "Prometeus",
            'sources: type "Prometeus": is "Prometeus", which is not a known type; '
            "csv, prometheus, recording or a module:Class of your own is expected (did you mean prometheus?)",
        ),
        (
            "detectors",
            "no_such.module:X",
            'detectors: type "no_such.module:X": is "no_such.module:X", whose module cannot be imported '
            "(ModuleNotFoundError: No module named 'no_such'); a module that imports is expected",
        ),
        (
            "sources",
            f"{OWN}:Absent",
            f'sources: type "{OWN}:Absent": is "{OWN}:Absent", but the module {OWN} has no class Absent; '
            "module:Class is expected",
        ),
        (
            "sources",
            f"{OWN}:not_a_class",
            f'sources: type "{OWN}:not_a_class": is "{OWN}:not_a_class", but the module {OWN} has no class '
            "not_a_class; module:Class is expected",
        ),
        (
            "sinks",
            f"{OWN}:NoOptions",
            f'sinks: type "{OWN}:NoOptions": is "{OWN}:NoOptions", a class without Options; '
            "a nested class Options(sentio.config.options.Options) is expected",
        ),
        (
            "sinks",
            f"{OWN}:LooseOptions",
            f'sinks: type "{OWN}:LooseOptions": is "{OWN}:LooseOptions", a class without Options; '
            "a nested class Options(sentio.config.options.Options) is expected",
        ),
        (
            "detectors",
            f"{OWN}:NoMethods",
            f'detectors: type "{OWN}:NoMethods": is "{OWN}:NoMethods", '
            "a class without the method fit and score; one of the detectors has fit and score",
        ),
    ],
)
def test_what_cannot_be_used(kind: str, name: str, text: str) -> None:
    with pytest.raises(ConfigError) as unusable:
        catalog.resolve(kind, name)
    assert str(unusable.value) == text


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise RuntimeError('no\\nway')", "RuntimeError: no"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def broken(:", "SyntaxError: invalid syntax (raises.py, line 1)"),
    ],
)
def test_a_module_that_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: str) -> None:
    (tmp_path / "raises.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("raises", None)
    with pytest.raises(ConfigError) as unusable:
        catalog.resolve("sources", "raises:X")
    assert f"whose module cannot be imported ({said}); a module that imports" in str(unusable.value)


def test_a_configuration_with_adapters_of_ones_own(tmp_path: Path) -> None:
    text = (
        f"sources: {{mine: {{type: '{OWN}:Custom', url: 'http://x/', size: 2KiB, mode: 5}}}}\n"
        f"pipelines: {{a: {{source: mine, query: q, detector: {{type: '{OWN}:Detector'}}}}}}\n"
    )
    config = loaded(tmp_path, text)
    options = config.sources["mine"].options
    assert isinstance(options, adapters.Custom.Options)
    assert (options.url, options.size, options.mode) == ("http://x", 2048, 5)
    assert isinstance(config.pipelines["a"].detector.options, adapters.Detector.Options)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("mode: c", '.mode: is "c"; a or b, or true or false, or a whole number is expected'),
        ("mode: 1.5", ".mode: is 1.5; a or b, or true or false, or a whole number is expected"),
        ("many: {x: {token: a, wen: 1s}}", ".many.x.wen: unknown key; did you mean when?"),
        ("many: {x: {when: 1}}", ".many.x.token: is missing; it has no default and must be given"),
        ("many: [1]", ".many: is a list; a mapping is expected"),
        ("token: [abc]", ".token: is a list; text, or a mapping is expected"),
        ("inner: abc", ".inner: is text; a mapping is expected"),
        ("chatty: x", ".chatty: is x; fits is expected, not x"),
        ("chatty: mx", ".chatty: is mx; fits is expected"),
        ("plain: [1]", ".plain: is a list; text is expected"),
        ("size: 1", ".size: is 1; a size such as 64MiB or 1GB is expected"),
    ],
)
def test_what_is_said_of_their_options(tmp_path: Path, options: str, problem: str) -> None:
    text = f"sources: {{mine: {{type: '{OWN}:Custom', {options}}}}}\npipelines: {{a: {{source: mine, query: q}}}}\n"
    assert f"1: sources.mine{problem}" in refused(tmp_path, text)


def test_a_detector_that_takes_no_options(tmp_path: Path) -> None:
    detector = f"{{type: '{OWN}:Detector', x: 1}}"
    text = SOURCES + f"pipelines: {{a: {{source: prometheus, query: q, detector: {detector}}}}}\n"
    assert refused(tmp_path, text) == ["3: pipelines.a.detector.x: unknown key; type is expected"]


def test_blocks_are_equal_when_nothing_differs() -> None:
    block = {"type": f"{OWN}:Custom", "token": "secret one"}
    assert SourceBlock.of(block) == SourceBlock.of(dict(block))
    assert SourceBlock.of(block) != SourceBlock.of(block | {"token": "secret two"})
    assert SourceBlock.of(SourceBlock.of(block)) == SourceBlock.of(block)
    assert "secret" not in repr(SourceBlock.of(block))
    assert DetectorBlock.of({}).type == "prophet"
