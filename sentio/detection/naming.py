"""Which detector is meant by a name on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from sentio import catalog
from sentio.config.misfit import one_of, show
from sentio.errors import DetectorNotFoundError, ModuleError


def named(name: str, modules: Sequence[str]) -> str:
    """The ``type`` that ``name`` stands for, whatever its capitals: a class of ``modules`` (``my_pkg.mod`` or
    ``path/to/file.py``), one of the catalog, or ``module:Class``.

    Raises `ModuleError` where one of the modules cannot be loaded, and `DetectorNotFoundError`.
    """
    loaded = {place: _loaded(place) for place in modules}
    for place, module in loaded.items():
        for own, found in vars(module).items():
            if isinstance(found, type) and own.lower() == name.lower():
                return f"{place}:{own}"
    if name.lower() in catalog.names("detectors"):
        return name.lower()
    if ":" in name:
        return name
    also = "a module:Class of your own"
    known = one_of(catalog.names("detectors"), name, also=also)
    raise DetectorNotFoundError(f"--detector: is {show(name)}, which is no detector; {known}")


def _loaded(place: str) -> ModuleType:
    try:
        return catalog.load_module(place)
    except catalog.UnreadableError as error:
        raise ModuleError(f"--modules: {place} cannot be read ({error}); the path of a file is expected") from error
    except (Exception, SystemExit) as error:  # a user's module may raise anything at all
        said = (str(error).splitlines() or [""])[0]
        wrong = f"--modules: {place} cannot be loaded ({type(error).__name__}: {said})"
        raise ModuleError(f"{wrong}; a module that imports is expected") from error
