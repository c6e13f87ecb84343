"""The shape of a configuration. What is here has been validated; durations are nanoseconds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, PrivateAttr, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sentio.config.adapter import DetectorBlock, SinkBlock, SourceBlock
from sentio.config.alerts import Alerts
from sentio.config.durations import Delay, Duration, format_duration
from sentio.config.judgement import Judgement
from sentio.config.listen import Listen, parse_listen
from sentio.config.misfit import Loc, misfit, misfits, one_of, show
from sentio.config.options import NARROWEST, WIDEST, LabelName, Options, Url
from sentio.config.redact import SHORTEST
from sentio.config.secrets import secret_texts
from sentio.types import SECOND

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

MAX_HORIZONS = 10

_ALIAS = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.:-]*")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_SCHEDULER = re.compile(r"(?:tcp|tls)://(?:[a-zA-Z0-9_.-]+|\[[0-9a-fA-F:.]+\]):([0-9]{1,5})")
_SCHEDULER_EXPECTED = "the address of a Dask scheduler, such as tcp://scheduler:8786, is expected"


def _alias(text: str) -> str:
    if not _ALIAS.fullmatch(text):
        raise misfit("is no alias", "letters, digits and _ . : - are expected, a letter, digit or _ first")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise misfit("is empty", "text is expected")
    return text


def _metric(text: str) -> str:
    if not _METRIC.fullmatch(text):
        raise misfit(f"is {show(text)}", "a metric name (letters, digits, _ and :) is expected")
    return text


def _some_path(path: Path) -> Path:
    if path == Path():  # what Path("") is
        raise misfit("is empty", "the path of a file is expected")
    return path


def _scheduler(text: str) -> str:
    found = _SCHEDULER.fullmatch(text)
    if not found or not 0 < int(found[1]) < 65_536:
        raise misfit(f"is {show(text)}", _SCHEDULER_EXPECTED)
    return text


def _sink_name(text: str) -> str:
    if text == "exposition":
        raise misfit("is the name of what publishes on /metrics, which is always there", "another name is expected")
    return text


Alias = Annotated[str, AfterValidator(_alias)]
SinkName = Annotated[Alias, AfterValidator(_sink_name)]


class Train(Options):
    """How a pipeline learns."""

    window: Duration = 14 * DAY
    """How far back it reads."""
    every: Duration = HOUR
    max_points: Annotated[int, Field(ge=2)] = 6000
    """Samples of one series that a model is fitted to at most; a longer window is thinned."""
    ttl: Duration | None = None
    """Age at which a model is no longer used; None for three times ``every``, at least a day."""

    @field_validator("ttl")
    @classmethod
    def _outlives_the_tick(cls, ttl: int | None, info: ValidationInfo) -> int | None:
        every = info.data.get("every")
        if ttl is not None and every is not None and ttl < every:
            raise _least(ttl, "train.every", every)
        return ttl


class Score(Options):
    """How a pipeline judges."""

    every: Duration | None = None
    """None for the pipeline's step; `Pipeline.score_every` has resolved that."""
    delay: Delay = 0
    """How long samples may take to arrive: the newest ones are left for the next tick."""


class Forecast(Options):
    """What comes next."""

    horizons: tuple[Duration, ...] = (5 * MINUTE, HOUR)

    @field_validator("horizons")
    @classmethod
    def _distinct(cls, horizons: tuple[int, ...]) -> tuple[int, ...]:
        if len(horizons) > MAX_HORIZONS:
            raise misfit(f"has {len(horizons)} entries", f"at most {MAX_HORIZONS} are expected")
        twice = [i for i, horizon in enumerate(horizons) if horizon in horizons[:i]]
        if twice:
            same = [f"is the same as horizons[{horizons.index(horizons[i])}]" for i in twice]
            wrongs = zip(twice, same, strict=True)
            raise misfits(*(((i,), misfit(wrong, "distinct ones are expected")) for i, wrong in wrongs))
        return horizons


class LegacyNames(Options):
    """The names that the first Sentio published: ``<prefix>_yhat``, ``_yhat_lower``, ``_yhat_upper``."""

    prefix: Annotated[str, AfterValidator(_metric)]
    label: LabelName
    """The one label they carry; its value is the series' own."""
    horizon: Duration
    """How far ahead they look; one of the forecast's horizons."""
    clamp_min: float | None = None
    """What is below is published as this; None to publish it as it is."""


def _awaited(step: int) -> int:
    """Long enough that a series can be found missing, which takes three steps, and be told of."""
    return max(5 * MINUTE, 5 * step)


