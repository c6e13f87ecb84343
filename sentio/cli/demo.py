"""``sentio demo``."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from sentio.cli.arguments import address
from sentio.cli.options import Commands, Help, log_options
from sentio.cli.serve import digest, run_service
from sentio.config.load import load


def add(commands: Commands) -> None:
    demo = commands.add_parser(
        "demo",
        help="simulated containers with anomalies, and Sentio watching them",
        description="Runs Sentio over a few simulated containers with two weeks of history and an anomaly every few "
        "minutes; their exporter tells the truth as sentio_demo_fault_active. Needs nothing else. Ctrl-C ends it.",
        formatter_class=Help,
    )
    demo.add_argument("--prometheus", action="store_true", help="use the prometheus on PATH, not the embedded store")
    demo.add_argument(
        "--web.listen-address",
        dest="listen",
        type=address,
        metavar="HOST:PORT",
        default="127.0.0.1:8000",
        help="where to look",
    )
    log_options(demo, level="warning")
    demo.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from sentio.demo.configuration import configuration, greeting
    from sentio.demo.run import Demo

    listen = arguments.listen
    with tempfile.TemporaryDirectory(prefix="sentio-demo-") as folder:
        print("making two weeks of history for a few simulated containers …", flush=True)
        demo = Demo(prometheus=arguments.prometheus, sentio=listen)
        with demo:
            path = Path(folder) / "sentio.yml"
            path.write_text(configuration(demo.url, listen, Path(folder) / "sentio.db"), "utf-8")
            return run_service(
                lambda: load([path], os.environ),
                lambda: digest([path]),
                arguments,
                started=lambda url: print(greeting(url, demo), flush=True),
            )
