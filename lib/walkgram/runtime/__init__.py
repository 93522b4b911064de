"""What runs a job: the command line, the session, progress, the pipeline, several trainer processes."""
