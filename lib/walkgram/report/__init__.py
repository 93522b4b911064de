"""The report that a pipeline prints, and plots (extra: plots)."""
