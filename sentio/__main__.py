"""``sentio``, and ``python -m sentio``."""

import os
import sys
import threading
from typing import NoReturn

from sentio.cli import main

_GRACE_S = 2.0


def run() -> NoReturn:
    end(main())


def end(code: int) -> NoReturn:
    """Exit, in two seconds at most. What had to be saved or closed has been, yet a thread may hold the interpreter:
    before 3.11.5 that of a process pool whose workers were killed does so for ever (CPython gh-94777)."""
    timer = threading.Timer(_GRACE_S, os._exit, (code,))
    timer.daemon = True
    timer.start()
    sys.exit(code)


if __name__ == "__main__":
    run()
