"""Every adapter by its kind and name. A class is imported when it is first asked for, so that a configuration
without it does not pay for it."""

from __future__ import annotations

import importlib
import re
from types import MappingProxyType

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
            "gaussian1d": "sentio.detectors.gaussian1d:Gaussian1D",
            "prophet": "sentio.detectors.prophet:Prophet",
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


class UnusableTypeError(ConfigError):
    """A ``type`` names no class that could be used.

    ``wrong`` and ``right`` are the two halves of the text, for who knows the file and line to put before it.
    """

    def __init__(self, kind: str, name: object, wrong: str, right: str) -> None:
        super().__init__(f"{kind}: type {show(name)}: {wrong}; {right}")
        self.wrong = wrong
        self.right = right


def names(kind: str) -> tuple[str, ...]:
    """The names that a ``type`` of this kind can have, beside ``module:Class``."""
    return tuple(sorted(CATALOG[kind]))


def resolve(kind: str, name: str) -> type:
    """The class that ``name`` stands for: a name of the catalog, or ``my_pkg.mod:Class``.

    It has an ``Options`` (a subclass of `sentio.config.options.Options`) and the methods of its kind. Raises
    `ConfigError`: unknown name, a module that cannot be imported, a class that is not there or does not fit.
    """
    path = CATALOG[kind].get(name, name)
    if not _PATH.fullmatch(path):
        known = one_of(names(kind), name, also="a module:Class of your own")
        raise UnusableTypeError(kind, name, f"is {show(name)}, which is not a known type", known)
    module_name, _, class_name = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # a user's module may raise anything at all
        wrong = f"is {show(name)}, whose module cannot be imported ({type(error).__name__}: {_line(error)})"
        raise UnusableTypeError(kind, name, wrong, "a module that imports is expected") from error
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        wrong = f"is {show(name)}, but the module {module_name} has no class {class_name}"
        raise UnusableTypeError(kind, name, wrong, "module:Class is expected")
    _check(kind, name, found)
    return found


def _check(kind: str, name: str, found: type) -> None:
    """Raises `UnusableTypeError` unless ``found`` has what an adapter of its kind must have."""
    options = getattr(found, "Options", None)
    if not (isinstance(options, type) and issubclass(options, Options)):
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
