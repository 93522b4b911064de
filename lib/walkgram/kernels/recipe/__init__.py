"""What the published node2vec recipe for MovieLens needs."""
