"""graph -> walks, node2vec's biased random walks, and node_visits, how often they visit each node."""

import sys

from walkgram.runtime import cli

if __name__ == "__main__":
    sys.exit(cli.main(["walks", *sys.argv[1:]]))
