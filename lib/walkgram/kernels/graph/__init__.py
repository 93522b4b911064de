"""CSR rows, alias tables, reverse edges, edge filter, partitions."""
