"""A process that has imported everything and forks one `ganstyle` command per line of JSON on stdin.

Kills must hit real processes, and importing torch for each of them would take longer than all the training here.
"""

from __future__ import annotations

import json
import os
import sys


def child(request):
    """Become the command: its folder, environment, output file and arguments."""
    os.setsid()
    os.chdir(request["folder"])
    os.environ.update(request["environment"])
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    if request["program"]:
        exec(compile(request["program"], "<program>", "exec"), {})
    code = 99
    try:
        code = main(request["arguments"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    import torch._dynamo  # noqa: F401 the first optimizer would import it, for seconds, in every child

    import ganstyle.engine.training  # noqa: F401
    from ganstyle.cli.app import main
    from ganstyle.registry import default_registry

    default_registry()
    answers = os.fdopen(os.dup(1), "w")
    answers.write("ready\n")
    answers.flush()
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                child(request)
        answers.write(f"{answer}\n")
        answers.flush()
