"""All sections as frozen models; each key has its meaning, unit, default and limits."""

from pydantic import model_validator

from walkgram.config.base import Section, key
from walkgram.config.environment import Lake, Spark
from walkgram.config.graph import Graph, Walks
from walkgram.config.output import Export, Neighbours, PipelineConfig, Report
from walkgram.config.pairs import Edges, Interactions, Merge, Pairs, Pmi
from walkgram.config.source import Input, Sample
from walkgram.config.train import Train

__all__ = ["Config"]


class Config(Section):
    """All sections; each job declares those that it depends on."""

    input: Input = key(Input, "")
    sample: Sample = key(Sample, "")
    lake: Lake = key(Lake, "")
    spark: Spark = key(Spark, "")
    interactions: Interactions = key(Interactions, "")
    merge: Merge = key(Merge, "")
    pairs: Pairs = key(Pairs, "")
    pmi: Pmi = key(Pmi, "")
    edges: Edges = key(Edges, "")
    graph: Graph = key(Graph, "")
    walks: Walks = key(Walks, "")
    train: Train = key(Train, "")
    neighbours: Neighbours = key(Neighbours, "")
    export: Export = key(Export, "")
    report: Report = key(Report, "")
    pipeline: PipelineConfig = key(PipelineConfig, "")

    @model_validator(mode="after")
    def check_report_group(self) -> "Config":
        """Raise `ValueError` where report.group names a column that the items table will not have."""
        group, keep = self.report.group, self.input.item_columns.keep
        is_sample = self.input.source == "sample" and not self.input.path and self.input.kind == "interactions"
        if group and (self.input.items or is_sample) and group not in keep:
            raise ValueError(f"report.group: {group} is not among input.item_columns.keep {keep}")
        return self
