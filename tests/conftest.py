"""For all tests."""

import signal

from hypothesis import HealthCheck, settings

# What runs in the background may have SIGINT ignored, and so would have every program that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run, and no clock: what fails does so to whoever changed something, on any machine.
# `--hypothesis-profile=new` looks for others.
_UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("same", derandomize=True, **_UNTIMED)
settings.register_profile("new", **_UNTIMED)
settings.load_profile("same")
