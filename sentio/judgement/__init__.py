"""What is thought about samples once their forecast is known: pure, for all series of a panel at once."""
