"""Pydantic's errors in our own words: *is X; Y is expected*, at the file, line and path of X."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from sentio.config.misfit import MISFIT, Loc, closest, kind, one_of, show
from sentio.config.model import Config
from sentio.config.options import Options
from sentio.config.redact import redact
from sentio.config.secrets import texts_in_secret_fields
from sentio.config.shape import Shape
from sentio.config.tree import Node, Place, Problem, join, path_of

_HIDDEN = "has a value that does not fit (it is a secret, and not shown)"
_TEXT = "is text, as is all that comes from !env and !file"

_EXPECTED = " is expected"

_KINDS = {
    "string_type": "text",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
}
"""Error type → what is expected, where the value is of another kind. The value is not quoted: a password may
stand where its mapping belongs."""

_VALUES = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number from {ge} up",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number up to {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "none_required": "nothing (null)",
    "path_type": "a path",
}
"""Error type → what is expected; ``{}`` is filled in from the error."""

_NO_TEXT = {**_KINDS, **{name: _VALUES[name] for name in ("int_type", "float_type", "bool_type")}}
"""Error type → what is expected, where no text fits, whatever it is."""

_COUNTS = {
    "too_short": ("has {actual_length} entries", "at least {min_length}"),
    "too_long": ("has more than {max_length} entries", "at most {max_length}"),
    "string_too_short": ("is too short", "text of at least {min_length} characters"),
    "string_too_long": ("is too long", "text of at most {max_length} characters"),
    "string_pattern_mismatch": ("does not have the right form", "text that matches {pattern}"),
}

Found = Mapping[str, Any]
"""One error, as `ValidationError.errors` gives it."""


@dataclass
class _Spot:
    """One place of the tree, and what is wrong with it."""

    loc: Loc
    trail: list[Node]
    """The nodes from the root to the place, or as near to it as the tree goes."""
    known: tuple[str, ...]
    """The keys that the last mapping may have."""
    deeper: tuple[str, ...] = ()
    """Where mappings within the last one may have a key of the place's name."""
    errors: list[Found] = field(default_factory=list)

    @property
    def there(self) -> bool:
        """Whether something is written at the place itself."""
        return len(self.trail) > len(self.loc)

    @property
    def value(self) -> object:
        return self.trail[-1].plain() if self.there else None


def explain(
    error: ValidationError, root: Node, model: type[Options] = Config, elsewhere: Sequence[str] = ()
) -> list[Problem]:
    """A problem for each thing that ``error`` says of ``root``, the tree that was validated as a ``model``.

    ``elsewhere``: sections that may stand where it could not be read; that they are not there is no problem."""
    shape = Shape.of(model)
    spots: dict[tuple[Loc, bool], _Spot] = {}
    for one in error.errors(include_url=False):
        if one["type"] in ("missing", "too_short") and one["loc"] in {(name,) for name in elsewhere}:
            continue
        spot = _spot(root, shape, one)
        # The arms of a union are refused one by one, at the same place; they make one problem.
        key = (spot.loc, one["type"] == "extra_forbidden" or "[key]" in one["loc"])
        spots.setdefault(key, spot).errors.append(one)
    hidden = secrets_written(root) | texts_in_secret_fields(shape, root)
    problems = [problem for spot in spots.values() for problem in _problems(spot)]
    return list(dict.fromkeys(Problem(p.place, p.path, redact(p.text, hidden)) for p in problems))


def explain_misfits(found: Iterable[tuple[Loc, PydanticCustomError]], root: Node) -> list[Problem]:
    """Problems for misfits that were found without pydantic."""
    shape = Shape.of(Config)
    problems = []
    for loc, error in found:
        one = {"type": MISFIT, "loc": loc, "ctx": error.context}
        spot = _spot(root, shape, one)
        spot.errors.append(one)
        problems += _problems(spot)
    return problems


def secrets_written(root: Node) -> frozenset[str]:
    """The texts that came from ``!env`` and ``!file``."""
    return frozenset(str(node.value) for node in root.walk() if node.secret)


def _spot(root: Node, shape: Shape, one: Found) -> _Spot:
    """Where an error is, without what pydantic adds to a place: the arm of a union, ``[key]``."""
    loc: list[str | int] = []
    trail = [root]
    known: tuple[str, ...] = ()
    deeper: tuple[str, ...] = ()
    given: Loc = one["loc"]
    for i, part in enumerate(given):
        node = trail[-1] if len(trail) > len(loc) else None
        child = node.child(part) if node else None
        below = shape.below(part, node)
        # What is not in the tree is a missing key, or a default that does not go with what is there.
        missing = one["type"] == "missing" and i == len(given) - 1
        default = one["type"] == MISFIT and part != "[key]" and bool(below.types)
        if child or missing or default:
            known = shape.keys(node)
            deeper = shape.deeper(str(part), node)
            loc.append(part)
            shape = below
        if child:
            trail.append(child)
    return _Spot(tuple(loc), trail, known, deeper)


