"""interactions, vocabulary -> baskets: the users' item lists as block files, and their totals."""

import sys

from walkgram.runtime import cli

if __name__ == "__main__":
    sys.exit(cli.main(["baskets", *sys.argv[1:]]))
