"""One file a job: the sections that it reads, its tables, and `run` = read, one stage, write."""
