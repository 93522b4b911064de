"""gensim's Word2Vec, and F1 scores of any vectors. Runs in the peers' environment; prints a JSON line.

usage: peers_train.py gensim WALKS.npz SEED OUT.npy | peers_train.py f1 LABELS.npy VECTORS.npy SPLITS
"""

import json
import sys
import time

import numpy as np
from numpy.typing import NDArray

SETTINGS = {"vector_size": 128, "window": 10, "negative": 5, "alpha": 0.025, "min_alpha": 1e-4, "epochs": 1}


def train_gensim(file: str, seed: str, out: str) -> dict[str, float]:
    """Train skip-gram with negatives in one thread, without subsampling; return tokens per CPU second of train() alone."""
    from gensim.models import Word2Vec

    arrays = np.load(file)
    names = [str(node) for node in range(arrays["nodes"])]
    walks = [[names[node] for node in walk[:length]] for walk, length in zip(arrays["walks"], arrays["lengths"], strict=True)]
    model = Word2Vec(min_count=0, sg=1, hs=0, workers=1, sample=0, seed=int(seed), **SETTINGS)
    model.build_vocab(walks)
    start_time = time.process_time()
    model.train(walks, total_examples=model.corpus_count, epochs=model.epochs)
    seconds = time.process_time() - start_time
    vectors = np.zeros((len(names), model.vector_size), np.float32)
    vectors[[int(name) for name in model.wv.index_to_key]] = model.wv.vectors
    np.save(out, vectors)
    return {"rate": float(arrays["lengths"].sum() / seconds)}


def score_f1(labels: str, vectors: str, splits: str) -> dict[str, list[float]]:
    """Return micro and macro F1 of each split; two processes share the splits, since nothing is timed."""
    from joblib import Parallel, delayed

    all_labels, all_vectors = np.load(labels), np.load(vectors).astype(np.float64)
    has_label = all_labels.any(axis=1)
    score = delayed(score_split)
    scores = Parallel(n_jobs=2)(score(all_vectors[has_label], all_labels[has_label], split) for split in range(int(splits)))
    micro, macro = zip(*scores, strict=True)
    return {"micro": list(micro), "macro": list(macro)}


def score_split(vectors: NDArray[np.float64], labels: NDArray[np.bool_], split: int) -> list[float]:
    """Train one-vs-rest logistic regression on half of the nodes; predict as many labels of each other node as it has."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score

    order = np.random.default_rng(split).permutation(len(labels))
    train, test = np.split(order, [len(order) // 2])
    scores = np.full((len(test), labels.shape[1]), -np.inf)  # a label that the training half lacks is never predicted
    for kind in np.flatnonzero(labels[train].any(axis=0) & ~labels[train].all(axis=0)):
        model = LogisticRegression(solver="liblinear").fit(vectors[train], labels[train, kind])
        scores[:, kind] = model.decision_function(vectors[test])
    rank = (-scores).argsort(axis=1).argsort(axis=1)
    predicted = rank < labels[test].sum(axis=1, keepdims=True)
    return [float(f1_score(labels[test], predicted, average=average, zero_division=0)) for average in ("micro", "macro")]


if __name__ == "__main__":
    print(json.dumps({"gensim": train_gensim, "f1": score_f1}[sys.argv[1]](*sys.argv[2:])))
