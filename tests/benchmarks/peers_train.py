"""gensim's Word2Vec, and the scores of anyone's vectors. Runs in the peers' environment; prints a JSON line.

usage: peers_train.py gensim WALKS.npz SEED OUT.npy | peers_train.py f1 LABELS.npy VECTORS.npy SPLITS
"""

import json
import sys
import time

import numpy as np

SETTINGS = {"vector_size": 128, "window": 10, "negative": 5, "alpha": 0.025, "min_alpha": 1e-4, "epochs": 1}


def gensim(file: str, seed: str, out: str) -> dict[str, float]:
    """Skip-gram with negatives in one thread, no subsampling; the CPU seconds are those of train() alone."""
    from gensim.models import Word2Vec

    held = np.load(file)
    names = [str(node) for node in range(held["nodes"])]
    walks = [[names[node] for node in walk[:length]] for walk, length in zip(held["walks"], held["lengths"], strict=True)]
    model = Word2Vec(min_count=0, sg=1, hs=0, workers=1, sample=0, seed=int(seed), **SETTINGS)
    model.build_vocab(walks)
    started = time.process_time()
    model.train(walks, total_examples=model.corpus_count, epochs=model.epochs)
    seconds = time.process_time() - started
    vectors = np.zeros((len(names), model.vector_size), np.float32)
    vectors[[int(name) for name in model.wv.index_to_key]] = model.wv.vectors
    np.save(out, vectors)
    return {"rate": float(held["lengths"].sum() / seconds)}


def f1(labels: str, vectors: str, splits: str) -> dict[str, list[float]]:
    """micro and macro F1 of each split; the two cores share the splits, since nothing is timed."""
    from joblib import Parallel, delayed

    known, all_vectors = np.load(labels), np.load(vectors).astype(np.float64)
    some = known.any(axis=1)
    found = Parallel(n_jobs=2)(delayed(scored)(all_vectors[some], known[some], split) for split in range(int(splits)))
    micro, macro = zip(*found, strict=True)
    return {"micro": micro, "macro": macro}


def scored(vectors, known, split):  # noqa: ANN001, ANN201
    """One-vs-rest logistic regression on half of the nodes; of each other node as many labels are named as it has."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score

    order = np.random.default_rng(split).permutation(len(known))
    train, test = np.split(order, [len(order) // 2])
    score = np.full((len(test), known.shape[1]), -np.inf)  # a label that the half does not show is never named
    for kind in np.flatnonzero(known[train].any(axis=0) & ~known[train].all(axis=0)):
        model = LogisticRegression(solver="liblinear").fit(vectors[train], known[train, kind])
        score[:, kind] = model.decision_function(vectors[test])
    rank = (-score).argsort(axis=1).argsort(axis=1)
    named = rank < known[test].sum(axis=1, keepdims=True)
    return [float(f1_score(known[test], named, average=how, zero_division=0)) for how in ("micro", "macro")]


if __name__ == "__main__":
    print(json.dumps({"gensim": gensim, "f1": f1}[sys.argv[1]](*sys.argv[2:])))
