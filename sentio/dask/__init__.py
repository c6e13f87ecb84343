"""Heavy work on an existing Dask cluster. Empty on purpose: its workers import this package, too."""
