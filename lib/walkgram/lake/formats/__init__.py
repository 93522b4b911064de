"""File formats of source tables: one module a format, and the registry that lists them."""
