"""``sentio detect``: a table of samples through a detector, and what of it is anomalous."""
