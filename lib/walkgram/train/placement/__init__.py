"""Where the tables lie: replicated at every process, or sharded by row."""
