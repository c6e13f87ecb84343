"""Where samples come from: one file or folder an adapter; see `sentio.contracts.Source`."""
