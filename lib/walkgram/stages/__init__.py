"""Steps on Spark: DataFrame -> DataFrame; storage comes through `ports`. Kernels run inside tasks, over Arrow batches."""
