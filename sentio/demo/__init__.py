"""The embedded default: simulated containers, and a small store that answers for them as Prometheus would.

`run.Demo` starts all of it. Nothing here is used by a service that has a real Prometheus.
"""
