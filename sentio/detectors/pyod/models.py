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
_TOGETHER = {"CD", "COF", "LMDD", "LOCI", "QMCD", "ROD", "SOD", "SOS"}
"""They judge many rows by one another, and say nothing, or always the same, of one alone."""
_NOT_FROM_YAML = {"DevNet", "LSCP", "SUOD", "XGBOD"}
"""They need labels, or models to be made of."""


def names() -> list[str]:
    """The models of this PyOD that learn from rows alone and can judge one by itself, sorted; some need a package
    more."""
    spec = find_spec("pyod")
    found = set()
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for file in Path(folder, "models").glob("*.py"):
            if not _NO_MODELS.match(file.name):
                found |= {name for name in _CLASS.findall(file.read_text("utf-8")) if name.lower() == file.stem}
    return sorted(found - _TOGETHER - _NOT_FROM_YAML)


def problems(name: str, params: Mapping[str, Any]) -> list[tuple[Loc, PydanticCustomError]]:
    """What is wrong with a model of that ``name`` and its ``params``, each at its place."""
    known = names()
    if name not in known:
        return [
            (
                ("name",),
                misfit(
                    f"is {show(name)}, which is no model of PyOD's that judges one sample by itself",
                    one_of(known, name),
                ),
            )
        ]
    try:
        found = _class(name)
    except Exception as error:  # noqa: BLE001 # some print, some raise what they like, where a package is missing
        wrong = f"is {show(name)}, which cannot be imported ({_line(error)})"
        return [(("name",), misfit(wrong, "what it needs beside PyOD is expected to be installed"))]
    takes = _takes(found)
    unknown = [p for p in params if p not in takes]
    if unknown:
        wrong = f"is no parameter of {name}"
        return [(("params", p), misfit(wrong, one_of(sorted(takes), p))) for p in unknown]
    try:
        made(name, params, 0)
    except Exception as error:  # noqa: BLE001 # whatever its own checks raise
        return [(("params",), misfit(f"is refused by {name} ({_line(error)})", "other values are expected"))]
    return []


def made(name: str, params: Mapping[str, Any], seed: int) -> Any:
    """A new model; where it takes them and ``params`` has none, its ``random_state`` is ``seed`` and it is not
    ``verbose``."""
    found = _class(name)
    ours = {"random_state": seed, "verbose": False}
    takes = _takes(found)
    with _quiet(seed):
        return found(**({name: value for name, value in ours.items() if name in takes} | dict(params)))


def fitted(name: str, params: Mapping[str, Any], seed: int, rows: Floats) -> Any:
    """A model that has learned ``rows [r, k]``, the same one each time. Raises `SeriesError`, and what PyOD raises."""
    model = made(name, params, seed)
    with _quiet(seed):
        model.fit(rows)
        one = model.predict_proba(rows[:1])[0, 1]
    if not (np.isfinite(model.decision_scores_).all() and np.isfinite(one)):
        raise SeriesError(f"{name} gives scores that are not finite; another model or other data are expected")
    return model


def hush() -> None:
    """Hear no warning of what models are made of, for good: each sample that is judged would bring it again, and what
    is filtered cannot be changed for one thread alone."""
    warnings.filterwarnings("ignore", module=r"(pyod|sklearn|scipy)\.")


def _class(name: str) -> type:
    with _quiet(0):
        found: type = getattr(importlib.import_module(f"pyod.models.{name.lower()}"), name)
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
