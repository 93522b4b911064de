"""The line, from interactions or edges to export: the jobs that the wanted tables need and that are not up to date."""

import sys

from walkgram.runtime import cli

if __name__ == "__main__":
    sys.exit(cli.main(["run", *sys.argv[1:]]))
