"""Runs `botify-offline publish` in processes that are there at once and may be killed.

A line on stdin has the arguments of a run, as JSON; on stdout comes the number of its process. It
is waited for after the next line, so that the number stays its own: then comes its exit code, or
minus the signal that ended it.
"""

import json
import os
import sys

import offline.commands.publish  # noqa: F401  # so that processes have it from the start
from offline.cli import main


def _run(arguments: list[str]) -> None:
    code = 1
    try:
        os.dup2(2, 1)
        main(arguments, standalone_mode=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        os._exit(code)


print("ready", flush=True)
while line := sys.stdin.readline():
    pid = os.fork()
    if pid == 0:
        _run(json.loads(line))
    print(pid, flush=True)
    sys.stdin.readline()
    _, status = os.waitpid(pid, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
