"""The tree of Sentio's errors.

Every text reads *where: what is wrong; what would be right*. Foreign exceptions are translated into these at
the adapter that met them, with the cause chained. ``reason`` is a short word from a bounded set: it becomes a
metric label, which the text never may.
"""

from __future__ import annotations


class SentioError(Exception):
    """Whatever Sentio raises on purpose."""


class ConfigError(SentioError):
    """The configuration is refused; every problem found in it, at once.

    ``problems`` are full lines, each with its file, line and YAML path.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class SourceError(SentioError):
    """This tick has no data.

    ``permanent``: asking again would give the same answer (a refused query), so it is not retried within the
    tick. ``retry_after``: seconds the server asked to be left alone.
    """

    def __init__(self, text: str, *, reason: str, permanent: bool = False, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.reason = reason
        self.permanent = permanent
        self.retry_after = retry_after


class SinkError(SentioError):
    """A report was not delivered; ``permanent`` and ``retry_after`` as in `SourceError`."""

    def __init__(self, text: str, *, reason: str, permanent: bool = False, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.reason = reason
        self.permanent = permanent
        self.retry_after = retry_after


class SeriesError(SentioError):
    """One series could not be fitted; the others go on."""


class StoreError(SentioError):
    """The store could not be read or written."""


class DeadlineExceededError(SentioError):
    """A call took longer than it was given."""


class WorkerDiedError(SentioError):
    """A task's worker process was killed, twice."""


class EvaluationError(SentioError):
    """What is to be evaluated could not be read."""


class InputError(SentioError):
    """A table, or what is to judge it, cannot be used. ``code``: the exit code of a command that ends with it, as
    datastream.io has them; 5 and 6 are its Elasticsearch's and Kibana's."""

    code = 4


class ModuleError(InputError):
    """A module cannot be loaded, or a package that the form of the file needs."""

    code = 1


class DetectorNotFoundError(InputError):
    """No detector has that name."""

    code = 2


class TimefieldError(InputError):
    """The times are missing, cannot be read, or do not increase."""

    code = 3


class SensorsError(InputError):
    """There is nothing to judge: no such file, no rows, no such column, or what stands there is no number."""

    code = 4


class OutputError(SentioError):
    """A table could not be written."""
