"""Sentio: anomaly detection and forecasting for metrics."""

__version__ = "0.1.0"
