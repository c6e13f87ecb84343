"""Imported once by the server that worker processes are forked from: the heavy imports, and quiet loggers."""

import logging

for _name in ("prophet", "prophet.plot", "prophet.models", "cmdstanpy"):
    # Disabled, not only raised: the packages set their own levels when they are imported.
    logging.getLogger(_name).disabled = True

import prophet  # noqa: E402, F401 # after its loggers are quiet; the import is the point

import sentio.detectors.prophet.stan  # noqa: E402, F401 # the import is the point
