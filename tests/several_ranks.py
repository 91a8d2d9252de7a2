"""Functions of a test module as ranks of one job, in processes that start within milliseconds.

Importing torch in each of them would take longer than all that is tested. So one process, this file run as a program,
has imported everything, and forks.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from pathlib import Path


class Job:
    """Ranks at work; `pids` by rank."""

    def __init__(self, forking, folder, pids):
        self.forking, self.folder, self.pids = forking, folder, pids
        self.codes = {}

    def wait(self):
        """Wait for every rank; return the exit codes by rank, negative for a signal."""
        return [self.code(rank) for rank in range(len(self.pids))]

    def code(self, rank):
        if rank not in self.codes:
            self.codes[rank] = self.forking.ask(wait=self.pids[rank])
        return self.codes[rank]

    def send(self, number, *, rank):
        os.kill(self.pids[rank], number)

    def text(self, rank):
        return (self.folder / f"output-{rank}.txt").read_text()

    def results(self):
        """Return what the functions returned, by rank; all must have ended well."""
        codes = self.wait()
        assert not any(codes), "\n".join([str(codes), *(self.text(rank)[-3000:] for rank in range(len(codes)))])
        return [json.loads((self.folder / f"result-{rank}.json").read_text()) for rank in range(len(codes))]


class Forking:
    """The process that has imported everything."""

    def __init__(self):
        settings = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=settings,
            start_new_session=True,
        )
        assert self.process.stdout.readline() == "ready\n"
        self.jobs = []

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def start(self, function, folder, *arguments, world=2, **environment):
        """Start ranks of a function defined at the top of a test module; arguments and result are JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        call = {"file": function.__code__.co_filename, "function": function.__name__, "arguments": arguments}
        pids = self.ask(folder=str(folder), world=world, environment=environment, **call)
        self.jobs.append(Job(self, folder, pids))
        return self.jobs[-1]

    def end_all(self):
        """Kill what still runs of the jobs started so far."""
        for job in self.jobs:
            for rank, pid in enumerate(job.pids):
                if rank not in job.codes:
                    os.kill(pid, signal.SIGKILL)
                    job.code(rank)
        self.jobs = []

    def close(self):
        self.end_all()
        self.process.kill()  # it holds nothing, and leaving torch in order takes seconds
        self.process.wait()


@functools.cache
def forking():
    """Return the one such process of a test run."""
    started = Forking()
    atexit.register(started.close)
    return started


def wait_until(condition, seconds=60):
    """Wait for a condition and return its value."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
    return found


def _fork(request):
    """Fork the ranks of a request and return their process ids."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return [_fork_one(request, rank, listener) for rank in range(request["world"])]


def _fork_one(request, rank, listener):
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        folder = Path(request["folder"])
        output = os.open(folder / f"output-{rank}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.setsid()
        os.environ.update(_environment(request, rank, listener))
        result = _called(request)
        (folder / f"result-{rank}.json").write_text(json.dumps(result))
        code = result if isinstance(result, int) else 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _environment(request, rank, listener):
    alone = request["world"] == 1
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(listener.getsockname()[1]), "GLOO_SOCKET_IFNAME": "lo"}
    listening = {"GANSTYLE_LISTEN": str(listener.fileno())} if rank == 0 else {}
    place = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(request["world"]), **address, **listening}
    return ({} if alone else place) | request["environment"]


def _called(request):
    spec = importlib.util.spec_from_file_location("ranks_of_a_test", request["file"])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, request["function"])(*request["arguments"])


def serve():
    """Answer requests until stdin closes."""
    import torch._dynamo  # noqa: F401 the first optimizer would import it, for seconds, in every child

    import ganstyle.engine.training  # noqa: F401
    from ganstyle.cli.app import main  # noqa: F401
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
            answer = _fork(request)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
