"""``shard.index`` where the file leaves it out: the number at the end of the pod's name, as a StatefulSet gives it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from sentio.config.misfit import show
from sentio.config.tree import Node, Problem, join

_NAMES = ("POD_NAME", "HOSTNAME")
_NUMBER = re.compile(r".*-([0-9]{1,6})")
_EXPECTED = "a number from 0 up is expected, here or at the end of one of them"


def with_index(root: Node, environ: Mapping[str, str], problems: list[Problem]) -> Node:
    """The tree with ``index`` put under ``shard``; unchanged where it is there, or where there is no shard."""
    shard = root.child("shard")
    if shard is None or not isinstance(shard.value, dict) or "index" in shard.value:
        return root
    path, index = join(shard.path, "index"), None
    try:
        index = _index(environ, shard.child("of"))
    except ValueError as error:
        problems.append(Problem(shard.place, path, f"is missing, and {error}"))
    node = Node(index, shard.place, path, shard.key, broken=index is None)
    return replace(root, value={**root.mapping, "shard": replace(shard, value={**shard.value, "index": node})})


def _index(environ: Mapping[str, str], of: Node | None) -> int:
    """Raises `ValueError`: there is no such number, or none that could be one of so many."""
    name = next((name for name in _NAMES if environ.get(name)), None)
    if name is None:
        raise ValueError(f"neither {' nor '.join(_NAMES)} is set; {_EXPECTED}")
    found = _NUMBER.fullmatch(environ[name])
    if found is None:
        raise ValueError(f"{name} is {show(environ[name])}, without a number such as -0 at its end; {_EXPECTED}")
    index = int(found[1])
    if of is not None and type(of.value) is int and index >= of.value > 0:
        raise ValueError(f"that of {name} is {index}; a number below shard.of ({of.value}) is expected")
    return index
