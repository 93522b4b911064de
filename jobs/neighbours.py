"""embeddings -> neighbours: the k nearest items of every item by cosine, exactly."""

import sys

from walkgram.runtime import cli

if __name__ == "__main__":
    sys.exit(cli.main(["neighbours", *sys.argv[1:]]))
