"""The options of `type: pyod`: Anomstack's, under names of their own."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from sentio.config.durations import Duration
from sentio.config.misfit import misfit, misfits
from sentio.config.options import Options
from sentio.detectors.pyod.models import problems

_CONTAMINATION = 0.01


class Model(Options):
    """One of PyOD's models: ``pyod.models.<name in lower case>.<name>``."""

    name: str
    params: dict[str, Any] = Field(default_factory=dict)
    """What its class is made with; the rest is as PyOD has it."""

    def __str__(self) -> str:
        params = ", ".join(f"{name}: {value}" for name, value in self.params.items())
        return f"{{name: {self.name}, params: {{{params}}}}}"


class Preprocess(Options):
    """What becomes of the samples, in this order, before a model sees them."""

    resample: Duration | None = None
    """Bins of this length in place of the samples; None for the samples as they are."""
    aggregate: Literal["mean", "sum"] = "mean"
    """What a bin says of its samples."""
    diff: Annotated[int, Field(ge=0, le=1000)] = 1
    """The difference from the value so many before; 0 for the values themselves."""
    smooth: Annotated[int, Field(ge=1, le=1000)] = 3
    """The mean of so many; 1 for none."""
    lags: Annotated[int, Field(ge=0, le=100)] = 5
    """So many before it stand beside each."""

    @property
    def reach(self) -> int:
        """How many values before one it takes to tell its features."""
        return self.diff + self.smooth - 1 + self.lags


class PyodOptions(Options):
    """Models of the package PyOD over windows of lagged values, after Anomstack."""

    models: Annotated[tuple[Model, ...], Field(min_length=1)] = (
        Model(name="PCA", params={"contamination": _CONTAMINATION}),
        Model(name="KNN", params={"contamination": _CONTAMINATION}),
    )
    combine: Literal["mean", "max", "min"] = "mean"
    """How the scores of the models become one."""
    preprocess: Preprocess = Preprocess()
    train_samples: Annotated[int, Field(ge=2, le=100_000)] = 2500
    """The newest samples of a series that its models are fitted to, and that are kept."""
    min_samples: Annotated[int, Field(ge=2)] = 14
    """Fewer are not learned yet."""
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.8
    """A sample is anomalous whose ``score`` is this or more."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    """``random_state`` of the models that take one."""

    @model_validator(mode="after")
    def _installed(self) -> PyodOptions:
        if find_spec("pyod") is None:
            wrong = 'is "pyod", and the package pyod is not installed'
            raise misfits((("type",), misfit(wrong, "pip install 'sentio[pyod]' is expected")))
        return self

    @field_validator("models")
    @classmethod
    def _of_pyod(cls, models: tuple[Model, ...]) -> tuple[Model, ...]:
        if find_spec("pyod") is None:
            return models
        found = [((i, *loc), error) for i, m in enumerate(models) for loc, error in problems(m.name, m.params)]
        if found:
            raise misfits(*found)
        return models

    @field_validator("min_samples")
    @classmethod
    def _not_more_than_are_kept(cls, least: int, info: ValidationInfo) -> int:
        most = info.data.get("train_samples")
        if most is not None and least > most:
            raise misfit(f"is {least}", f"at most train_samples ({most}) is expected", relative=True)
        return least
