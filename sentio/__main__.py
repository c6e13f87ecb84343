"""``sentio``, and ``python -m sentio``."""

import os
import shutil
import signal
import sys
import threading
from multiprocessing.util import get_temp_dir
from typing import NoReturn

_GRACE_S = 2.0


def run() -> NoReturn:
    if sys.argv[1:2] == ["serve"]:
        # SIGHUP asks for the configuration anew. Until it is read for the first time there is nothing to do; and unless
        # it is told so, the system ends a process that does not listen yet.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Here, not above: it takes a second.
    from sentio.cli import main

    end(main())


def end(code: int) -> NoReturn:
    """Exit, in two seconds at most. What had to be saved or closed has been, yet a thread may hold the interpreter:
    before 3.11.5 that of a process pool whose workers were killed does so for ever (CPython gh-94777)."""
    timer = threading.Timer(_GRACE_S, _leave, (code,))
    timer.daemon = True
    timer.start()
    sys.exit(code)


def _leave(code: int) -> None:
    # The one thing that multiprocessing removes only at an orderly end.
    shutil.rmtree(get_temp_dir(), ignore_errors=True)
    os._exit(code)


if __name__ == "__main__":
    run()
