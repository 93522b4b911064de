"""interactions -> baskets, pair counts and weighted edges, and the merge of a day's changes."""
