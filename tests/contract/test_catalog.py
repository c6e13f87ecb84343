"""Every adapter of the catalog against every check of its kind."""

from __future__ import annotations

import builtins
import importlib
import json
import os
import socket

import pytest

from sentio import catalog
from sentio.config.delivery import Delivery
from sentio.config.options import Options
from sentio.contracts import Sink, Source
from tests.contract import detector_checks, sink_checks
from tests.here import Here

LEAST = {("sources", "prometheus"): {"url": "http://127.0.0.1:1"}}
LEAST |= {("sources", name): {"path": "samples"} for name in ("csv", "recording")}
LEAST |= {("detectors", "several"): {"of": {"a": {"type": "gaussian1d"}, "b": {"type": "gaussian1d", "batch": 40}}}}
LEAST |= {("sinks", name): sink_checks.options_of(name, 1) for name in catalog.names("sinks")}
LEAST |= {("detectors", name): {"window": {"period": "6h", "every": "3h"}} for name in ("tukey", "welch")}
LEAST |= {("detectors", "threshold"): {"lower": 0, "upper": 100}}
"""The options that an adapter cannot do without; for windows of time, some that fit the distances of the samples."""

ADAPTERS = [(kind, name) for kind in catalog.CATALOG for name in catalog.names(kind)]
OWN = ("tests/configs/own/detectors.py:Band", "tests.configs.own.detectors:Share", "tests.configs.own.detectors:Plain")
"""Classes of one's own: in datastream.io's later and first vocabulary, and in ours."""
DETECTORS = (*catalog.names("detectors"), *OWN)
SINKS = catalog.names("sinks")


def make(kind: str, name: str):
    found = catalog.resolve(kind, name)
    # As from a file, where a list is a tuple.
    options = found.Options.model_validate_json(json.dumps(LEAST.get((kind, name), {})))
    if kind == "detectors":
        return found(options, Here())
    return found(options)


@pytest.mark.parametrize("check", detector_checks.CHECKS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("name", DETECTORS)
def test_detector(name, check):
    check(make("detectors", name))


@pytest.mark.parametrize("check", sink_checks.CHECKS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("name", SINKS)
def test_sink(name, check):
    with sink_checks.bench(name) as bench:
        check(bench)


@pytest.mark.parametrize("name", SINKS)
def test_a_sink_whose_receiver_is_not_there(name):
    sink_checks.check_nobody_there(name)


@pytest.mark.parametrize("name", SINKS)
def test_a_sink_has_the_options_of_all(name):
    assert issubclass(catalog.resolve("sinks", name).Options, Delivery)


@pytest.mark.parametrize(("kind", "name"), ADAPTERS)
def test_an_adapter_is_made_without_network_or_disk(kind, name, monkeypatch):
    importlib.import_module(catalog.CATALOG[kind][name].partition(":")[0])

    def refuse(*_args, **_kwargs):
        raise AssertionError("an adapter's __init__ touches nothing")

    options = catalog.resolve(kind, name).Options.model_validate_json(json.dumps(LEAST.get((kind, name), {})))
    for module, function in ((socket, "socket"), (builtins, "open"), (os, "open"), (os, "stat")):
        monkeypatch.setattr(module, function, refuse)
    found = catalog.resolve(kind, name)
    made = found(options, Here()) if kind == "detectors" else found(options)
    monkeypatch.undo()
    assert made is not None


@pytest.mark.parametrize(("kind", "name"), [*ADAPTERS, *(("detectors", name) for name in OWN)])
def test_an_adapter_has_documented_options_and_methods(kind, name):
    found = catalog.resolve(kind, name)
    assert issubclass(found.Options, Options)
    assert (found.__doc__ or "").strip()
    assert (found.Options.__doc__ or "").strip()
    made = make(kind, name)
    if kind == "sources":
        assert isinstance(made, Source)
    if kind == "sinks":
        assert isinstance(made, Sink)
