"""What must agree between the documents and the code. Each check gives what does not; an empty list is good."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import inspect
import re
import tomllib
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

from prometheus_client import Counter, Gauge, Histogram
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from sentio import catalog, cli, errors, reports, state, types
from sentio.config import durations, environment
from sentio.config.adapter import Adapter
from sentio.config.delivery import Delivery
from sentio.config.model import Config, Executor, Pipeline, Server, Shard, Store
from sentio.config.signature import Arguments
from sentio.sinks.exposition import FAMILIES, RESERVED
from sentio.telemetry import Telemetry
from tests.docs.pages import ROOT, Pages, anchors, blocks, code, documents, links, named, section

CONFIGURATION = "docs/configuration.md"
METRICS = "docs/metrics.md"
ARCHITECTURE = "docs/architecture.md"

# --- options ---------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Option:
    default: str
    kind: set[str]
    """Words that its type must say."""


KINDS = {"sources": "Sources", "detectors": "Detectors", "sinks": "Sinks"}
"""Kind of adapter → how the headings call it."""


def own_options(model: type[BaseModel]) -> dict[str, Option]:
    """Those of `walk` that are not in the table of all sinks."""
    shared = Delivery.model_fields.keys() if model is not Delivery and issubclass(model, Delivery) else set()
    return {name: option for name, option in walk(model) if name not in shared}


def option_tables() -> dict[str, type[BaseModel]]:
    """Heading of the section → the model whose options its table lists."""
    adapters = {
        f"## {title}: `type: {name}`": catalog.resolve(kind, name).Options  # type: ignore[attr-defined]
        for kind, title in KINDS.items()
        for name in catalog.CATALOG[kind]
    }
    own: dict[str, type[BaseModel]] = {
        "## Detectors of your own": Arguments,
        "## Pipelines": Pipeline,
        "## Server": Server,
        "## Store": Store,
        "## Executor": Executor,
        "## Shard": Shard,
    }
    return {**adapters, "## Sinks": Delivery, **own}


def options(pages: Pages) -> list[str]:
    """Every option with its default and its type, and no other."""
    wrong = []
    for heading, model in option_tables().items():
        written = named(section(pages[CONFIGURATION], heading))
        there = own_options(model)
        wrong += [f"{heading}: {name} is not documented" for name in there.keys() - written.keys()]
        wrong += [f"{heading}: there is no option {name}" for name in written.keys() - there.keys()]
        for name in there.keys() & written.keys():
            kind, default, meaning = written[name]
            option = there[name]
            stated = re.sub(r"\s*\(.*\)$", "", default).strip("`")
            if stated != option.default:
                wrong.append(f"{heading}: {name}: default {stated}; the code has {option.default}")
            wrong += [
                f"{heading}: {name}: type {kind!r} without {word!r}" for word in option.kind if not says(kind, word)
            ]
            if default.startswith("none (") and not default.endswith(")"):
                wrong.append(f"{heading}: {name}: default {default!r} is cut off")
            if not meaning and name.rpartition(".")[2] not in ("username", "mode"):
                wrong.append(f"{heading}: {name}: no word of what it means")
    return wrong


def sections(pages: Pages) -> list[str]:
    """Every section of a configuration is documented, none but those."""
    top = {"sources", "sinks", "pipelines", "server", "store", "executor", "shard"}
    wrong = [f"Config has the section {name}" for name in Config.model_fields.keys() - top]
    wrong += [f"Config has no section {name}" for name in top - Config.model_fields.keys()]
    return wrong + [f"{h}: no such section" for h in option_tables() if not section(pages[CONFIGURATION], h)]


def walk(model: type[BaseModel], before: str = "") -> Iterator[tuple[str, Option]]:
    """Dotted name and `Option` of every leaf, and of every mapping that may be left out."""
    for attribute, field in model.model_fields.items():
        name = field.alias or attribute
        below = nested(field.annotation)
        is_list = get_origin(field.annotation) is tuple
        if below is None or not isinstance(field.get_default(call_default_factory=True), BaseModel):
            yield before + name, Option(default_text(field), kind_words(field))
        if below is not None:
            yield from walk(below, f"{before}{name}[]." if is_list else f"{before}{name}.")


def arms(annotation: Any) -> Iterator[Any]:
    """The types that an annotation is made of, unions and containers taken apart."""
    if annotation is None or annotation is type(None):
        return
    args = get_args(annotation)
    if get_origin(annotation) is Literal or not args:
        yield annotation
    else:
        for arg in args:
            yield from arms(arg)


def says(text: str, word: str) -> bool:
    """Whether ``word`` is in ``text``, a number not as a part of another."""
    return re.search(rf"(?<![\d.]){re.escape(word)}(?!\.?\d)", text) is not None


def nested(annotation: Any) -> type[BaseModel] | None:
    return next((a for a in arms(annotation) if isinstance(a, type) and issubclass(a, BaseModel)), None)


def metadata(field: FieldInfo) -> Iterator[Any]:
    """Of the field, and of the types within a union or a container."""

    def within(annotation: Any) -> Iterator[Any]:
        yield from getattr(annotation, "__metadata__", ())
        for arg in get_args(annotation):
            if not isinstance(arg, str | int | float):
                yield from within(arg)

    for m in (*field.metadata, *within(field.annotation)):
        yield from m.metadata if isinstance(m, FieldInfo) else [m]


def functions(field: FieldInfo) -> set[object]:
    return {getattr(m, "func", None) for m in metadata(field)}


def default_text(field: FieldInfo) -> str:
    """The default as a file would say it."""
    default = field.get_default(call_default_factory=True)
    if default is PydanticUndefined:
        return "required"
    if isinstance(nested_adapter(field), type):
        return f"{{type: {nested_adapter(field).default}}}"  # type: ignore[union-attr]
    parsers = functions(field)
    if default is None:
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        texts = (durations.format_duration(d) if isinstance(d, int) else str(d) for d in default)
        return "[" + ", ".join(texts) + "]"
    if parsers & {durations.parse_duration, durations.parse_delay}:
        return durations.format_duration(default)
    if durations.parse_size in parsers:
        return durations.format_size(default)
    return str(default)


def nested_adapter(field: FieldInfo) -> type[Adapter] | None:
    return next((a for a in arms(field.annotation) if isinstance(a, type) and issubclass(a, Adapter)), None)


def kind_words(field: FieldInfo) -> set[str]:
    """What the documented type must hold: the kind of duration or size, choices, and bounds."""
    words = set()
    parsers = functions(field)
    if parsers & {durations.parse_duration, durations.parse_delay}:
        words.add("duration")
    if durations.parse_delay in parsers:
        words.add("`0s` allowed")
    if durations.parse_size in parsers:
        words.add("size")
    for arm in arms(field.annotation):
        if get_origin(arm) is Literal:
            words |= {f"`{choice}`" for choice in get_args(arm)}
        if arm is bool:
            words.add("true or false")
        if arm is int and not parsers & {durations.parse_duration, durations.parse_delay, durations.parse_size}:
            words.add(
                "order" if "Seasonal" in str(field.annotation) or bool in arms(field.annotation) else "whole number"
            )
        if arm is float:
            words.add("number")
        if getattr(arm, "__name__", "") == "SecretStr":
            words.add("secret")
        if getattr(arm, "__name__", "") == "Path":
            words.add("path")
    for m in metadata(field):
        for bound in ("ge", "gt", "le", "lt"):
            limit = getattr(m, bound, None)
            if limit is not None:
                words.add(f"{limit - 1}" if bound == "lt" and limit > 1 else f"{limit}")
    return words


# --- metrics ---------------------------------------------------------------------------------------------------

_TYPES = {Counter: "counter", Gauge: "gauge", Histogram: "histogram"}


def own_metrics() -> dict[str, tuple[str, tuple[str, ...] | None]]:
    """Name → type and labels (None where only the samples know them) of every metric of the registry."""
    telemetry = Telemetry()
    telemetry.watch_ages(lambda: [("a", 1.0, 1.0)])
    found: dict[str, tuple[str, tuple[str, ...] | None]] = {}
    declared = {
        metric._name: metric._labelnames  # type: ignore[attr-defined]
        for metric in vars(telemetry).values()
        if isinstance(metric, tuple(_TYPES))
    }
    for family in telemetry.registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = declared.get(family.name)
        if labels is None:
            labels = tuple(dict.fromkeys(label for s in family.samples for label in s.labels))
        found[name] = (family.type, labels)
    return found


def metrics(pages: Pages) -> list[str]:
    """Every metric with its type and labels, and no other."""
    text = pages[METRICS]
    wrong = []
    published = named(section(text, "## Published metrics"))
    wrong += [f"{name} is not documented" for name in FAMILIES.keys() - published.keys()]
    wrong += [f"{name} is not published" for name in published.keys() - FAMILIES.keys()]
    for name, (kind, labels, _) in published.items():
        ahead = dict.fromkeys(("sentio_forecast", "sentio_forecast_lower", "sentio_forecast_upper"), "`horizon`")
        further = {**ahead, "sentio_output": "`output`", "sentio_anomaly_type": "`type`"}.get(name, "")
        if (kind, labels) != ("gauge", further):
            wrong.append(f"{name}: {kind} with {labels!r}; gauge with {further!r} is expected")
    own = own_metrics()
    written = named(section(text, "## Sentio's own metrics"))
    wrong += [f"{name} is not documented" for name in own.keys() - written.keys()]
    wrong += [f"{name} does not exist" for name in written.keys() - own.keys()]
    for name in own.keys() & written.keys():
        kind, names = own[name]
        stated = (written[name][0], tuple(re.findall(r"`(\w+)`", written[name][1])))
        if stated != (kind, names):
            wrong.append(f"{name}: {stated}; the code has {(kind, names)}")
    for label in RESERVED:
        if f"`{label}`" not in section(text, "## Labels"):
            wrong.append(f"the label {label} is not documented")
    states = {status.word for status in state.SeriesStatus}
    stated_states = set(re.findall(r"`(\w+)`", written.get("sentio_series", ["", "", ""])[2]))
    return wrong + [f"states: {states ^ stated_states}" for _ in [0] if states != stated_states]


_OF_THE_DEMO = {"sentio_demo_fault_active", "sentio_scenario_active"}
_NO_METRIC = {"sentio_token", "sentio_password"}


def mentioned_metrics(pages: Pages) -> list[str]:
    """No document and no example names a metric of ours that does not exist."""
    known = {*FAMILIES, *own_metrics(), *_OF_THE_DEMO, *_NO_METRIC}
    known |= {f"{name}{tail}" for name in own_metrics() for tail in ("_bucket", "_sum", "_count")}
    return [
        f"{page}: there is no metric {name}"
        for page, text in pages.items()
        for name in sorted(set(re.findall(r"(?<![\w/.:-])sentio_\w+", text)) - known)
    ]


def reasons_in_code() -> set[str]:
    """Every word that the code gives as a reason."""
    found: set[str] = {"fit", "defect", "too_late"}  # runner.py and outbox.py label them without a Failure
    for file in (ROOT / "sentio").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and len(node.value.elts) == 3:
                found |= _words(node.value.elts[1])  # of trouble(): text, reason, whether it would be so again
            if isinstance(node, ast.Call):
                if getattr(node.func, "id", "") == "Failure" and len(node.args) > 1:
                    found |= _constant(node.args[1])
                if "Error" in getattr(node.func, "id", ""):
                    found |= {w for k in node.keywords if k.arg == "reason" for w in _constant(k.value)}
    from sentio import client
    from sentio.sources import prometheus

    return found | {reason for m in (client, prometheus) for reason, _ in m._MEANINGS.values()} | {"bad_query"}


def _constant(node: ast.expr) -> set[str]:
    return {str(node.value)} if isinstance(node, ast.Constant) else set()


def _words(node: ast.expr) -> set[str]:
    return _words(node.body) | _words(node.orelse) if isinstance(node, ast.IfExp) else _constant(node)


def reasons(pages: Pages) -> list[str]:
    written = set(named(section(pages[METRICS], "## Reasons")))
    there = reasons_in_code()
    return [f"reason {name} is only in {'the code' if name in there else METRICS}" for name in sorted(written ^ there)]


# --- command line, environment, addresses ----------------------------------------------------------------------


def commands() -> dict[str, argparse.ArgumentParser]:
    """By their names: one word, or two where a command has commands of its own."""
    return dict(_commands(cli._parser()))


def _commands(parser: argparse.ArgumentParser, before: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                inner = dict(_commands(below, f"{before}{name} "))
                yield from inner.items() if inner else [(before + name, below)]


def flags(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    longest = {a.option_strings[-1]: a for a in parser._actions if a.option_strings}
    return {option: a for option, a in longest.items() if option != "--help"}


def command_line(pages: Pages) -> list[str]:
    """Every subcommand and flag with its default, and no other."""
    text = section(pages[CONFIGURATION], "## Command line")
    there, wrong = commands(), []
    stated = set(re.findall(r"^### `sentio ([\w -]+)`$", text, re.MULTILINE))
    wrong += [f"command {name} is only in {'code' if name in there else 'docs'}" for name in stated ^ there.keys()]
    for name in stated & there.keys():
        written, having = named(section(text, f"### `sentio {name}`")), flags(there[name])
        wrong += [f"{name}: {flag} is not documented" for flag in having.keys() - written.keys()]
        wrong += [f"{name}: there is no flag {flag}" for flag in written.keys() - having.keys()]
        for flag in having.keys() & written.keys():
            action, (default, meaning) = having[flag], written[flag]
            expected = {False: "off", None: default}.get(action.default, f"`{action.default}`")  # type: ignore[call-overload]
            if default != expected:
                wrong.append(f"{name} {flag}: default {default}; {expected} is expected")
            wrong += [
                f"{name} {flag}: {choice} is not named" for choice in action.choices or () if choice not in meaning
            ]
    return wrong


def mentioned_commands(pages: Pages) -> list[str]:
    """No document shows a command or a flag that does not exist."""
    there, wrong = commands(), []
    for page, text in pages.items():
        lines = code(text) if page.endswith(".md") else re.findall(r"^\s*#(.*)$", text, re.MULTILINE)
        for line in lines:
            for first, second, rest in re.findall(
                r"(?:^|[\s/])sentio ([a-z]+(?:-[a-z]+)*)\b( [a-z]+\b)?([^#|;]*)", line
            ):
                name = first if first in there else first + second
                if name not in there and any(known.startswith(f"{name} ") for known in there):
                    continue
                if name not in there:
                    wrong.append(f"{page}: there is no command sentio {name}")
                    continue
                shown = set(re.findall(r"(?<!\S)(--[\w.-]+)", rest))
                wrong += [f"{page}: sentio {name} has no {flag}" for flag in shown - flags(there[name]).keys()]
    return wrong


def environment_variables(pages: Pages) -> list[str]:
    written = named(section(pages[CONFIGURATION], "## Environment variables of the first Sentio"))
    there = {
        **dict.fromkeys(environment._REQUIRED, "required"),
        **{k: f"`{v}`" for k, v in environment._DEFAULTS.items()},
    }
    wrong = [f"variable {name} is in one of the two only" for name in written.keys() ^ there.keys()]
    both = written.keys() & there.keys()
    return wrong + [f"{name}: {written[name][0]}; {there[name]}" for name in both if written[name][0] != there[name]]


def addresses(pages: Pages) -> list[str]:
    """The routes of the web server, in docs/operations.md."""
    there = set(re.findall(r'Route\("([^"]+)"', (ROOT / "sentio/web/app.py").read_text("utf-8")))
    written = {n for n in named(section(pages["docs/operations.md"], "## Signals and addresses")) if n.startswith("/")}
    return [f"{name} is in one of the two only" for name in there ^ written]


# --- adapters, rooms, types, decisions -------------------------------------------------------------------------


def adapters(pages: Pages) -> list[str]:
    """Every adapter of the catalog is documented, and no other."""
    text, wrong = pages[CONFIGURATION], []
    for kind, title in KINDS.items():
        written = set(re.findall(rf"^## {title}: `type: (\w+)`$", text, re.MULTILINE))
        wrong += [f"{kind}: {name} is in one of the two only" for name in written ^ catalog.CATALOG[kind].keys()]
    return wrong


def rooms(pages: Pages) -> list[str]:
    """Every module and package of the house has its line, and no other."""
    written = set(named(section(pages[ARCHITECTURE], "## Rooms")))
    there = {
        path.name + "/" * path.is_dir()
        for path in (ROOT / "sentio").iterdir()
        if (path.suffix == ".py" and path.name != "__init__.py") or (path / "__init__.py").exists()
    }
    return [f"room {name} is in one of the two only" for name in written ^ there]


def layers(pages: Pages) -> list[str]:
    """The layers, and what may not be imported, as the import-linter's contracts have them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    text = section(pages[ARCHITECTURE], "## Who may import whom")
    wrong = []
    for contract in project["tool"]["importlinter"]["contracts"]:
        if contract["type"] == "layers":
            expected = [line.replace("sentio.", "") for line in contract["layers"]]
            stated = [line for _, block in blocks(text) for line in block.splitlines()]
            if stated != expected:
                wrong.append(f"layers: {stated}; {expected} is expected")
        if contract["type"] == "forbidden":
            names = [name.removeprefix("sentio.") for name in contract["source_modules"]]
            wrong += [f"{name} is not said to know NumPy alone" for name in names if f"`{name}`" not in text]
            wrong += [
                f"{name} is not said to be forbidden" for name in contract["forbidden_modules"] if name not in text
            ]
        if contract["type"] == "independence":
            names = [name.removeprefix("sentio.").removesuffix(".*") for name in contract["modules"]]
            wrong += [f"{name} is not said to be independent" for name in names if f"`{name}`" not in text]
    return wrong


