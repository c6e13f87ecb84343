"""Where reports go: one file an adapter; see `sentio.contracts.Sink`."""
