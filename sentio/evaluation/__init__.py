"""How good is it? History replayed through the pipeline as it runs in production, and figures of what came out."""
