"""Walk shards, earlier vectors and Arrow columns as arrays for the trainer."""
