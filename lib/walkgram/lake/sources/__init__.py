"""The user's own tables: found, opened, fingerprinted."""
