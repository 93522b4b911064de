"""Edges -> CSR partitions that walkers map."""
