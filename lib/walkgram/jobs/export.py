"""embeddings, items -> files for people: the Embedding Projector's tables, a loss curve where there is one, the degrees."""

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
        write_plots(context, folder)
    return {"vectors": count}


def write_plots(context: JobContext, folder: str) -> None:
    """Write degrees.png, and loss.png where the model of the embeddings has losses."""
    if has_losses(context):
        losses = parquet.read_table(context.folder("losses")).sort_by("epoch").to_pydict()
        paths.write_bytes(paths.join_path(folder, "loss.png"), plots.plot_loss(losses["epoch"], losses["loss"]))
    histogram = export.count_degrees(context.read("edges")).collect()
    degrees, nodes = [row["degree"] for row in histogram], [row["nodes"] for row in histogram]
    paths.write_bytes(paths.join_path(folder, "degrees.png"), plots.plot_degrees(degrees, nodes))


def has_losses(context: JobContext) -> bool:
    """Return whether the run that made the embeddings wrote losses too; those of another run are of another model.

    `reads` does not name them: a model in closed form has none. Tables of one run have one identity, that of the embeddings.
    """
    losses = manifest.read_manifest(context.config.lake.path, "losses")
    return losses is not None and losses.run == context.inputs["embeddings"].run


def reads(config: "Config") -> tuple[str, ...]:
    """Return the tables: edges only for the plots, items only where the lake has them."""
    has_items = manifest.read_manifest(config.lake.path, "items") is not None
    return ("vocabulary", "embeddings") + ("edges",) * config.export.plots + ("items",) * has_items


def check(config: "Config") -> None:
    """Raise `ConfigError` where plots are wanted and matplotlib is missing."""
    if config.export.plots:
        plots.require_matplotlib()


JOB = Job("export", __doc__, run, ("export",), reads, lambda _: ("export",), check=check)
