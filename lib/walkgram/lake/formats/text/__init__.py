"""Text tables: bytes to lines, lines to fields, fields to Arrow batches, and the tasks of Spark that do it."""
