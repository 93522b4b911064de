"""Graph -> biased random walks, by the replicated or the partitioned engine."""
