"""Summaries of the results."""
