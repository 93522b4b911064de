"""An edge table of any source -> edges and vocabulary of its graph, and items where the source has titles."""

import sys

from walkgram.runtime import cli

if __name__ == "__main__":
    sys.exit(cli.main(["load_edges", *sys.argv[1:]]))
