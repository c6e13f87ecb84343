"""Runs benchmarks, each in a fresh process: ``python -m benchmarks.run [--quick] [NAME …]``.

Exit code 1 when a reach is missed or a benchmark could not run.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.figures import machine, parser

NAMES = (
    "parity", "fit", "decode", "score", "detectors", "cycle", "pipeline", "page", "peers", "quality", "kinds",
    "injected", "late", "clocks", "gaps", "still", "receivers",
)  # fmt: skip
_LIMIT_S = 1200
_ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """All of them, or those that are named."""
    made = parser(__doc__)
    made.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(NAMES)} (all of them)")
    arguments = made.parse_args()
    unknown = sorted(set(arguments.names) - set(NAMES))
    if unknown:
        made.error(f"{', '.join(unknown)}: no such benchmark; one of {', '.join(NAMES)} is expected")
    print(machine(), flush=True)
    missed = [name for name in arguments.names or NAMES if not _run(name, arguments.quick)]
    if missed:
        print(f"\nnot as it should be: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


def _run(name: str, quick: bool) -> bool:
    print(f"\n## {name}\n", flush=True)
    started = time.monotonic()
    command = [sys.executable, "-m", f"benchmarks.{name}", *(["--quick"] if quick else [])]
    try:
        code = subprocess.run(command, cwd=_ROOT, timeout=_LIMIT_S, check=False).returncode
    except subprocess.TimeoutExpired:
        print(f"{name}: has not ended within {_LIMIT_S} s", file=sys.stderr)
        code = 1
    print(f"\n{name} took {time.monotonic() - started:.0f} s", flush=True)
    return code == 0


if __name__ == "__main__":
    sys.exit(main())
