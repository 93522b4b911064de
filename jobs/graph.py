"""edges -> graph: CSR rows with alias tables and an edge filter, as block files that the walkers map."""

import sys

from walkgram.runtime import cli

if __name__ == "__main__":
    sys.exit(cli.main(["graph", *sys.argv[1:]]))
