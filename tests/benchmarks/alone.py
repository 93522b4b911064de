"""Runs a command; the last line it adds to the output is the command's peak memory in MiB, as JSON.

A process of its own, and a small one: what a child is said to have held includes what its parent held when it was started.

usage: alone.py COMMAND...
"""

import json
import resource
import subprocess
import sys

if __name__ == "__main__":
    status = subprocess.call(sys.argv[1:])
    print(json.dumps({"mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}), flush=True)
    sys.exit(status)
