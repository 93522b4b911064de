"""Source rows -> interactions, items, vocabulary, and the edges of a loaded graph: parse, validate, deduplicate."""
