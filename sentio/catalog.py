"""Every adapter by its kind and name. A class is imported when it is first asked for, so that a configuration
without it does not pay for it."""

from __future__ import annotations

import hashlib
import importlib
import re
import sys
from pathlib import Path
from types import MappingProxyType, ModuleType

from pydantic_core import PydanticCustomError

from sentio.config.misfit import one_of, show
from sentio.config.options import Options
from sentio.errors import ConfigError

CATALOG = MappingProxyType(
    {
        "sources": {
            "csv": "sentio.sources.csv:Csv",
            "prometheus": "sentio.sources.prometheus:Prometheus",
            "recording": "sentio.sources.recording:Recording",
        },
        "detectors": {
            "changefinder": "sentio.detectors.changefinder:ChangeFinder",
            "gaussian1d": "sentio.detectors.gaussian1d:Gaussian1D",
            "lof": "sentio.detectors.lof:LOF",
            "mad": "sentio.detectors.mad:Mad",
            "moving_avg": "sentio.detectors.moving_avg:MovingAvg",
            "percentile": "sentio.detectors.percentile:Percentile",
            "percentile1d": "sentio.detectors.percentile:Percentile1D",
            "prophet": "sentio.detectors.prophet:Prophet",
            "quantile1d": "sentio.detectors.percentile:Quantile1D",
            "pyod": "sentio.detectors.pyod:Pyod",
            "several": "sentio.detectors.several:Several",
            "threshold": "sentio.detectors.threshold:Threshold",
            "tukey": "sentio.detectors.tukey:Tukey",
            "welch": "sentio.detectors.welch:Welch",
            "sst": "sentio.detectors.sst:SST",
        },
        "sinks": {
            "alertmanager": "sentio.sinks.alertmanager:Alertmanager",
            "apprise": "sentio.sinks.apprise:Apprise",
            "email": "sentio.sinks.email:Email",
            "slack": "sentio.sinks.slack:Slack",
            "webhook": "sentio.sinks.webhook:Webhook",
        },
    }
)
"""kind → name → ``module:Class``. A new adapter is one line here."""

_VERBS = MappingProxyType({"sources": ("read",), "detectors": ("fit", "score"), "sinks": ("emit",)})
"""kind → the methods of `sentio.contracts` that its classes have."""

_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
_FILE = re.compile(r"[^\0]+\.py:[^\W\d]\w*")


class UnusableTypeError(ConfigError):
    """A ``type`` names no class that could be used.

    ``wrong`` and ``right`` are the two halves of the text, for who knows the file and line to put before it.
    """

    def __init__(self, kind: str, name: object, wrong: str, right: str) -> None:
        super().__init__(f"{kind}: type {show(name)}: {wrong}; {right}")
        self.wrong = wrong
        self.right = right


def names(kind: str) -> tuple[str, ...]:
    """The names that a ``type`` of this kind can have, beside classes of one's own."""
    return tuple(sorted(CATALOG[kind]))


def resolve(kind: str, name: str) -> type:
    """The class that ``name`` stands for: a name of the catalog, ``my_pkg.mod:Class`` or ``path/to/file.py:Class``.

    It has an ``Options`` (a subclass of `sentio.config.options.Options`) and the methods of its kind; a detector's
    class that is made as datastream.io's are comes in an adapter. Raises `ConfigError`: unknown name, a module that
    cannot be imported, a class that is not there or does not fit.
    """
    path = CATALOG[kind].get(name, name)
    is_file = _FILE.fullmatch(path)
    if not is_file and not _PATH.fullmatch(path):
        known = one_of(names(kind), name, also="a module:Class of your own")
        raise UnusableTypeError(kind, name, f"is {show(name)}, which is not a known type", known)
    place, _, class_name = path.rpartition(":")
    what = "file" if is_file else "module"
    try:
        module = load_module(place)
    except UnreadableError as error:
        wrong = f"is {show(name)}, and {place} cannot be read ({error})"
        right = "the path of a Python file, from the working directory, is expected"
        raise UnusableTypeError(kind, name, wrong, right) from error
    except (Exception, SystemExit) as error:  # a user's module may raise anything at all
        wrong = f"is {show(name)}, whose {what} cannot be imported ({type(error).__name__}: {_line(error)})"
        raise UnusableTypeError(kind, name, wrong, f"a {what} that imports is expected") from error
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        wrong = f"is {show(name)}, but the {what} {place} has no class {class_name}"
        raise UnusableTypeError(kind, name, wrong, f"{'path/to/file.py' if is_file else 'module'}:Class is expected")
    if kind == "detectors" and not _has_options(found):
        return _adapted(name, found)
    _check(kind, name, found)
    return found


class UnreadableError(Exception):
    """There is no such file, or none that can be read."""


def load_module(place: str) -> ModuleType:
    """The module ``my_pkg.mod``, or that in the file ``path/to/file.py``. Raises `UnreadableError`, and whatever it
    raises itself."""
    return _of_file(place) if place.endswith(".py") else importlib.import_module(place)


def _of_file(path: str) -> ModuleType:
    """The module in this file, under a name of its own, so that two files of one name are two. It is run anew when
    its text has changed."""
    try:
        text = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise UnreadableError(getattr(error, "strerror", None) or _line(error)) from error
    place = str(Path(path).resolve())
    name = "sentio_own_" + hashlib.sha256(place.encode() + b"\0" + text).hexdigest()[:16]
    if name not in sys.modules:
        module = ModuleType(name)
        module.__file__ = place
        sys.modules[name] = module  # where a dataclass looks for its module
        try:
            exec(compile(text, path, "exec"), module.__dict__)  # noqa: S102  # the configuration says so
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def _adapted(name: str, found: type) -> type:
    """Imported here, for few have one and it brings pandas."""
    own = importlib.import_module("sentio.detectors.own")
    try:
        adapter: type = own.adapted(found)
    except PydanticCustomError as error:
        said = error.context or {}
        raise UnusableTypeError("detectors", name, f"is {show(name)}, {said['wrong']}", said["right"]) from error
    return adapter


def _has_options(found: type) -> bool:
    options = getattr(found, "Options", None)
    return isinstance(options, type) and issubclass(options, Options)


def _check(kind: str, name: str, found: type) -> None:
    """Raises `UnusableTypeError` unless ``found`` has what an adapter of its kind must have."""
    if not _has_options(found):
        raise UnusableTypeError(
            kind,
            name,
            f"is {show(name)}, a class without Options",
            "a nested class Options(sentio.config.options.Options) is expected",
        )
    lacking = [verb for verb in _VERBS[kind] if not callable(getattr(found, verb, None))]
    if lacking:
        raise UnusableTypeError(
            kind,
            name,
            f"is {show(name)}, a class without the method {' and '.join(lacking)}",
            f"one of the {kind} has {' and '.join(_VERBS[kind])}",
        )


def _line(error: BaseException) -> str:
    """The first line of what an exception says; a message is one line."""
    return (str(error).splitlines() or [""])[0]
