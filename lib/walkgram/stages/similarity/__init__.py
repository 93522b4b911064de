"""Similarity joins over vectors."""
