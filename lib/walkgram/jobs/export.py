"""embeddings, items -> files for people: the Embedding Projector's tables, the loss curve, the histogram of degrees."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from walkgram.jobs.base import Job, JobContext
from walkgram.lake import manifest, parquet, paths
from walkgram.report import plots
from walkgram.stages import export

if TYPE_CHECKING:
    from walkgram.config.schema import Config


def run(context: JobContext) -> Mapping[str, Any]:
    """Write embeddings.tsv and metadata.tsv line by line, and the plots."""
    folder = context.folder("export")
    items = context.read("items") if "items" in context.inputs else None
    lines = export.projector_lines(context.read("embeddings"), items).toLocalIterator()
    count = 0
    with paths.open_text(folder, "embeddings.tsv") as vectors, paths.open_text(folder, "metadata.tsv") as metadata:
        metadata.write(f"{export.HEADER}\n")
        for line in lines:
            vectors.write(f"{line['vector']}\n")
            metadata.write(f"{line['metadata']}\n")
            count += 1
    if context.config.export.plots:
        losses = parquet.read_table(context.folder("losses")).sort_by("epoch").to_pydict()
        paths.write_bytes(paths.join_path(folder, "loss.png"), plots.plot_loss(losses["epoch"], losses["loss"]))
        histogram = export.count_degrees(context.read("edges")).collect()
        degrees, nodes = [row["degree"] for row in histogram], [row["nodes"] for row in histogram]
        paths.write_bytes(paths.join_path(folder, "degrees.png"), plots.plot_degrees(degrees, nodes))
    return {"vectors": count}


def reads(config: "Config") -> tuple[str, ...]:
    """Return the tables: items only where the lake has them."""
    has_items = manifest.read_manifest(config.lake.path, "items") is not None
    return ("vocabulary", "embeddings", "losses", "edges") + ("items",) * has_items


def check(config: "Config") -> None:
    """Raise `ConfigError` where plots are wanted and matplotlib is missing."""
    if config.export.plots:
        plots.require_matplotlib()


JOB = Job("export", __doc__, run, ("export",), reads, lambda _: ("export",), check=check)
