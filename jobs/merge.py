"""A day's new, changed and removed interactions merged into interactions, vocabulary, baskets and pairs: exact, no recount."""

import sys

from walkgram.runtime import cli

if __name__ == "__main__":
    sys.exit(cli.main(["merge", *sys.argv[1:]]))
