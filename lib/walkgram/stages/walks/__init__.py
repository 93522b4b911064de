"""graph -> node2vec's biased random walks, by the replicated or the partitioned engine."""