def nouns(pages: Pages) -> list[str]:
    """Every type with its fields, and no other."""
    written = named(section(pages[ARCHITECTURE], "## Nouns"))
    there = {
        name: tuple(f.name for f in dataclasses.fields(found)) if dataclasses.is_dataclass(found) else ()
        for module in (types, state, reports)
        for name, found in vars(module).items()
        if inspect.isclass(found) and found.__module__ == module.__name__
    }
    wrong = [f"type {name} is in one of the two only" for name in written.keys() ^ there.keys()]
    for name in written.keys() & there.keys():
        fields = tuple(re.findall(r"`(\w+)`", written[name][0]))
        if fields != there[name]:
            wrong.append(f"{name}: fields {fields}; {there[name]} is expected")
    return wrong


def error_tree(pages: Pages) -> list[str]:
    text = section(pages[ARCHITECTURE], "## Errors")
    there = [name for name, found in vars(errors).items() if inspect.isclass(found) and issubclass(found, Exception)]
    return [f"{name} is not in the tree" for name in there if not re.search(rf"\b{name}\b", text)]


def decisions(pages: Pages) -> list[str]:
    """Numbered without a gap, a page at most, with their number in the title, each in the list."""
    wrong = []
    files = sorted(p.name for p in (ROOT / "docs/decisions").iterdir())
    names = sorted({n.rpartition("/")[2] for n in pages if n.startswith("docs/decisions/")})
    wrong += [f"docs/decisions/{name} is no document" for name in set(files) - set(names) if not name.endswith(".md")]
    for number, name in enumerate(names, 1):
        text = pages[f"docs/decisions/{name}"]
        if not re.fullmatch(rf"{number:04}-[a-z0-9-]+\.md", name):
            wrong.append(f"{name}: {number:04}-… is expected here")
        if not text.startswith(f"# {name[:4]}: "):
            wrong.append(f"{name}: the title begins with its number")
        if text.count("\n") > 60:
            wrong.append(f"{name}: is more than a page")
        if f"decisions/{name}" not in pages[ARCHITECTURE]:
            wrong.append(f"{name}: is not in the list of {ARCHITECTURE}")
    return wrong


