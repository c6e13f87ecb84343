"""Adapters of one's own, as ``module:Class`` names them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, SecretStr, field_validator

from sentio.config.durations import ByteSize, Duration
from sentio.config.misfit import misfit
from sentio.config.options import Options as Base
from sentio.config.options import Url
from sentio.reports import Report
from sentio.state import State
from sentio.types import Panel, Scores, Window


class Inner(Base):
    token: SecretStr
    when: Duration = 1


class Custom:
    """A source with every kind of option."""

    class Options(Base):
        url: Url = "http://localhost"
        size: ByteSize = 1
        mode: Literal["a", "b"] | bool | int = "a"
        token: SecretStr | Inner | None = None
        inner: Inner | None = None
        many: dict[str, Inner] = Field(default_factory=dict)
        plain: str = ""
        chatty: str = ""

        @field_validator("chatty")
        @classmethod
        def _quotes_what_it_gets(cls, text: str) -> str:
            if text == "fits":
                return text
            if text.startswith("m"):
                raise misfit(f"is {text}", "fits is expected")
            raise ValueError(f"is {text}; fits is expected, not {text}")

    def read(self, query: str, window: Window) -> Panel:
        raise NotImplementedError


class Detector:
    """A detector without options."""

    class Options(Base):
        pass

    def fit(self, history: Panel) -> State:
        raise NotImplementedError

    def score(self, state: State, fresh: Panel) -> tuple[State, Scores]:
        raise NotImplementedError


class Banded(Detector):
    """A detector whose band has a width that it does not bound itself."""

    class Options(Base):
        interval_width: float = 0.9


class NoOptions:
    def emit(self, report: Report) -> None:
        raise NotImplementedError


class LooseOptions(NoOptions):
    class Options(BaseModel):
        """Takes unknown keys."""


class NoMethods:
    class Options(Base):
        pass


not_a_class = 5
