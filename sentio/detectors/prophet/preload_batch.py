"""Imported once by the server that worker processes are forked from: the compiled kernels, ready to be called."""

from sentio.detectors.prophet.batch import warm

warm()
