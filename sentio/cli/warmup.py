"""``sentio warmup``."""

from __future__ import annotations

import argparse
import time

from sentio.cli.options import Commands


def add(commands: Commands) -> None:
    warmup = commands.add_parser(
        "warmup",
        help="compile what is compiled at first use",
        description="Compiles the numerical kernels and keeps them in NUMBA_CACHE_DIR, or beside the program, so that "
        "the first read and the first fit after the next start need not wait for it. For the building of an image, "
        "or after an installation; where all is there it takes a second.",
    )
    warmup.set_defaults(run=_run)


def _run(_arguments: argparse.Namespace) -> int:
    began = time.monotonic()
    print("warmup: compiling the kernels, which takes some 40 s the first time …", flush=True)
    from sentio.detectors.prophet import batch
    from sentio.judgement import judge
    from sentio.sources.prometheus import stream

    batch.warm()
    stream.warm()
    judge.warm()
    print(f"warmup: done in {time.monotonic() - began:.1f} s")
    return 0
