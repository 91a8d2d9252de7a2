"""Several ranks as one training: how they find each other, agree, pass on what rank 0 has, and end together.

A process is a rank when RANK and WORLD_SIZE are set, as torchrun and `ganstyle train --nproc` do. Everything here does
nothing in a process alone. Every rank must make the same calls in the same order; rank 0 alone writes files, between
two of them. Values travel as JSON and tensors as bytes, never pickled.
"""

from __future__ import annotations

import datetime
import json
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ganstyle.engine.launching import LIFELINE, LISTEN, launched
from ganstyle.errors import EnvironmentProblem, GanstyleError, Stopped
from ganstyle.nn.ranks import joined

JOIN_SECONDS = 300.0
ALONE_SECONDS = 3600.0  # rank 0 previews, scores and saves alone; the others wait so long
NOTE_SECONDS = 3.0  # for the note of a rank that failed, or that waits as well, to arrive
_LINGER_SECONDS = 0.5
_KEPT = 64  # values of rank 0 in the store: no rank is so many exchanges behind, as gradients wait for all


class RankLost(EnvironmentProblem):
    """Another rank failed, ended or hangs, and this one can't go on.

    Attributes:
        secondary: its cause has a message of its own, elsewhere.
        rank: the other one; None if it could not be found out.
    """

    secondary = True

    def __init__(self, message: str, *, rank: int | None, code: int = EnvironmentProblem.code, hint: str = "") -> None:
        super().__init__(message, where="" if rank is None else f"rank {rank}", hint=hint)
        self.rank, self.code = rank, code


class _Team:
    """What the ranks share besides torch's own groups."""

    def __init__(self, own: int, world: int) -> None:
        self.own, self.world = own, world
        self.timeout_s = JOIN_SECONDS
        self.elastic = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"  # then torchrun holds the store
        # Under torchrun a restarted job finds the keys of its last attempt in the same store.
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        self.store = dist.PrefixStore(f"ganstyle/{attempt}", self._opened())
        self.place, self.exchanges = "the start", 0
        self.control: Any = None  # the group for decisions: gloo, so that no device is waited for
        self.patient: Any = None  # the group for waiting until rank 0 has done what it does alone

    def _opened(self) -> dist.Store:
        hosts = self.own == 0 and not self.elastic
        listen = os.environ.get(LISTEN) if hosts else None
        return dist.TCPStore(
            os.environ["MASTER_ADDR"],
            int(os.environ["MASTER_PORT"]),
            is_master=hosts,
            timeout=datetime.timedelta(seconds=JOIN_SECONDS),
            wait_for_workers=False,
            master_listen_fd=None if listen is None else int(listen),
        )

    def next_key(self) -> str:
        """Return the name of the next exchange, the same on every rank."""
        self.exchanges += 1
        return f"exchange/{self.exchanges}"


_team: _Team | None = None


def leads() -> bool:
    """Return whether this process writes files and talks: rank 0, or a process alone."""
    return _team is None or _team.own == 0


def local_device(name: str) -> str:
    """Return the device of this rank: on CUDA the GPUs of a machine in the order of its ranks.

    Args:
        name: `auto`, `cpu`, `cuda`, ...; one with a number is left as it is.
    """
    if _team is None or name not in ("auto", "cuda") or not torch.cuda.is_available():
        return name
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}"


@contextmanager
def among_ranks() -> Iterator[None]:
    """Meet the other ranks for the time of the block; nothing in a process that was started alone.

    Inside, `share` works at once, everything else after `connect`.

    Raises:
        EnvironmentProblem: not all ranks came.
        RankLost: another rank failed, ended or hangs; says which and why.
    """
    global _team
    if not launched() or _team is not None:
        yield
        return
    _follow_launcher()
    with _all_there():
        _team = _Team(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    try:
        yield
        if _team.own == 0:
            share(None)  # no further run: who follows may go home
        _disconnect()
    except Stopped:
        _disconnect()
        raise
    except Exception as error:
        known = explained(error)
        if known is error:
            _leave_note(_team, error)
            raise
        raise known from error
    finally:
        _team = None


def connect(*, timeout_s: float) -> None:
    """Open the ranks' connections.

    Args:
        timeout_s: the longest silence of a rank before the others give up.

    Raises:
        EnvironmentProblem: not all ranks came.
    """
    if _team is None or joined():
        return
    _team.timeout_s = timeout_s
    patience = datetime.timedelta(seconds=timeout_s)
    _team.store.set_timeout(patience)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
    with _all_there():
        store = dist.PrefixStore("torch", _team.store)
        dist.init_process_group(backend, store=store, rank=_team.own, world_size=_team.world, timeout=patience)
        _team.control = dist.new_group(backend="gloo", timeout=patience)
        longest = datetime.timedelta(seconds=max(ALONE_SECONDS, timeout_s))
        _team.patient = dist.new_group(backend="gloo", timeout=longest)


@contextmanager
def _all_there() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError) as error:
        raise EnvironmentProblem(
            f"rank {os.environ['RANK']} of {os.environ['WORLD_SIZE']} could not join the others: "
            f"{str(error).splitlines()[0]}",
            where=f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}",
            hint="was every rank started, and does every machine reach this address?",
        ) from error


def _disconnect() -> None:
    if joined():
        dist.destroy_process_group()


def _follow_launcher() -> None:
    """Ask for a stop when the process that started this one is gone."""
    pipe = os.environ.get(LIFELINE)
    if pipe is not None:
        threading.Thread(target=_wait_for_end, args=(int(pipe),), daemon=True).start()


def _wait_for_end(pipe: int) -> None:
    with suppress(OSError):
        os.read(pipe, 1)  # nothing is ever written: it returns when the other end is closed
    os.kill(os.getpid(), signal.SIGTERM)


