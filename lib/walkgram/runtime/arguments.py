"""The parser of a command's arguments."""

import argparse
from typing import NoReturn

from walkgram.redaction import redact

__all__ = ["Parser", "add_options"]


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, which shows no secret of an argument, and status 2."""

    def error(self, message: str) -> NoReturn:
        """Leave with one line: what is wrong, and where the arguments are listed."""
        self.exit(2, f"{self.prog}: error: {redact(message)}; {self.prog} --help lists the arguments\n")


def add_options(
    parser: argparse.ArgumentParser,
    config: str,
    verbose: str,
    overrides: str = "override a key",
    force: str = argparse.SUPPRESS,
) -> None:
    """Add the options of every command that reads a configuration; the texts are their help."""
    parser.add_argument("--config", metavar="FILE", help=config)
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], dest="overrides", help=overrides)
    parser.add_argument("--force", action="store_true", help=force)
    parser.add_argument("--verbose", action="store_true", help=verbose)
