"""``sentio warmup``."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from sentio.cli.options import Commands, Help


def add(commands: Commands) -> None:
    warmup = commands.add_parser(
        "warmup",
        help="compile what is compiled at first use",
        description="Compiles the numerical kernels and keeps them in NUMBA_CACHE_DIR, or beside the program, so that "
        "nothing waits for it after the next start: the reading from Prometheus, the detector prophet and the judge, "
        "and with --config.file all detectors of that configuration. For the building of an image, or after an "
        "installation; where all is there it takes a second or two.",
        formatter_class=Help,
    )
    warmup.add_argument(
        "--config.file", dest="config", type=Path, action="append", metavar="PATH",
        help="whose detectors are compiled, too: a YAML file, or a directory of them; may be given more than once",
    )  # fmt: skip
    warmup.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    began = time.monotonic()
    detectors = _configured(arguments.config) if arguments.config else []
    print("warmup: compiling the kernels, which takes about half a minute the first time …", flush=True)
    from sentio.judgement import judge

    # The judge's kernel takes as long as all others, and each is compiled on one core.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as beside:
        others = beside.submit(warm_others, detectors)
        judge.warm()
        others.result()
    print(f"warmup: done in {time.monotonic() - began:.1f} s")
    return 0


def _configured(paths: Sequence[Path]) -> list[tuple[str, Any]]:
    """Types and options of the detectors of a configuration, without classes of one's own: these are not called."""
    from sentio import catalog
    from sentio.config.load import load

    blocks = [pipeline.detector for pipeline in load(paths, os.environ).pipelines.values()]
    return [(block.type, block.options) for block in blocks if block.type in catalog.CATALOG["detectors"]]


def warm_others(detectors: Sequence[tuple[str, Any]]) -> None:
    """Compile all but the judge's kernel; of ``detectors``, types and their options, those that learn as they go."""
    from sentio import catalog
    from sentio.detection.run import goes_on, warm
    from sentio.detectors.prophet import batch
    from sentio.evaluation.inline import Inline
    from sentio.judgement import judge
    from sentio.sources.prometheus import stream

    batch.warm()
    stream.warm()
    judge.warm_incidents()
    for type_, options in detectors:
        detector = catalog.resolve("detectors", type_)(options, Inline())
        if goes_on(detector):
            warm(detector)
