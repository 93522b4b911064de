"""The items table that accompanies interactions or edges: opened before anything is written, checked, written."""

from walkgram.jobs.base import JobContext
from walkgram.lake.sources.open import SourceFrame
from walkgram.lake.sources.open import open_items as open_table
from walkgram.stages.source import items, load_report
from walkgram.stages.source.columns import ValueRules

__all__ = ["open_item_table", "write_item_table"]


def open_item_table(context: JobContext, path: str) -> SourceFrame | None:
    """Open the items table of the source; None where the path is empty. Raises `InputError` for a missing column."""
    config = context.config.input
    return open_table(context.spark, path, config, items.required_columns(config.item_columns)) if path else None


def write_item_table(context: JobContext, side: SourceFrame, path: str) -> str:
    """Write the table `items` with ids of the vocabulary's type; return which share of the vocabulary has a title.

    Raises `InputError` for rows that cannot be read, and where no item of the vocabulary has a title.
    """
    config, ids = context.config.input, context.read("vocabulary")
    rules, id_type = ValueRules.from_config(config), ids.schema["item_id"].dataType
    items.validate(side.frame, config.item_columns, path, config.bad_rows, rules)
    context.write("items", items.select_items(side.frame, config.item_columns, id_type, rules))
    return load_report.match_items(ids, context.read("items"), bool(config.item_columns.title), path)