class Pipeline(Options):
    """One query, what learns it and how often."""

    source: str
    query: Annotated[str, AfterValidator(_not_blank)]
    step: Duration = 15 * SECOND
    train: Train = Field(default=Train(), validate_default=True)
    ttl: Duration | None = None
    """How long a series that stopped arriving keeps its forecast; not below the time between two score ticks,
    or every series would come and go. None for five steps, and 5 minutes at least."""
    score: Score = Field(default=Score(), validate_default=True)
    forecast: Forecast = Forecast()
    detector: DetectorBlock = Field(default_factory=dict, validate_default=True)
    judgement: Judgement = Judgement()
    alerts: Alerts = Alerts()
    sinks: tuple[str, ...] | None = None
    """Where its reports go, beside ``/metrics``; None for every sink."""
    legacy_names: LegacyNames | None = None

    @property
    def awaited(self) -> int:
        """Nanoseconds for which a series that stopped arriving keeps its forecast."""
        return _awaited(self.step) if self.ttl is None else self.ttl

    @property
    def score_every(self) -> int:
        """Nanoseconds between two score ticks."""
        return self.step if self.score.every is None else self.score.every

    @property
    def timezone(self) -> str:
        """Whose wall clock the hours of the day are those of, to the judge. What a detector of somebody's own calls its
        ``timezone`` may be anything."""
        own = getattr(self.detector.options, "timezone", None)
        return self.judgement.timezone or (own if isinstance(own, str) and own in available_timezones() else "UTC")

    # Each of these looks at the fields that are validated before its own, so that it is checked even where
    # another field is wrong, and keeps quiet where what it compares with is.

    @field_validator("train")
    @classmethod
    def _two_samples(cls, train: Train, info: ValidationInfo) -> Train:
        step = info.data.get("step")
        if step is not None and train.window < 2 * step:
            raise misfits((("window",), _least(train.window, "two steps", 2 * step)))
        return train

    @field_validator("score")
    @classmethod
    def _on_the_grid(cls, score: Score, info: ValidationInfo) -> Score:
        step, train, ttl = (info.data.get(name) for name in ("step", "train", "ttl"))
        every = score.every or step
        if every is None:
            return score
        if ttl is None and step is not None:
            ttl = _awaited(step)
        rights = []
        if step is not None and every % step:
            rights.append(f"a multiple of step ({format_duration(step)}) is expected")
        if train is not None and every > train.every:
            rights.append(f"at most train.every ({format_duration(train.every)}) is expected")
        if ttl is not None and every > ttl:
            rights.append(f"at most ttl ({format_duration(ttl)}) is expected")
        if rights:
            wrong = f"is {format_duration(every)}" + ("" if score.every else ", the step")
            raise misfits(*((("every",), misfit(wrong, right, relative=True)) for right in rights))
        return score

    @field_validator("detector")
    @classmethod
    def _a_band(cls, detector: DetectorBlock) -> DetectorBlock:
        """For the judge draws it, also for a detector of somebody's own, which may have bounded it or not."""
        width = getattr(detector.options, "interval_width", NARROWEST)
        if not isinstance(width, int | float) or not NARROWEST <= width <= WIDEST:
            right = f"a number from {NARROWEST} to {WIDEST} is expected"
            raise misfits((("interval_width",), misfit(f"is {show(width)}", right)))
        return detector

    @field_validator("sinks")
    @classmethod
    def _each_once(cls, sinks: tuple[str, ...] | None) -> tuple[str, ...] | None:
        names = sinks or ()
        twice = [i for i, name in enumerate(names) if name in names[:i]]
        if twice:
            wrongs = [f"is the same as sinks[{names.index(names[i])}]" for i in twice]
            raise misfits(
                *(((i,), misfit(wrong, "each once is expected")) for i, wrong in zip(twice, wrongs, strict=True))
            )
        return sinks

    @field_validator("legacy_names")
    @classmethod
    def _a_known_horizon(cls, names: LegacyNames | None, info: ValidationInfo) -> LegacyNames | None:
        forecast = info.data.get("forecast")
        if names is not None and forecast is not None and names.horizon not in forecast.horizons:
            known = ", ".join(format_duration(horizon) for horizon in forecast.horizons)
            wrong = f"is {format_duration(names.horizon)}"
            right = f"one of forecast.horizons ({known}) is expected"
            raise misfits((("horizon",), misfit(wrong, right, relative=True)))
        return names


