"""Skip-gram as torch's tutorials have it: a list of pairs, sparse embeddings, SparseAdam; prints a JSON line.

usage: peer_torch.py WALKS.npz     (one thread; the CPU seconds include the list of pairs)
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


def list_pairs(walks: NDArray[np.int32], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (m, 2) centre and context in random order, each position's window drawn from 1..WINDOW as in word2vec."""
    rng = np.random.default_rng(0)
    window = rng.integers(1, WINDOW + 1, walks.shape)
    position, pairs = np.arange(walks.shape[1]), []
    for distance in range(1, WINDOW + 1):
        left, right = position[:-distance], position[distance:]
        for centre, context in ((left, right), (right, left)):
            is_pair = (window[:, centre] >= distance) & (np.maximum(centre, context) < lengths[:, None])
            pairs.append(np.stack([walks[:, centre][is_pair], walks[:, context][is_pair]], axis=1))
    return rng.permutation(np.concatenate(pairs)).astype(np.int64)


def compute_loss(centre: torch.nn.Embedding, context: torch.nn.Embedding, batch: Tensor, negatives: Tensor) -> Tensor:
    """Return the mean loss of the pairs of a batch. batch (m, 2); negatives (m, NEGATIVES)."""
    x = centre(batch[:, 0])
    context_scores = (x * context(batch[:, 1])).sum(dim=1)
    negative_scores = (context(negatives) @ x[:, :, None]).squeeze(2)
    return -(logsigmoid(context_scores) + logsigmoid(-negative_scores).sum(dim=1)).mean()


def main() -> None:
    """Train once over all pairs."""
    torch.set_num_threads(1)
    arrays = np.load(sys.argv[1])
    n = int(arrays["nodes"])
    is_token = np.arange(arrays["walks"].shape[1]) < arrays["lengths"][:, None]
    unigram = torch.from_numpy(np.bincount(arrays["walks"][is_token], minlength=n) ** 0.75)
    centre, context = (torch.nn.Embedding(n, DIM, sparse=True) for _ in range(2))
    optimizer = torch.optim.SparseAdam([*centre.parameters(), *context.parameters()])
    start_time = time.process_time()
    pairs = torch.from_numpy(list_pairs(arrays["walks"], arrays["lengths"]))
    for batch in pairs.split(BATCH):
        negatives = torch.multinomial(unigram, len(batch) * NEGATIVES, replacement=True).view(-1, NEGATIVES)
        optimizer.zero_grad()
        compute_loss(centre, context, batch, negatives).backward()
        optimizer.step()
    print(json.dumps({"rate": int(arrays["lengths"].sum()) / (time.process_time() - start_time)}))


if __name__ == "__main__":
    main()
