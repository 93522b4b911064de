"""Exact search for similar rows, block by block, and the metrics that it compares by."""
