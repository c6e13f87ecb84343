"""PyOD's models by name: which there are, what they take, and one of them made and fitted.

Nothing of PyOD is imported before a model is asked for.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import re
import warnings
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from pydantic_core import PydanticCustomError

from sentio.config.misfit import Loc, misfit, one_of, show
from sentio.errors import SeriesError
from sentio.types import Floats

_CLASS = re.compile(r"^class (\w+)\(\w*Detector\):", re.MULTILINE)
_NO_MODELS = re.compile(r"base|pyg_|ts_|sklearn_base")
"""Of PyOD's files: what models are made of, and those of graphs and of whole series."""


def names() -> list[str]:
    """The models that this PyOD has, sorted; some need a package more."""
    spec = find_spec("pyod")
    found = set()
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for file in Path(folder, "models").glob("*.py"):
            if not _NO_MODELS.match(file.name):
                found |= {name for name in _CLASS.findall(file.read_text("utf-8")) if name.lower() == file.stem}
    return sorted(found)


def problems(name: str, params: Mapping[str, Any]) -> list[tuple[Loc, PydanticCustomError]]:
    """What is wrong with a model of that ``name`` and its ``params``, each at its place."""
    known = names()
    if name not in known:
        return [(("name",), misfit(f"is {show(name)}, which is no model of PyOD's", one_of(known, name)))]
    try:
        found = _class(name)
    except Exception as error:  # noqa: BLE001 # some print, some raise what they like, where a package is missing
        wrong = f"is {show(name)}, which cannot be imported ({_line(error)})"
        return [(("name",), misfit(wrong, "what it needs beside PyOD is expected to be installed"))]
    takes = _takes(found)
    right = one_of(sorted(takes)) if takes else "no parameter is expected"
    unknown = [p for p in params if p not in takes]
    if unknown:
        wrong = f"is no parameter of {name}"
        return [(("params", p), misfit(wrong, one_of(sorted(takes), p) if takes else right)) for p in unknown]
    lacking = [p for p, one in takes.items() if one.default is inspect.Parameter.empty and p not in params]
    if lacking:
        return [(("params",), misfit(f"lacks {' and '.join(lacking)}", f"what {name} cannot do without is expected"))]
    try:
        made(name, params, 0)
    except Exception as error:  # noqa: BLE001 # whatever its own checks raise
        return [(("params",), misfit(f"is refused by {name} ({_line(error)})", "other values are expected"))]
    return []


def made(name: str, params: Mapping[str, Any], seed: int) -> Any:
    """A new model; its ``random_state`` is ``seed`` where it takes one and ``params`` has none."""
    found = _class(name)
    random = {"random_state": seed} if "random_state" in _takes(found) else {}
    with _quiet(seed):
        return found(**(random | dict(params)))


def fitted(name: str, params: Mapping[str, Any], seed: int, rows: Floats) -> Any:
    """A model that has learned ``rows [r, k]``, the same one each time. Raises `SeriesError`, and what PyOD raises."""
    model = made(name, params, seed)
    with _quiet(seed):
        model.fit(rows)
    if not np.isfinite(model.decision_scores_).all():
        raise SeriesError(f"{name} gives scores that are not finite; another model or other data are expected")
    return model


def _class(name: str) -> type:
    with _quiet(0):
        found: type = getattr(importlib.import_module(f"pyod.models.{name.lower()}"), name)
    # For good: each sample that is judged would say it again, and filters cannot be changed for one thread alone.
    warnings.filterwarnings("ignore", module=r"(pyod|sklearn|scipy)\.")
    return found


def _takes(found: type) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(found).parameters
    return {name: p for name, p in parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}


@contextlib.contextmanager
def _quiet(seed: int) -> Iterator[None]:
    """Without what models print and warn of, each line about one series that it does not name; and with the random
    numbers of those that take no ``random_state`` seeded."""
    before = np.random.get_state()
    np.random.seed(seed)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(before)


def _line(error: BaseException) -> str:
    """On one line, without what would end a sentence."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:120].rstrip(".")
