"""The only code that touches storage: tables for Spark and for Arrow, block files, manifests, staging and commit."""