def share(value: Any = None, *, patient: bool = False) -> Any:
    """Return rank 0's value on every rank.

    Args:
        value: JSON; only rank 0's counts.
        patient: wait as long as rank 0 may work alone.
    """
    if _team is None:
        return value
    _team.place, key = "a value of rank 0", _team.next_key()
    if _team.own == 0:
        _team.store.set(key, json.dumps(value))
        _team.store.delete_key(f"exchange/{_team.exchanges - _KEPT}")
    elif patient:
        _team.store.wait([key], datetime.timedelta(seconds=ALONE_SECONDS))
    return json.loads(_team.store.get(key))


def collect(value: Any) -> list[Any]:
    """Return every rank's value, by rank, to rank 0; an empty list to the others.

    Args:
        value: JSON.
    """
    if _team is None:
        return [value]
    _team.place, key = "values for rank 0", _team.next_key()
    _team.store.set(f"{key}/{_team.own}", json.dumps(value))
    if _team.own:
        return []
    found = [json.loads(_team.store.get(f"{key}/{number}")) for number in range(_team.world)]
    for number in range(_team.world):
        _team.store.delete_key(f"{key}/{number}")
    return found


def agree(*values: int) -> tuple[int, ...]:
    """Return the largest of the ranks' values, for each value, on every rank."""
    if _team is None:
        return values
    _team.place = "the decision after a step"
    largest = torch.tensor(values, dtype=torch.int64)
    dist.all_reduce(largest, op=dist.ReduceOp.MAX, group=_team.control)
    return tuple(largest.tolist())


def meet() -> None:
    """Wait until every rank is here; long enough for what rank 0 does alone."""
    if _team is not None:
        _team.place = "what rank 0 does alone"
        dist.barrier(group=_team.patient)


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter], *, at: str = "gradients") -> None:
    """Replace the gradients by their means over the ranks, in one exchange.

    Ranks hold equal shares of a batch and losses are means, so this is the gradient of the joint batch. Every rank
    ends with the same bits; a value that is not finite reaches all of them.

    Args:
        parameters: the same on every rank; those without a gradient are left out.
        at: named when a rank doesn't come.
    """
    if _team is None:
        return
    _team.place = at
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    flat /= _team.world
    for gradient, mean in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(mean.view(gradient.shape))


@torch.no_grad()
def share_states(modules: Iterable[nn.Module]) -> None:
    """Give every rank the parameters and buffers of rank 0, in place."""
    if _team is None:
        return
    _team.place = "the weights of rank 0"
    for module in modules:
        for value in module.state_dict().values():
            sent = value.contiguous()
            dist.broadcast(sent, 0)
            value.copy_(sent)


def share_tensors(tensors: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
    """Return rank 0's tensors on every rank, on the CPU.

    Args:
        tensors: by name; None on the other ranks.
    """
    if _team is None:
        return dict(tensors or {})
    own = {name: value.cpu().contiguous() for name, value in (tensors or {}).items()}
    layout = share({name: [str(value.dtype).removeprefix("torch."), list(value.shape)] for name, value in own.items()})
    _team.place = "the tensors of rank 0"
    for name, (dtype, shape) in layout.items():
        value = own.setdefault(name, torch.empty(shape, dtype=getattr(torch, dtype)))
        if value.numel():
            dist.broadcast(value.view(-1).view(torch.uint8), 0)
    return own


def explained(error: Exception) -> Exception:
    """Return what an error means among ranks: `RankLost` for a broken connection or a timeout, else the error."""
    return _loss(_team, error) if _team is not None and _is_loss(error) else error


def _is_loss(error: Exception) -> bool:
    return isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error).lower())


def _leave_note(team: _Team, error: Exception) -> None:
    """Tell the ranks that will now miss this one why; the first note stays."""
    if isinstance(error, RankLost):
        return
    known = error if isinstance(error, GanstyleError) else GanstyleError(f"{type(error).__name__}: {error}")
    note = {"rank": team.own, "code": known.code, "message": known.message}
    with suppress(RuntimeError):  # the store may be gone with rank 0
        team.store.compare_set("failed", "", json.dumps(note))


def _loss(team: _Team, error: Exception) -> RankLost:
    waited = any(word in str(error).lower() for word in ("timed out", "timeout"))
    try:
        note, missing = _roll_call(team)
    except RuntimeError:  # the store is gone, and with it the process that held it
        return RankLost("the ranks' store is gone" if team.elastic else "rank 0 ended", rank=None)
    if note:
        return RankLost(f"rank {note['rank']} failed: {note['message']}", rank=note["rank"], code=note["code"])
    names = "a rank" if not missing else " and ".join(f"rank {number}" for number in missing)
    first = missing[0] if missing else None
    if not waited:
        return RankLost(f"{names} ended without a message, before {team.place}", rank=first)
    return RankLost(
        f"{names} hangs: nothing came from it for {team.timeout_s:g} s, before {team.place}",
        rank=first,
        hint="if it was only slow: --set train.rank_timeout_seconds=1800",
    )


def _roll_call(team: _Team) -> tuple[dict[str, Any], list[int]]:
    """Return the note of the rank that failed first, if any, and the ranks that don't answer."""
    team.store.set(f"present/{team.own}", "1")
    deadline = time.monotonic() + NOTE_SECONDS
    note, missing = dict[str, Any](), list(range(team.world))
    while not note and missing and time.monotonic() < deadline:
        time.sleep(0.05)
        missing = [number for number in missing if not team.store.check([f"present/{number}"])]
        note = json.loads(team.store.get("failed")) if team.store.check(["failed"]) else {}
    if team.own == 0 and not team.elastic:
        time.sleep(_LINGER_SECONDS)  # the others may still be reading; the store ends with this process
    return note, missing
