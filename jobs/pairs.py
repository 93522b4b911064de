"""baskets -> pairs: the exact counts of all pairs, where pairs.write_table asks for the table."""

import sys

from walkgram.runtime import cli

if __name__ == "__main__":
    sys.exit(cli.main(["pairs", *sys.argv[1:]]))
