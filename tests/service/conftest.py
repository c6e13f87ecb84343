"""The command line sets up logging and signals for its whole process; here it must hand them back."""

import logging
import signal

import pytest


@pytest.fixture(autouse=True)
def _process_settings():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    signals = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for number, handler in signals.items():
        signal.signal(number, handler)
