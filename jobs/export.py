"""embeddings, items -> files for people: the Embedding Projector's tables, the loss curve, the histogram of degrees."""

import sys
from collections.abc import Mapping
from typing import Any

from walkgram import job
from walkgram.config import Config
from walkgram.lake import arrow, files, manifest
from walkgram.report import plots
from walkgram.stages import export


def run(run: job.Run) -> Mapping[str, Any]:
    """Write embeddings.tsv and metadata.tsv line by line, and the plots."""
    folder = run.folder("export")
    if run.config.export.plots:
        plots.check()
    items = run.read("items") if "items" in run.inputs else None
    lines = export.lines(run.read("embeddings"), items).toLocalIterator()
    count = 0
    with files.text(folder, "embeddings.tsv") as vectors, files.text(folder, "metadata.tsv") as metadata:
        metadata.write(f"{export.HEADER}\n")
        for line in lines:
            vectors.write(f"{line['vector']}\n")
            metadata.write(f"{line['metadata']}\n")
            count += 1
    if run.config.export.plots:
        losses = arrow.read_table(run.folder("losses")).sort_by("epoch").to_pydict()
        files.open_output(files.join(folder, "loss.png"), plots.loss(losses["epoch"], losses["loss"]))
        histogram = export.degrees(run.read("edges")).collect()
        files.open_output(
            files.join(folder, "degrees.png"),
            plots.degrees([row["degree"] for row in histogram], [row["nodes"] for row in histogram]),
        )
    return {"vectors": count}


def reads(config: Config) -> tuple[str, ...]:
    """Items only where the lake has them."""
    return ("vocabulary", "embeddings", "losses", "edges") + ("items",) * (manifest.read(config.lake.path, "items") is not None)


JOB = job.Job("export", __doc__, run, ("export",), reads, lambda _: ("export",))

if __name__ == "__main__":
    sys.exit(job.main(JOB))
