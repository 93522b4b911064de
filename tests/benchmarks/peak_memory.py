"""Run a command, and print its peak memory in MiB as a last line of JSON.

A small process does this: the kernel counts in a child's peak the memory of its parent when the child was started.

usage: peak_memory.py COMMAND...
"""

import json
import resource
import subprocess
import sys

if __name__ == "__main__":
    status = subprocess.call(sys.argv[1:])
    print(json.dumps({"mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}), flush=True)
    sys.exit(status)
