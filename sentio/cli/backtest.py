"""``sentio backtest``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sentio.cli.arguments import delay, duration, moment, number, workers
from sentio.cli.options import Commands, HelpInLines
from sentio.errors import ConfigError

if TYPE_CHECKING:
    from sentio.evaluation.backtest import Running
    from sentio.evaluation.evaluate import Judged
    from sentio.evaluation.settings import Settings

_DESCRIPTION = """\
Replays history through the pipeline as it would have run: it trains as time goes on, and judges each sample by what
came before it. Prints how many incidents were caught, at how many false alarms a day, and how good the bands are.

DATA is one of
  FILE      a CSV file, perhaps .gz, with the columns time, value and, where incidents are known, label (0 or 1)
  DIR       a folder with manifest.csv (set, series, step_seconds, scored_from_index) and SET/SERIES.csv.gz
  PIPELINE  the name of a pipeline of --config.file, whose history is read from its source

docs/evaluation.md tells what each figure means."""
_EPILOG = """\
examples:
  sentio backtest requests.csv
  sentio backtest requests.csv --labels incidents.csv --out scores
  sentio backtest labelled/ --set detector.interval_width=0.999
  sentio backtest cpu --config.file sentio.yml --window 21d"""

_UNSCORED = (
    "no sample has a score, for no model was learned before the last one; more samples, or a longer --train-window, "
    "are expected"
)
_TOO_LARGE = (
    "no sample has a score, for the judge counts in single precision and values are beyond 3.4e38; smaller ones, as in "
    "another unit, are expected"
)


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "backtest",
        help="replay history, and count what is caught and what is a false alarm",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=HelpInLines,
    )
    parser.add_argument("data", metavar="DATA", help="FILE, DIR or PIPELINE")
    _add_pipeline(parser)
    _add_history(parser)
    _add_output(parser)
    parser.set_defaults(run=_run)


def _add_pipeline(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("which pipeline")
    group.add_argument(
        "--config.file", dest="config", type=Path, action="append", metavar="PATH",
        help="a YAML file, or a directory of them; may be given more than once (a pipeline with every default)",
    )  # fmt: skip
    group.add_argument("--pipeline", metavar="NAME", help="whose settings FILE or DIR is judged with (the only one)")
    group.add_argument(
        "--set", dest="changes", action="append", default=None, metavar="KEY=VALUE",
        help="another value for a setting of the pipeline, such as detector.interval_width=0.95; may be given more "
        "than once (none)",
    )  # fmt: skip
    group.add_argument(
        "--train-every", type=duration, metavar="LENGTH", default="1d",
        help="how much time of the data lies between two trainings, in place of train.every: seldom is faster",
    )  # fmt: skip
    group.add_argument(
        "--train-window",
        type=duration,
        metavar="LENGTH",
        help="how far back it learns (train.window; without a configuration, 200 samples at least)",
    )


def _add_history(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("which history")
    group.add_argument(
        "--labels", type=Path, metavar="FILE", help="incidents, in place of labels: a CSV file with series, start, end"
    )
    group.add_argument(
        "--warm-up", type=delay, metavar="LENGTH",
        help="at the start of FILE or PIPELINE, what is only learned from; 0s: nothing (15%% of the samples)",
    )  # fmt: skip
    group.add_argument("--start", type=moment, metavar="TIME", help="of PIPELINE: from when (--window before the end)")
    group.add_argument("--end", type=moment, metavar="TIME", help="of PIPELINE: until when (now)")
    group.add_argument(
        "--window", type=duration, metavar="LENGTH", help="of PIPELINE: how much (one and a half times train.window)"
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what comes out")
    group.add_argument(
        "--at", type=number, metavar="SCORE", help="tell what this threshold on anomaly_score gives, too"
    )
    group.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write DIR/SET/SERIES.csv: time, score, value, yhat, lower, upper, anomaly",
    )
    group.add_argument("--json", action="store_true", help="print the figures as JSON")
    group.add_argument("--workers", type=workers, metavar="N", default=2, help="processes that replay side by side")


def _run(arguments: argparse.Namespace) -> int:
    from sentio.evaluation.backtest import Running
    from sentio.evaluation.figures import figures_of, plain
    from sentio.evaluation.settings import Settings
    from sentio.evaluation.table import report
    from sentio.evaluation.write import write_scores

    settings = Settings(
        tuple(arguments.config or ()),
        arguments.pipeline,
        tuple(arguments.changes or ()),
        arguments.train_every,
        arguments.train_window,
    )
    running = Running(arguments.workers, arguments.labels, arguments.warm_up)
    judged = _judged(arguments, settings, running)
    figures = figures_of(judged, arguments.at)
    for one in figures:
        if not one.scored:
            print(f"{one.name}: {_why_unscored(judged, one.name)}", file=sys.stderr)
    print(json.dumps([plain(one) for one in figures], indent=2) if arguments.json else report(figures), flush=True)
    # Last: what has been told is not lost where a disk is full.
    if arguments.out:
        write_scores(arguments.out, judged)
    return 0


def _why_unscored(judged: Sequence[Judged], name: str) -> str:
    """Of the set ``name``."""
    import numpy as np

    from sentio.evaluation.figures import POOLED

    largest = np.finfo(np.float32).max
    for one in judged:
        said = any(np.isfinite(values).any() for values in (one.detector_lower, *one.further.values()))
        if name in (one.group, POOLED) and said and (np.abs(one.values) > largest).any():
            return _TOO_LARGE
    return _UNSCORED


def _judged(arguments: argparse.Namespace, settings: Settings, running: Running) -> list[Judged]:
    """Raises `ConfigError` where there is nothing of the name."""
    from dataclasses import replace

    from sentio.cli.progress import Progress
    from sentio.evaluation.backtest import of_file, of_folder, of_pipeline
    from sentio.evaluation.write import make_folder

    path = Path(arguments.data)
    folder, file = path.is_dir(), path.is_file()
    _refuse(arguments, folder=folder, file=file)
    window = _window(arguments)
    if arguments.out:
        make_folder(arguments.out)
    with Progress("backtest") as progress:
        if folder:
            return of_folder(path, settings, running, progress)
        if file:
            return of_file(path, settings, running, progress)
        return of_pipeline(replace(settings, pipeline=arguments.data), window, running, progress)


def _refuse(arguments: argparse.Namespace, *, folder: bool, file: bool) -> None:
    """Raises `ConfigError` for what DATA has no use for, and where there is nothing of the name."""
    if folder or file:
        for flag in ("start", "end", "window"):
            if getattr(arguments, flag) is not None:
                raise ConfigError(f"--{flag}: is given, and DATA is no pipeline; all of a file or a folder is replayed")
    elif not arguments.config:
        raise ConfigError(
            f"DATA: there is no file or folder {arguments.data}; one, or a pipeline of --config.file, is expected"
        )
    elif arguments.pipeline is not None:
        raise ConfigError("--pipeline: is given, and DATA is a pipeline, too; one of the two is expected")
    if folder and arguments.warm_up is not None:
        right = "scored_from_index of its manifest, which says it for each series, is expected"
        raise ConfigError(f"--warm-up: is given, and DATA is a folder; {right}")
    if arguments.start is not None and arguments.window is not None:
        raise ConfigError("--window: is given beside --start; one of the two is expected")


def _window(arguments: argparse.Namespace) -> tuple[int | None, int]:
    """Of a pipeline. Raises `ConfigError`."""
    end = time.time_ns() if arguments.end is None else arguments.end
    start = arguments.start if arguments.window is None else end - arguments.window
    if start is not None and start >= end:
        raise ConfigError("--start: is not before --end; an earlier time is expected")
    return start, end
