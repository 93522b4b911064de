"""The only code that touches storage: tables seen by Spark and by Arrow, block files, manifests, staging and commit."""
