"""A toy model in closed form: a node's vector holds its degree and the sum of its weights, from the edges alone."""

from collections.abc import Iterator

import numpy as np
import torch

from walkgram.config.train import Train
from walkgram.train.data import arrow_numpy
from walkgram.train.models.base import ModelInputs, TableOutput
from walkgram.train.models.embeddings import embedding_output
from walkgram.train.models.registry import ModelSpec


def solve(inputs: ModelInputs, config: Train) -> Iterator[TableOutput]:
    """Yield the embeddings of the nodes: the items with an edge."""
    edges = inputs.tables.read("edges", ["src", "dst", "weight"])
    src, dst, weight = (arrow_numpy.to_numpy(edges[name]) for name in ("src", "dst", "weight"))
    nodes, row = np.unique(np.concatenate([src, dst]), return_inverse=True)
    vectors = np.zeros((len(nodes), 2), np.float32)
    np.add.at(vectors[:, 0], row, 1)
    np.add.at(vectors[:, 1], row, np.tile(weight, 2))
    yield embedding_output(inputs, nodes, torch.from_numpy(vectors), None)


MODEL = ModelSpec(name="degrees", reads=lambda _: ("vocabulary", "edges"), writes=lambda _: ("embeddings",), solve=solve)
