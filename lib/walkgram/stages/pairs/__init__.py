"""Interactions -> baskets, pair counts, PMI edges, and the merge of a day."""
