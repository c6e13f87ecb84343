"""``sentio warmup``."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

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
    print("warmup: compiling the kernels, which takes some 40 s the first time …", flush=True)
    from sentio.detectors.prophet import batch
    from sentio.judgement import judge
    from sentio.sources.prometheus import stream

    if arguments.config:
        _warm_detectors(arguments.config)
    batch.warm()
    stream.warm()
    judge.warm()
    print(f"warmup: done in {time.monotonic() - began:.1f} s")
    return 0


def _warm_detectors(paths: Sequence[Path]) -> None:
    """Those of a configuration that learn as they go; a class of one's own is not called."""
    from sentio import catalog
    from sentio.config.load import load
    from sentio.detection.run import goes_on, warm
    from sentio.evaluation.inline import Inline

    for pipeline in load(paths, os.environ).pipelines.values():
        block = pipeline.detector
        if block.type in catalog.CATALOG["detectors"]:
            detector = catalog.resolve("detectors", block.type)(block.options, Inline())
            if goes_on(detector):
                warm(detector)
