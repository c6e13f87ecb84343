"""What learns and judges: one file or folder an adapter; see `sentio.contracts.Detector`."""
