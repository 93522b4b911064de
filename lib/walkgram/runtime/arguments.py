"""The parser of a command's arguments."""

import argparse
from typing import NoReturn

from walkgram.redaction import redact

__all__ = ["Parser"]


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, which shows no secret of an argument, and status 2."""

    def error(self, message: str) -> NoReturn:
        """Leave with one line: what is wrong, and where the arguments are listed."""
        self.exit(2, f"{self.prog}: error: {redact(message)}; {self.prog} --help lists the arguments\n")
