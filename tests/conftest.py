"""For all tests."""

import signal

# What runs in the background may have SIGINT ignored, and so would have every program that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
