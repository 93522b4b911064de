"""Pair counts over inverted lists, and PMI weights."""
