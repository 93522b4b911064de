"""walks, node_visits -> embeddings and losses, by torch; runs under python or torchrun as well, without Spark."""

import sys

from walkgram.runtime import cli

if __name__ == "__main__":
    sys.exit(cli.main(["train", *sys.argv[1:]]))
