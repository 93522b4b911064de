"""Similarity joins of tables of vectors."""
