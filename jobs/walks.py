"""graph -> walks, node2vec's biased random walks, and tokens, the visits of each node."""

import sys
from collections.abc import Mapping
from typing import Any

from walkgram import job
from walkgram.stages import walks

SHARD = 1 << 25  # nodes of a shard of walks, where walks.shards is 0


def run(run: job.Run) -> Mapping[str, Any]:
    """Walk from every node; count the visits."""
    config = run.config.walks
    total = run.inputs["graph"].counts["nodes"] * config.num_walks
    partitions = config.shards or max(run.cores, -(-total * config.walk_length // SHARD))
    ids = run.spark.range(0, total, 1, min(partitions, total))
    made = run.write("walks", walks.walk(ids, run.blocks("graph"), config.p, config.q, config.walk_length, config.seed))
    nodes = run.write("tokens", walks.tokens(run.read("walks"), run.rows("vocabulary")))
    return {"walks": made, "nodes": nodes}


JOB = job.Job("walks", __doc__, run, ("walks",), lambda _: ("vocabulary", "graph"), lambda _: ("walks", "tokens"))

if __name__ == "__main__":
    sys.exit(job.main(JOB))
