"""A day's interactions merged into the lake, then every job after the merge."""

import sys

from walkgram.runtime import cli

if __name__ == "__main__":
    sys.exit(cli.main(["update", *sys.argv[1:]]))
