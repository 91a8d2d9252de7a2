"""A run of several ranks: all begin alike, rank 0 leads and writes, the others take part and write nothing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ganstyle.config import resolve
from ganstyle.engine import rng
from ganstyle.engine.checkpoint import Checkpoint, newest_valid
from ganstyle.engine.distributed import agree, collect, connect, leads, share, share_states, share_tensors
from ganstyle.engine.environment import describe_environment
from ganstyle.engine.run import Run
from ganstyle.engine.session import Session, fingerprint
from ganstyle.engine.signals import StopRequest
from ganstyle.errors import DivergedError, UsageError
from ganstyle.nn.ranks import join_batch_norms, joined, rank, world_size
from ganstyle.registry import Registry

if TYPE_CHECKING:
    from ganstyle.engine.training import FitResult


@dataclass(frozen=True)
class FollowedRun(Run):
    """A run that another rank writes; its folder need not exist on this machine."""

    def write_status(self, state: str, *, code: int | None = None, reason: str = "", **facts: Any) -> None:
        """Write nothing."""

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write nothing."""

    def require_space(self, checkpoint_bytes: int, keep: int) -> None:
        """Need nothing."""


class Unwritten:
    """The log of a rank that writes nothing."""

    def write(self, scalars: Mapping[str, Any]) -> None:
        """Write nothing."""


def announce(**order: Any) -> None:
    """Tell the ranks that follow to begin a run now, or to take part in measuring one.

    Args:
        order: JSON; `config`, and `folder` with further arguments of `fit`, or `seconds`, those of `measure`.
    """
    if leads():
        share(order)


def follow(registry: Registry) -> FitResult | None:
    """Take part in every run that rank 0 begins or measures, until it has no more.

    Returns:
        What the last of them left, as far as this rank knows; None if there was none.
    """
    from ganstyle.engine.budget import measure  # this and `fit` themselves begin together with others
    from ganstyle.engine.training import fit

    result = None
    while (order := share(patient=True)) is not None:
        config = resolve(registry, recipe=order.pop("config"))
        if "seconds" in order:
            measure(config, registry, seconds=order["seconds"])
            continue
        run = FollowedRun(Path(order.pop("folder")))
        with suppress(DivergedError):  # rank 0 met the same end and decides whether there is another start
            result = fit(config, registry=registry, run=run, **order)
    return result


def begin_together(session: Session) -> None:
    """Connect the ranks and let them start from the same weights, each with random numbers of its own.

    Raises:
        UsageError: the ranks see different data or versions, or can't share a batch evenly.
        EnvironmentProblem: not all ranks came.
    """
    train = session.config.train
    connect(timeout_s=train.rank_timeout_seconds)
    if not joined():
        return
    if train.batch % world_size():
        fits = max(1, round(train.batch / world_size())) * world_size()
        raise UsageError(
            f"a batch of {train.batch} can't be shared evenly by {world_size()} ranks",
            where="train.batch",
            hint=f"--batch {fits}",
        )
    _compare(collect({"data": fingerprint(session.dataset), **_versions()}))
    for network in session.task.networks.values():
        join_batch_norms(network)
    share_states([*session.task.networks.values(), *session.averaged.networks.values()])
    rng.seed_rank(train.seed, rank())


def _versions() -> dict[str, Any]:
    return {key: describe_environment()[key] for key in ("ganstyle", "torch")}


def _compare(ranks: list[dict[str, Any]]) -> None:
    for number, facts in enumerate(ranks):
        for key, value in facts.items():
            if value != ranks[0][key]:
                raise UsageError(
                    f"rank {number} has other {key} than rank 0: {value!r}, not {ranks[0][key]!r}",
                    where=f"rank {number}",
                    hint="every machine needs the same data set and the same versions",
                )


def newest_for_all(run: Run) -> Checkpoint | None:
    """Return the newest valid checkpoint, which rank 0 alone reads from disk, on every rank.

    Raises:
        ModelError: on rank 0; as `newest_valid`.
    """
    return shared_checkpoint(newest_valid(run) if leads() else None)


def shared_checkpoint(found: Checkpoint | None) -> Checkpoint | None:
    """Return a checkpoint that rank 0 has read, or None, on every rank."""
    if not joined():
        return found
    facts = share(None if found is None else {"path": str(found.path), "state": found.state, "notes": found.notes})
    if facts is None:
        return None
    model, train = (share_tensors(part) for part in ((found.model, found.train) if found else (None, None)))
    return Checkpoint(Path(facts["path"]), model, train, facts["state"], tuple(facts["notes"]))


def random_states() -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return (tensors, facts) of the random state of every rank to rank 0, and of itself to any other."""
    if not joined():
        return rng.capture()
    states = collect(rng.packed(rank=rank()))
    return rng.unpacked(states) if states else rng.capture(rank=rank())


def gather_bad_files(session: Session) -> None:
    """Let every rank know the unreadable pictures of all."""
    if joined():
        found = collect(session.bad_files)
        session.bad_files = share(sorted({line for lines in found for line in lines}))


def requests(stop: StopRequest) -> tuple[bool, bool]:
    """Return whether a stop and whether a save was asked for, of any rank; the same on all of them.

    A stop that another rank was asked for is entered into `stop`.
    """
    number, save = agree(stop.number, int(stop.take_save_request()))
    if number:
        stop.ask(number)
    return stop.requested, bool(save)
