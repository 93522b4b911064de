"""The trainer: torch and pyarrow over shards of walks; never pyspark."""
