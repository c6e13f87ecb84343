"""How fast Sentio is, and at what cost of memory: one script a question, beside its peers, in one run."""
