"""The models that can be trained, and the registry that names them."""
