"""Imported once by the server that worker processes are forked from: the heavy imports."""

import sentio.detectors.prophet.quiet
import sentio.detectors.prophet.stan  # noqa: F401 # the imports are the point
