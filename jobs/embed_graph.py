"""Any edge table straight to walks, embeddings and neighbours: as pipeline.py with input.kind = "edges"."""

import sys

from walkgram.runtime import cli

if __name__ == "__main__":
    sys.exit(cli.main(["embed_graph", *sys.argv[1:]]))
