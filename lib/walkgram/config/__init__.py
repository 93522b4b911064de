"""Configuration: one frozen object, read from TOML, overridden by `section.key=value`, checked before Spark starts.

Every key carries its meaning and unit, from which `--help` is made (`describe`). An unknown key, a wrong type or
a value out of range raises `ConfigError` with its path, such as `conf/x.toml: walks.p: ...`.
"""

from walkgram.config.load import describe_keys, load_config
from walkgram.config.schema import Config

__all__ = ["Config", "describe_keys", "load_config"]
