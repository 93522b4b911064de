"""Pictures for people (extra: plots)."""