class Server(Options):
    """The web server."""

    listen: Listen = "0.0.0.0:8000"

    grafana: Url | None = None
    """Where a browser reaches the Grafana that has Sentio's dashboards."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return parse_listen(self.listen)


class Store(Options):
    """Where states and events are kept."""

    path: Annotated[Path, AfterValidator(_some_path)] = Path("data/sentio.db")
    """Relative to the working directory."""


class Executor(Options):
    """Where heavy work is done: in processes of this machine, or on the workers of a Dask cluster."""

    type: Literal["processes", "dask"] = "processes"
    workers: Annotated[int, Field(ge=1)] | None = None
    """Processes; None for one per CPU."""
    scheduler: Annotated[str, AfterValidator(_scheduler)] | None = Field(default=None, validate_default=True)
    """Where that cluster has its scheduler."""

    @field_validator("type")
    @classmethod
    def _installed(cls, kind: str) -> str:
        if kind == "dask" and find_spec("distributed") is None:
            wrong = 'is "dask", and the package distributed is not installed'
            raise misfit(wrong, "pip install 'sentio[dask]' is expected")
        return kind

    @field_validator("workers")
    @classmethod
    def _of_its_own(cls, workers: int | None, info: ValidationInfo) -> int | None:
        if workers is not None and info.data.get("type") == "dask":
            raise misfit(f"is {workers}, and the workers are those of the cluster", "no number is expected")
        return workers

    @field_validator("scheduler")
    @classmethod
    def _of_a_cluster(cls, scheduler: str | None, info: ValidationInfo) -> str | None:
        kind = info.data.get("type")
        if kind == "dask" and scheduler is None:
            raise misfit("is missing", _SCHEDULER_EXPECTED)
        if kind == "processes" and scheduler is not None:
            raise misfit(f"is {show(scheduler)}, and the fits run in processes", "type: dask beside it is expected")
        return scheduler


class Shard(Options):
    """Which part of the series is this Sentio's, where several share them."""

    of: Annotated[int, Field(ge=1, le=10_000)]
    """How many share them."""
    index: Annotated[int, Field(ge=0)]
    """Which of them this one is. `sentio.config.shard` puts it in where the file leaves it out."""

    @field_validator("index")
    @classmethod
    def _one_of_them(cls, index: int, info: ValidationInfo) -> int:
        of = info.data.get("of")
        if of is not None and index >= of:
            raise misfit(f"is {index}", f"a number below shard.of ({of}) is expected")
        return index


class Config(Options):
    """All of it. ``==`` on a pipeline or source says whether a reload changed it."""

    sources: dict[Alias, SourceBlock] = Field(min_length=1)
    pipelines: dict[Alias, Pipeline] = Field(min_length=1)
    sinks: dict[SinkName, SinkBlock] = Field(default_factory=dict)
    """Beside the exposition, which is always there."""
    server: Server = Server()
    store: Store = Store()
    executor: Executor = Executor()
    shard: Shard | None = None
    """None: every series is this one's."""

    _marked: frozenset[str] = PrivateAttr(default=frozenset())

    @model_validator(mode="after")
    def _sources_and_sinks_exist(self) -> Config:
        found = unknown_sources(self.sources, {name: p.source for name, p in self.pipelines.items()})
        found += unknown_sinks(self.sinks, {name: p.sinks or () for name, p in self.pipelines.items()})
        if found:
            raise misfits(*found)
        return self

    def sinks_of(self, alias: str) -> tuple[str, ...]:
        """The names of the sinks that the reports of this pipeline go to."""
        chosen = self.pipelines[alias].sinks
        return tuple(self.sinks) if chosen is None else chosen

    def marked(self, secrets: Iterable[str]) -> Config:
        """The same, knowing that these texts came from ``!env`` and ``!file``."""
        config = self.model_copy()
        config._marked = frozenset(secrets)
        return config

    @property
    def secrets(self) -> frozenset[str]:
        """The texts to be taken out of what is shown (`sentio.config.redact`): what came from ``!env`` and
        ``!file``, and every `SecretStr`, from four characters up."""
        return frozenset(s for s in self._marked | secret_texts(self) if len(s) >= SHORTEST)


def unknown_sources(sources: Iterable[str], wanted: Mapping[str, object]) -> list[tuple[Loc, PydanticCustomError]]:
    """A misfit for each pipeline (alias → its ``source``) whose source is none of ``sources``."""
    known = set(sources)
    choices = sorted(filter(_ALIAS.fullmatch, known))  # the others are a problem of their own
    found: list[tuple[Loc, PydanticCustomError]] = []
    for alias, source in wanted.items():
        if choices and isinstance(source, str) and source not in known:
            error = misfit(f"is {show(source)}, which is no source", one_of(choices, source))
            found.append((("pipelines", alias, "source"), error))
    return found


def unknown_sinks(
    sinks: Iterable[str], wanted: Mapping[str, Sequence[object]]
) -> list[tuple[Loc, PydanticCustomError]]:
    """A misfit for each entry of a pipeline's ``sinks`` (alias → them) that is none of ``sinks``."""
    known = set(sinks)
    choices = sorted(filter(_ALIAS.fullmatch, known))  # the others are a problem of their own
    found: list[tuple[Loc, PydanticCustomError]] = []
    for alias, names in wanted.items():
        for i, name in enumerate(names):
            if isinstance(name, str) and name not in known:
                right = one_of(choices, name) if choices else "a sink of that name under sinks, at the top, is expected"
                error = misfit(f"is {show(name)}, which is no sink", right)
                found.append((("pipelines", alias, "sinks", i), error))
    return found


def _least(length: int, what: str, least: int) -> PydanticCustomError:
    right = f"at least {what} ({format_duration(least)}) is expected"
    return misfit(f"is {format_duration(length)}", right, relative=True)
