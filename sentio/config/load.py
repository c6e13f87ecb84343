"""Reads a configuration from files and directories; `load` is the way in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path

from pydantic import ValidationError

from sentio.config.explain import explain, explain_misfits, secrets_written
from sentio.config.misfit import kind
from sentio.config.model import Config, unknown_sinks, unknown_sources
from sentio.config.shard import with_index
from sentio.config.tree import DOCUMENT, Node, Place, Problem, merge
from sentio.config.yamlfile import MAX_BYTES, YamlFile
from sentio.errors import ConfigError

_SHARED = ("sources", "pipelines", "sinks")
"""The sections whose entries may be spread over several files."""


def load(paths: Sequence[Path], environ: Mapping[str, str], over: Sequence[tuple[str, str]] = ()) -> Config:
    """The configuration that these files make together; a directory stands for its ``*.yaml`` and ``*.yml``.

    ``over``: YAML texts that are laid over what the files say, the later over the earlier, each with the name that
    messages call it by. Without ``paths`` they are all there is.

    Raises `ConfigError` with every problem in all of them, one a line: ``FILE:LINE: yaml.path: what is wrong;
    what would be right``. No secret is in it. Only the files, and those that ``!file`` names, are touched.
    """
    if not paths and not over:
        raise ConfigError("config: is not given; a YAML file or a directory of them is expected")
    problems: list[Problem] = []
    roots = []
    for path in _files(paths, problems):
        root = read_tree(path, environ, problems)
        roots += [] if root is None else [root]
    laid = _laid_over(over, environ, problems)
    if roots or (laid and not paths):
        whole = all(problem.path != DOCUMENT for problem in problems)
        root = _with_defaults(_together(roots, problems), problems) if roots else laid.pop(0)
        root = reduce(merge, laid, root)
        root = with_index(root, environ, problems)
        config, refused = validate(root, whole=whole)
        problems += refused
        if config is not None and not problems:
            return config
    raise refusal(problems)


def _laid_over(over: Iterable[tuple[str, str]], environ: Mapping[str, str], problems: list[Problem]) -> list[Node]:
    """The trees of YAML texts; what none can be made of is a problem."""
    roots = []
    for name, text in over:
        file = YamlFile(name, environ)
        root = file.read(text.encode())
        problems += file.problems
        roots += [] if root is None else [root]
    return roots


def read_tree(
    path: Path, environ: Mapping[str, str], problems: list[Problem], holds: str = "sources and pipelines"
) -> Node | None:
    """One file as it is written; None, with a problem, when nothing could be made of it.

    ``holds``: what a file is expected to have.
    """
    data = _bytes(path, problems)
    if data is None:
        return None
    file = YamlFile(str(path), environ, holds)
    root = file.read(data)
    problems += file.problems
    return root


def refusal(problems: Iterable[Problem]) -> ConfigError:
    """All of them, in the order of their lines."""
    return ConfigError(*(str(p) for p in sorted(problems, key=lambda p: (p.place.file, p.place.line))))


def validate(root: Node, *, whole: bool = True) -> tuple[Config | None, list[Problem]]:
    """The tree as a `Config`, or every problem with it.

    ``whole``: the tree is all there is; otherwise what it lacks may stand where it could not be read, and is
    not held against it.
    """
    try:
        config = Config.model_validate_json(json.dumps(root.plain()), strict=True)
    except ValidationError as error:
        problems = explain(error, root, elsewhere=() if whole else _SHARED)
    else:
        return config.marked(secrets_written(root)), []
    if not whole:
        return None, problems
    # Pydantic looks at the whole only when each part is right; the names are compared whatever else is wrong.
    sources, pipelines, sinks = (node.mapping if (node := root.child(name)) else {} for name in _SHARED)
    wanted = {alias: node.child("source") for alias, node in pipelines.items()}
    named = {alias: node.value for alias, node in wanted.items() if node is not None}
    told = {alias: _items(node.child("sinks")) for alias, node in pipelines.items()}
    strays = explain_misfits([*unknown_sources(sources, named), *unknown_sinks(sinks, told)], root)
    return None, list(dict.fromkeys([*problems, *strays]))


def _items(node: Node | None) -> list[object]:
    return [one.value for one in node.value] if node is not None and isinstance(node.value, list) else []


def _files(paths: Iterable[Path], problems: list[Problem]) -> list[Path]:
    """The files to read, those of a directory in the order of their names."""
    files: list[Path] = []
    for path in paths:
        try:
            inside = sorted(filter(_is_ours, path.iterdir())) if path.is_dir() else [path]
        except OSError as error:
            problems.append(_unreadable(path, error))
            continue
        if not inside:
            text = "has no *.yaml or *.yml; at least one is expected"
            problems.append(Problem(Place(str(path), 1), DOCUMENT, text))
        files += inside
    return files


def _is_ours(path: Path) -> bool:
    # A leading dot: what an editor or a Kubernetes volume keeps for itself.
    return path.suffix in (".yaml", ".yml") and not path.name.startswith(".")


def _bytes(path: Path, problems: list[Problem]) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        problems.append(_unreadable(path, error))
        return None


def _unreadable(path: Path, error: OSError) -> Problem:
    text = f"cannot be read ({error.strerror}); a YAML file or a directory of them is expected"
    return Problem(Place(str(path), 1), DOCUMENT, text)


def _together(roots: Sequence[Node], problems: list[Problem]) -> Node:
    """One tree of several files. What two of them say is a problem, told at the second place."""
    whole = dict(roots[0].mapping)
    for root in roots[1:]:
        for name, node in root.mapping.items():
            before = whole.get(name)
            if before is None:
                whole[name] = node
            elif name in _SHARED and isinstance(before.value, dict) and isinstance(node.value, dict):
                for alias in before.value.keys() & node.value.keys():
                    problems.append(_twice(node.value[alias], before.value[alias]))
                whole[name] = replace(before, value={**node.value, **before.value})
            else:
                problems.append(_twice(node, before))
    return replace(roots[0], value=whole)


def _twice(node: Node, before: Node) -> Problem:
    return Problem(node.key, node.path, f"is in {before.key} already; one of the two is expected")


def _with_defaults(root: Node, problems: list[Problem]) -> Node:
    """The tree with ``defaults`` put under each pipeline."""
    whole = dict(root.mapping)
    defaults = whole.pop("defaults", None)
    pipelines = whole.get("pipelines")
    if defaults is not None and not isinstance(defaults.value, dict):
        if not defaults.broken:
            text = f"is {kind(defaults.value)}; a mapping is expected"
            problems.append(Problem(defaults.place, defaults.path, text))
    elif defaults is not None and pipelines is not None:
        merged = {alias: merge(defaults, node) for alias, node in pipelines.mapping.items()}
        if isinstance(pipelines.value, dict):
            whole["pipelines"] = replace(pipelines, value=merged)
    return replace(root, value=whole)
