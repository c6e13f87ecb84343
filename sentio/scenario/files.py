"""Scenarios are files of one folder; the name of a scenario is that of its file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from sentio.config.explain import explain
from sentio.config.load import read_tree, refusal
from sentio.config.misfit import one_of
from sentio.config.tree import Node, Problem
from sentio.errors import ConfigError
from sentio.scenario.shape import Scenario

_LEVELS = ("cpu", "memory", "disk")


def names(folder: Path) -> list[str]:
    """Of all scenarios in it. Raises `ConfigError` when there is none."""
    found = sorted(path.stem for path in folder.glob("*.yaml") if not path.name.startswith("."))
    if not found:
        raise ConfigError(f"{folder}: has no *.yaml; a folder of scenarios is expected, named by --dir")
    return found


def find(folder: Path, name: str) -> Path:
    """The file of a scenario. Raises `ConfigError` when there is none of that name."""
    known = names(folder)
    if name not in known:
        raise ConfigError(f"{name}: is no scenario of {folder}; {one_of(known, name)}")
    return folder / f"{name}.yaml"


def load_scenario(path: Path, environ: Mapping[str, str]) -> Scenario:
    """Raises `ConfigError` with every problem, as `sentio.config.load.load` does."""
    problems: list[Problem] = []
    root = read_tree(path, environ, problems, "description, container and phases")
    if root is not None:
        root = _written_out(root)
        try:
            scenario = Scenario.model_validate_json(json.dumps(root.plain()), strict=True)
        except ValidationError as error:
            problems += explain(error, root, Scenario)
        else:
            if not problems:
                return scenario
    raise refusal(problems)


def _written_out(root: Node) -> Node:
    """The tree without its short forms. What they stand for keeps their places, so that a problem has its line."""
    phases = root.child("phases")
    if phases is None or not isinstance(phases.value, list):
        return root
    return _with(root, "phases", replace(phases, value=[_phase(phase) for phase in phases.value]))


def _phase(phase: Node) -> Node:
    """``load: {…}`` is a list of one."""
    load = phase.child("load")
    if load is None:
        return phase
    if isinstance(load.value, dict):
        load = replace(load, value=[load])
    if isinstance(load.value, list):
        load = replace(load, value=[_load(one) for one in load.value])
    return _with(phase, "load", load)


def _load(load: Node) -> Node:
    """``cpu: 50`` is from 50 to 50."""
    for name in _LEVELS:
        level = load.child(name)
        if level is not None and isinstance(level.value, str | int | float):
            load = _with(load, name, replace(level, value={"from": level, "to": level}))
    return load


def _with(node: Node, key: str, entry: Node) -> Node:
    return replace(node, value={**node.mapping, key: entry})