def dependencies(pages: Pages) -> list[str]:
    """Every direct dependency has its reason, and no other package has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    there = {re.split(r"[<>=\[; ]", line)[0] for line in wanted}
    written = {row for name, text in pages.items() if "/0002-" in name or "/0019-" in name for row in named(text)}
    return [f"{name} is in one of the two only" for name in there ^ written]


# --- the documents themselves ----------------------------------------------------------------------------------


def broken_links(pages: Pages) -> list[str]:
    """Relative links lead to a file, and to a heading of it."""
    wrong = []
    for page, text in documents(pages).items():
        for link in links(text):
            if urlsplit(link).scheme:
                continue
            path, _, anchor = link.partition("#")
            target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
            name = str(target.relative_to(ROOT)) if target.is_relative_to(ROOT) else ""
            if name not in pages and not (name and target.exists()):
                wrong.append(f"{page}: {link} leads nowhere")
            elif anchor and anchor not in anchors(pages.get(name, "")):
                wrong.append(f"{page}: {link}: no such heading")
    return wrong


def make_targets(pages: Pages) -> list[str]:
    """Every `make …` of a document is a target, and the README has the two commands."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    wrong = [f"README.md: no `make {name}`" for name in ("demo", "test") if f"`make {name}`" not in pages["README.md"]]
    for page, text in documents(pages).items():
        shown = {name for line in code(text) for name in re.findall(r"^make ([a-z]+)", line)}
        wrong += [f"{page}: there is no target {name}" for name in shown - targets]
    return wrong


