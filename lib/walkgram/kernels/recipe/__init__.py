"""Kernels of the published node2vec recipe for MovieLens."""
