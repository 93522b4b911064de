"""embeddings, items -> files for people: the Embedding Projector's tables, the loss curve, the histogram of degrees."""

import sys
from collections.abc import Mapping
from typing import Any

from walkgram.config import Config
from walkgram.lake import manifest, parquet, paths
from walkgram.report import plots
from walkgram.runtime import job
from walkgram.stages import export


def run(run: job.RunContext) -> Mapping[str, Any]:
    """Write embeddings.tsv and metadata.tsv line by line, and the plots."""
    folder = run.folder("export")
    if run.config.export.plots:
        plots.require_matplotlib()
    items = run.read("items") if "items" in run.inputs else None
    lines = export.projector_lines(run.read("embeddings"), items).toLocalIterator()
    count = 0
    with paths.open_text(folder, "embeddings.tsv") as vectors, paths.open_text(folder, "metadata.tsv") as metadata:
        metadata.write(f"{export.HEADER}\n")
        for line in lines:
            vectors.write(f"{line['vector']}\n")
            metadata.write(f"{line['metadata']}\n")
            count += 1
    if run.config.export.plots:
        losses = parquet.read_table(run.folder("losses")).sort_by("epoch").to_pydict()
        paths.write_bytes(paths.join_path(folder, "loss.png"), plots.plot_loss(losses["epoch"], losses["loss"]))
        histogram = export.count_degrees(run.read("edges")).collect()
        paths.write_bytes(
            paths.join_path(folder, "degrees.png"),
            plots.plot_degrees([row["degree"] for row in histogram], [row["nodes"] for row in histogram]),
        )
    return {"vectors": count}


def reads(config: Config) -> tuple[str, ...]:
    """Items only where the lake has them."""
    return ("vocabulary", "embeddings", "losses", "edges") + ("items",) * (
        manifest.read_manifest(config.lake.path, "items") is not None
    )


JOB = job.Job("export", __doc__, run, ("export",), reads, lambda _: ("export",))

if __name__ == "__main__":
    sys.exit(job.run_main(JOB))
