"""Configuration: frozen sections of typed keys, read from TOML, overridden by `section.key=value`, checked at the start.

Every key carries its meaning and unit, from which `--help` is made. An unknown key, a wrong type or a value out of range
raises `ConfigError` with its path, such as `conf/x.toml: walks.p: ...`. `schema.Config` holds all sections, `load` reads them.
"""
