"""Formats of source tables that Spark does not read by itself."""