def _problems(spot: _Spot) -> list[Problem]:
    """One for each error at the spot; one for them all where they are the arms of a union."""
    last = spot.trail[-1]
    path = last.path
    for part in spot.loc[len(spot.trail) - 1 :]:
        path = join(path, part)
    first = spot.errors[0]
    if first["type"] == "extra_forbidden":
        return [_problem(last.key, path, *_unknown(spot))]
    if "[key]" in first["loc"]:
        return [_problem(last.key, path, *_halves(first, spot.loc[-1], secret=False))]
    # What is said of a broken value, or of one that holds it, may be no more than its consequence.
    if any(node.broken for node in (*spot.trail, *(last.walk() if spot.there else ()))):
        return []
    # Entries that are wrong themselves, and told, are not counted by pydantic.
    spot.errors = [one for one in spot.errors if one["type"] != "too_short" or not _enough(spot.value, one)]
    # A default may go with one pipeline and not with another: then the pipeline is named.
    if any((one.get("ctx") or {}).get("relative") for one in spot.errors) and path.startswith("defaults."):
        path = path_of(spot.loc)
    said = [_halves(one, spot.value, secret=spot.there and last.secret) for one in spot.errors]
    if len(said) > 1 and any(len(one["loc"]) > len(spot.loc) for one in spot.errors):
        rights = list(dict.fromkeys(right.removesuffix(_EXPECTED) for _, right in said))
        # Where text may be a password, in one arm, no arm quotes it.
        unquoted = (wrong for (wrong, _), one in zip(said, spot.errors, strict=True) if one["type"] in _KINDS)
        said = [(next(unquoted, said[0][0]), ", or ".join(rights) + _EXPECTED)]
    return [_problem(last.place, path, *halves) for halves in said]


def _enough(value: object, one: Found) -> bool:
    return isinstance(value, list) and len(value) >= one["ctx"]["min_length"]


def _problem(place: Place, path: str, wrong: str, right: str) -> Problem:
    return Problem(place, path, f"{wrong}; {right}" if right else wrong)


def _unknown(spot: _Spot) -> tuple[str, str]:
    """The halves for a key that is not known."""
    # `defaults` is put under the pipelines before the rest is validated; the model does not know it.
    at_top = len(spot.loc) == 1 and "pipelines" in spot.known
    known = (*spot.known, "defaults") if at_top else spot.known
    if spot.deeper:
        return "unknown key", f"did you mean {' or '.join(spot.deeper)}?"
    near = closest(str(spot.loc[-1]), known)
    if near:
        return "unknown key", f"did you mean {near}?"
    return "unknown key", one_of(sorted(known)) if known else "no key is expected"


def _halves(one: Found, value: object, *, secret: bool) -> tuple[str, str]:
    """What is wrong and what would be right, of one error."""
    name = one["type"]
    facts = {k: f"{v:g}" if isinstance(v, float) else v for k, v in (one.get("ctx") or {}).items()}
    if name == "missing":
        return "is missing", "it has no default and must be given"
    if secret and isinstance(value, str) and name in _NO_TEXT:
        return _TEXT, f"{_NO_TEXT[name]} in the file itself{_EXPECTED}"
    if name == MISFIT:
        wrong, right = one["ctx"]["wrong"], one["ctx"]["right"]
    elif name in _KINDS:
        wrong, right = f"is {kind(value)}", _KINDS[name] + _EXPECTED
    elif name in _VALUES:
        wrong, right = f"is {show(value)}", _VALUES[name].format(**facts).replace("'", "") + _EXPECTED
    elif name in _COUNTS:
        wrong, right = (half.format(**facts) for half in _COUNTS[name])
        right += _EXPECTED
    elif name in ("value_error", "assertion_error"):
        # An adapter's own words: "what is wrong; what would be right", on one line.
        wrong, _, right = " ".join(str(one["ctx"]["error"]).split()).partition("; ")
        if secret:
            return _HIDDEN, "another value is expected"
    else:
        wrong, right = f"is {kind(value)}", f"another value is expected ({name})"
    return (_HIDDEN if secret else wrong), right
