"""Skip-gram as torch's tutorials have it: a list of pairs, sparse embeddings, SparseAdam; prints a JSON line.

usage: peer_torch.py WALKS.npz     (one thread; all that the walks need is in the CPU seconds: the list of pairs too)
"""

import json
import sys
import time

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import logsigmoid

DIM, WINDOW, NEGATIVES, BATCH = 128, 10, 5, 1024


def pairs(walks: NDArray[np.int32], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """(m, 2) centre and context in drawn order, each position's window drawn from 1..WINDOW as in word2vec."""
    rng = np.random.default_rng(0)
    reach = rng.integers(1, WINDOW + 1, walks.shape)
    place, found = np.arange(walks.shape[1]), []
    for away in range(1, WINDOW + 1):
        for here, there in ((place[:-away], place[away:]), (place[away:], place[:-away])):
            kept = (reach[:, here] >= away) & (np.maximum(here, there) < lengths[:, None])
            found.append(np.stack([walks[:, here][kept], walks[:, there][kept]], axis=1))
    return rng.permutation(np.concatenate(found)).astype(np.int64)


def loss(centre: torch.nn.Embedding, context: torch.nn.Embedding, batch: Tensor, drawn: Tensor) -> Tensor:
    """Mean over the pairs of the batch. batch (m, 2); drawn (m, NEGATIVES)."""
    x = centre(batch[:, 0])
    near = (x * context(batch[:, 1])).sum(dim=1)
    far = (context(drawn) @ x[:, :, None]).squeeze(2)
    return -(logsigmoid(near) + logsigmoid(-far).sum(dim=1)).mean()


def main() -> None:
    """Train once over all pairs."""
    torch.set_num_threads(1)
    held = np.load(sys.argv[1])
    n = int(held["nodes"])
    valid = np.arange(held["walks"].shape[1]) < held["lengths"][:, None]
    share = torch.from_numpy(np.bincount(held["walks"][valid], minlength=n) ** 0.75)
    centre, context = (torch.nn.Embedding(n, DIM, sparse=True) for _ in range(2))
    optimizer = torch.optim.SparseAdam([*centre.parameters(), *context.parameters()])
    started = time.process_time()
    listed = torch.from_numpy(pairs(held["walks"], held["lengths"]))
    for batch in listed.split(BATCH):
        drawn = torch.multinomial(share, len(batch) * NEGATIVES, replacement=True).view(-1, NEGATIVES)
        optimizer.zero_grad()
        loss(centre, context, batch, drawn).backward()
        optimizer.step()
    print(json.dumps({"rate": int(held["lengths"].sum()) / (time.process_time() - started)}))


if __name__ == "__main__":
    main()
