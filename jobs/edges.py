"""baskets, or the pairs table where it is written -> edges: pairs weighted by PMI or a relative of it, then filtered."""

import sys

from walkgram.runtime import cli

if __name__ == "__main__":
    sys.exit(cli.main(["edges", *sys.argv[1:]]))
