"""The configuration that a backtest runs with: a pipeline as configured, or by default, and what a replay needs."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sentio.config.durations import format_duration
from sentio.config.load import load
from sentio.config.misfit import one_of, show
from sentio.config.model import DAY, Config
from sentio.errors import ConfigError

log = logging.getLogger(__name__)

_DEFAULT = "backtest"
# A configuration names a source. This one is never asked: the samples are in a file.
_WITHOUT_FILE = ("backtest", json.dumps({
    "sources": {"file": {"type": "prometheus", "url": "http://localhost:9090"}},
    "pipelines": {_DEFAULT: {"source": "file", "query": "file"}},
}))  # fmt: skip
_LONG = 3650 * DAY
_ENOUGH = 200
"""Samples to learn from where nobody says how far back: of a sample a day two weeks are too few for a model."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is asked for: ``paths`` of configuration files, the ``pipeline`` of theirs (None where there is but one),
    ``changes`` as ``key=value`` below it. ``train_every``, ``train_window`` in ns; None for what is configured."""

    paths: tuple[Path, ...] = ()
    pipeline: str | None = None
    changes: tuple[str, ...] = ()
    train_every: int | None = DAY
    train_window: int | None = None


def configured(settings: Settings, environ: Mapping[str, str], step: int | None = None) -> tuple[Config, str]:
    """The configuration, and the alias of the pipeline in it.

    ``step`` (ns) is that of the data, None for the pipeline's own; one that ``changes`` name comes before it. Raises
    `ConfigError`.
    """
    base = [] if settings.paths else [_WITHOUT_FILE]
    config = load(settings.paths, environ, base)
    alias = _chosen(settings, config)
    pipeline, changes = config.pipelines[alias], [change(alias, text) for text in settings.changes]
    if step is None or any(text.startswith("step=") for text in settings.changes):
        # With a time to live that any step is below: what it will be follows from the step.
        anything = _needs(alias, pipeline.step, ttl=_LONG, every=_LONG, window=_LONG, model_ttl=None)
        step = load(settings.paths, environ, [*base, anything, *changes]).pipelines[alias].step
    train = pipeline.train
    every = max(settings.train_every or train.every, step)
    least = 2 if settings.paths or settings.train_window else _ENOUGH
    needs = _needs(
        alias,
        step,
        ttl=None if pipeline.ttl is None else max(pipeline.ttl, step),
        every=every,
        window=max(settings.train_window or train.window, least * step),
        model_ttl=None if train.ttl is None else max(train.ttl, every),
    )
    config = load(settings.paths, environ, [*base, needs, *changes])
    if config.pipelines[alias].judgement.exclude_when:
        log.warning("pipeline %s: judgement.exclude_when is not replayed, and leaves nothing out here", alias)
    return config, alias


def _needs(
    alias: str, step: int, *, ttl: int | None, every: int, window: int, model_ttl: int | None
) -> tuple[str, str]:
    """What a replay has otherwise than the service, as YAML; all in ns."""
    block: dict[str, object] = {
        "step": format_duration(step),
        # Data without a future need no forecast, and what is in a file has arrived.
        "forecast": {"horizons": []},
        "legacy_names": None,
        "score": {"every": None, "delay": "0s"},
        "ttl": None if ttl is None else format_duration(ttl),
        "train": {
            "every": format_duration(every),
            "window": format_duration(window),
            "ttl": None if model_ttl is None else format_duration(model_ttl),
        },
    }
    return "backtest", json.dumps({"pipelines": {alias: block}})


def _chosen(settings: Settings, config: Config) -> str:
    names = sorted(config.pipelines)
    if settings.pipeline is None and len(names) == 1:
        return names[0]
    if settings.pipeline not in names:
        # Of a replay it is no flag, and a backtest has it as DATA, too.
        wrong = f"pipeline: is {show(settings.pipeline)}, which is no pipeline"
        if settings.pipeline is None:
            wrong = "--pipeline: is not given"
        raise ConfigError(f"{wrong}; {one_of(names, settings.pipeline)}")
    return settings.pipeline


def change(alias: str, text: str) -> tuple[str, str]:
    """``a.b=value`` as YAML, with the name that messages call it by. Raises `ConfigError`."""
    key, sign, value = text.partition("=")
    parts = key.split(".")
    if not sign or not all(parts):
        raise ConfigError(
            f"--set: is {show(text)}; a key and a value, such as detector.interval_width=0.95, are expected"
        )
    inner = "".join(f"{json.dumps(part)}: {{" for part in parts[:-1])
    text_of = (
        f"{{pipelines: {{{json.dumps(alias)}: {{{inner}{json.dumps(parts[-1])}: {value}\n{'}' * (len(parts) + 1)}}}"
    )
    return f"--set {key}", text_of
