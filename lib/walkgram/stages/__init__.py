"""The line's steps: DataFrame -> DataFrame; no read, no write, no session. Kernels run inside tasks, over Arrow batches."""
