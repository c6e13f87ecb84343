"""What Sentio serves over HTTP."""
