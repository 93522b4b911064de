"""interactions -> pairs -> edges -> graph -> walks -> [train] -> embeddings -> neighbours -> export."""

__version__ = "0.1.0"
