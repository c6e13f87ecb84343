"""Scenarios: load that is put on containers, or on this machine, and the truth about it while it lasts."""
