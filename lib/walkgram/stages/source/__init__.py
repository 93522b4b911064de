"""Source rows -> interactions, items, vocabulary, edges of a loaded graph: parsed, checked, counted."""
