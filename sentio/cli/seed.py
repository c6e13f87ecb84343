"""``sentio seed``."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from sentio.cli.options import Commands, Help


def add(commands: Commands) -> None:
    seed = commands.add_parser(
        "seed",
        help="two weeks of history for the stack's Prometheus",
        description="Gives a Prometheus that has never run two weeks of history of the containers that are described "
        'in --workload, marked with the label seeded="true", so that bands stand in its first minute. Needs promtool. '
        "With SENTIO_SEED=0 in the environment, or where there is history already, it does nothing and says so.",
        formatter_class=Help,
    )
    seed.add_argument("data", type=Path, metavar="DIR", help="the data folder of that Prometheus")
    seed.add_argument(
        "--workload",
        type=Path,
        metavar="DIR",
        default=Path("scenarios/workload"),
        help="a file CONTAINER.env for each container, with what it does when nothing is the matter",
    )
    seed.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from sentio.demo.seed import base_loads, has_history, seed

    if os.environ.get("SENTIO_SEED", "1") == "0":
        print("seed: SENTIO_SEED is 0: no history is made; the first bands take min_samples samples")
    elif has_history(arguments.data):
        print(f"seed: {arguments.data} has history already; nothing is added")
    else:
        loads = base_loads(arguments.workload)
        print(f"seed: making two weeks of history of {', '.join(loads)} …", flush=True)
        seed(arguments.data, loads, time.time_ns())
        print("seed: done")
    return 0
