"""node2vec's biased random walks."""
