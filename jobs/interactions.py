"""Source tables -> interactions, vocabulary, and items where the source has them."""

import sys

from walkgram.runtime import cli

if __name__ == "__main__":
    sys.exit(cli.main(["interactions", *sys.argv[1:]]))