_HOSTS = re.compile(
    r"localhost|127\.0\.0\.1|prometheus|alertmanager|([a-z-]+\.)*example(\.org|\.com)?|"
    r"keepachangelog\.com|semver\.org|\[::1\]"
)
_MACHINE = (
    (re.compile(r"(?<![\w.])/(work|root|home|Users|tmp|mnt|opt|usr/local|srv)/[\w.]"), "a path of one machine"),
    (re.compile(r"pypi|pythonhosted|artifactory|nexus|index-url|devpi", re.IGNORECASE), "a package index"),
)


def machine_words(pages: Pages) -> list[str]:
    """No path of the machine it was written on, and no host but examples and standards."""
    wrong = []
    for page, text in pages.items():
        for pattern, what in _MACHINE:
            wrong += [f"{page}: {found[0]!r}: {what}" for found in pattern.finditer(text)]
        for url in re.findall(r"https?://[^\s/)`'\"<>,}|]+", text):
            host = re.sub(r":\d+$", "", url.split("://")[1]).rstrip(".")
            if not _HOSTS.fullmatch(host):
                wrong.append(f"{page}: {url}: only examples and standards are linked")
    return wrong


ALL = (
    options,
    sections,
    metrics,
    mentioned_metrics,
    reasons,
    command_line,
    mentioned_commands,
    environment_variables,
    addresses,
    adapters,
    rooms,
    layers,
    nouns,
    error_tree,
    decisions,
    dependencies,
    broken_links,
    make_targets,
    machine_words,
)
"""Every check."""
