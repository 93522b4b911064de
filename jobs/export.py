"""embeddings, items -> files for people: the Embedding Projector's tables, the loss curve, the histogram of degrees."""

import sys

from walkgram.runtime import cli

if __name__ == "__main__":
    sys.exit(cli.main(["export", *sys.argv[1:]]))
