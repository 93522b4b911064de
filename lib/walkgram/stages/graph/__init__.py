"""edges -> CSR partitions that walkers map."""
