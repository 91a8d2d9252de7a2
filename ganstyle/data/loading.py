"""Endless batches whose order and chance depend on (seed, image counter) alone.

Picture number n of a run is the same, and changed in the same way, for any number of workers and ranks, and after any
resume: its place comes from a permutation that is a function of (seed, epoch), its chance from a generator that is a
function of (seed, n).
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from ganstyle.api import Batch
from ganstyle.data.names import shown
from ganstyle.data.transforms import is_image
from ganstyle.data.workers import WorkerLost, WorkerPool
from ganstyle.errors import EnvironmentProblem, InputError, NoInputError, UsageError
from ganstyle.functional.images import to_signed

REMEMBER_BYTES = 1 << 30
WORKER_TIMEOUT_S = 120

Transform = Callable[[Mapping[str, Any], torch.Generator], Mapping[str, Any]]


def stable_seed(*parts: object) -> int:
    """Return a 63-bit number that depends on the parts alone; `hash()` of a text differs from process to process."""
    text = "\0".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator_for(seed: int, number: int) -> torch.Generator:
    """Return the generator of picture `number` of a run."""
    return torch.Generator().manual_seed(stable_seed(seed, "image", number))


@functools.lru_cache(maxsize=4)
def permutation(count: int, seed: int, epoch: int) -> Tensor:
    """Return the order of one pass over `count` items, int64 (count,)."""
    generator = torch.Generator().manual_seed(stable_seed(seed, "epoch", epoch))
    return torch.randperm(count, generator=generator)


@dataclass(frozen=True)
class _Share:
    """Which pictures of a batch are ours: every world-th, from the rank on.

    Taken in strides, groups that a network forms inside a batch (minibatch statistics) are those of one process.
    """

    batch: int
    rank: int
    world: int

    def numbers(self, counter: int) -> range:
        """Return the picture numbers of the batch that starts at the counter."""
        return range(counter + self.rank, counter + self.batch, self.world)


@dataclass
class _Fetched:
    """One batch as arrays, which cross to another process as plain bytes, and the files that could not be read."""

    batch: dict[str, NDArray[Any]] = field(default_factory=dict)
    bad: list[tuple[int, str]] = field(default_factory=list)


class _Source:
    """The data set as a worker process sees it: an image counter in, one batch out."""

    def __init__(
        self, dataset: Any, transform: Transform | None, seed: int, *, share: _Share, remember_bytes: int
    ) -> None:
        self.dataset, self.transform, self.seed, self.share = dataset, transform, seed, share
        self.count = len(dataset)
        self.drawn = hasattr(dataset, "sample")  # such items differ each time
        keep = getattr(dataset, "remember", True) and not self.drawn
        self.room_bytes = remember_bytes if keep else 0
        self.memory: dict[int, Mapping[str, Any]] = {}

    def __call__(self, counter: int) -> _Fetched:
        fetched = _Fetched()
        items = [self._item(number, fetched.bad) for number in self.share.numbers(counter)]
        whole = [item for item in items if item is not None]
        if len(whole) == len(items):
            fetched.batch = {key: value.numpy() for key, value in collate(whole).items()}
        return fetched

    def _item(self, number: int, bad: list[tuple[int, str]]) -> Mapping[str, Any] | None:
        """Return a picture, or the next readable one of the same epoch; None if too many in a row are bad."""
        for step in range(allowed_bad(self.count) + 1):
            index = self.index(number, step)
            generator = generator_for(self.seed, number)
            try:
                item = self._load(index, generator)
            except InputError as error:
                bad.append((index, error.message))
                continue
            return self.transform(item, generator) if self.transform else item
        return None

    def index(self, number: int, step: int = 0) -> int:
        """Return which item picture `number` is, or the one so many steps further in the same epoch."""
        epoch, place = divmod(number, self.count)
        return int(permutation(self.count, self.seed, epoch)[(place + step) % self.count])

    def _load(self, index: int, generator: torch.Generator) -> Mapping[str, Any]:
        if self.drawn:
            return self.dataset.sample(index, generator)
        if index in self.memory:
            return self.memory[index]
        item = self.dataset[index]
        size_bytes = sum(value.nbytes for value in item.values() if isinstance(value, Tensor))
        if size_bytes <= self.room_bytes:
            self.room_bytes -= size_bytes
            self.memory[index] = item
        return item


def collate(items: list[Mapping[str, Any]]) -> dict[str, Tensor]:
    """Stack the tensors and numbers of items; other entries are left out.

    Raises:
        InputError: pictures of several sizes.
    """
    names = {"image": "images", "label": "labels"}
    values = {key: [item[key] for item in items] for key in items[0] if isinstance(items[0][key], Tensor | int | float)}
    return {names.get(key, key): _stacked(key, column) for key, column in values.items()}


def _stacked(key: str, column: list[Any]) -> Tensor:
    if not isinstance(column[0], Tensor):
        return torch.tensor(column)
    shapes = {tuple(value.shape) for value in column}
    if len(shapes) > 1:
        raise InputError(f"entry {key!r} has several sizes in one batch: {sorted(shapes)[:3]}", hint="preprocess them")
    return torch.stack(column)


def allowed_bad(count: int) -> int:
    """Return how many files of a data set may be unreadable: 1 %, at least one, never all."""
    return min(max(1, count // 100), count - 1)


class Loader:
    """An endless iterator of batches on the CPU.

    A batch holds each picture entry as float32 (B, 3, H, W) in [-1, 1], `labels` as int64, other tensors as they are.
    One that is larger than the data set goes on into the next epoch.

    Args:
        dataset: a `DatasetLike`; a `sample` method is preferred over indexing.
        preprocess: brings pictures to one size; None if they have it.
        batch: pictures of all ranks together.
        seed: of order and chance.
        counter: pictures that were handed out before, by all ranks.
        workers: processes that decode; 0 decodes in this one.
        rank: which pictures of each batch are ours: number rank, rank + world, ...
        world: how many ranks share a batch.
        remember_bytes: keep decoded pictures in memory up to this size.

    Attributes:
        counter: pictures handed out so far, by all ranks; what a checkpoint stores.
        bad_files: `name: reason` of each file that was skipped.

    Raises:
        NoInputError: the data set is empty, or too many of its files are unreadable.
        UsageError: a batch that the ranks can't share evenly.
        EnvironmentProblem: worker processes died or hung twice.
    """

    def __init__(
        self,
        dataset: Any,
        preprocess: Transform | None = None,
        *,
        batch: int,
        seed: int,
        counter: int = 0,
        workers: int = 0,
        rank: int = 0,
        world: int = 1,
        remember_bytes: int = REMEMBER_BYTES,
    ) -> None:
        if len(dataset) == 0:
            raise NoInputError("the data set is empty", hint="ganstyle data check FOLDER")
        if batch < 1 or batch % world or not 0 <= rank < world:
            raise UsageError(
                f"a batch of {batch} can't be shared by {world} ranks (rank {rank})",
                where="train.batch",
                hint=f"--batch {max(1, round(batch / world)) * world}",
            )
        self.dataset, self.batch, self.seed, self.workers = dataset, batch, seed, workers
        self.rank, self.world, self.counter = rank, world, counter
        self.restarts_left = 1
        self._bad: dict[int, str] = {}
        share = _Share(batch, rank, world)
        self._source = _Source(dataset, preprocess, seed, share=share, remember_bytes=remember_bytes // max(1, workers))
        self._pool: WorkerPool | None = None

    @property
    def bad_files(self) -> list[str]:
        """Return `name: reason` of each file that was skipped."""
        return [f"{self._name(index)}: {reason}" for index, reason in sorted(self._bad.items())]

    def __iter__(self) -> Loader:
        return self

    def __next__(self) -> Batch:
        fetched = self._fetch()
        self._note_bad(fetched.bad)
        self.counter += self.batch
        return Batch({key: _as_input(torch.from_numpy(value)) for key, value in fetched.batch.items()})

    def names(self, counter: int) -> list[str]:
        """Return the names of our pictures in the batch that starts at the counter; nothing is read."""
        return [self._name(self._source.index(number)) for number in self._source.share.numbers(counter)]

    def close(self) -> None:
        """End the worker processes; iterating again starts new ones at the counter."""
        if self._pool is not None:
            self._pool.close()
        self._pool = None

    def _fetch(self) -> _Fetched:
        if not self.workers:
            return self._source(self.counter)
        if self._pool is None:
            self._pool = WorkerPool(
                self._source, self.workers, start=self.counter, step=self.batch, timeout_s=WORKER_TIMEOUT_S
            )
        try:
            return self._pool.get()
        except WorkerLost as lost:
            self.close()
            if not self.restarts_left:
                raise self._lost_again(lost) from None
        self.restarts_left -= 1
        return self._fetch()

    def _lost_again(self, lost: WorkerLost) -> EnvironmentProblem:
        names = ", ".join(self.names(self.counter)[:3])
        return EnvironmentProblem(
            f"a data worker process {lost}, again after one restart; it was reading {names} ...",
            where=f"image {self.counter}",
            hint="use --set train.workers=0, or give the machine more memory",
        )

    def _note_bad(self, bad: list[tuple[int, str]]) -> None:
        self._bad.update(bad)
        if len(self._bad) <= allowed_bad(len(self.dataset)):
            return
        first = "; ".join(self.bad_files[:3])
        raise NoInputError(
            f"{len(self._bad)} of {len(self.dataset)} pictures can't be read (at most 1 % may be bad): {first}",
            where=shown(getattr(self.dataset, "where", "") or "the data set"),
            hint="ganstyle data check FOLDER lists them; remove or replace them",
        )

    def _name(self, index: int) -> str:
        files = getattr(self.dataset, "files", None)
        return shown(files[index]) if files else f"item {index}"


def _as_input(value: Tensor) -> Tensor:
    if value.dtype == torch.uint8 and value.ndim == 4 and is_image(value[0]):
        return to_signed(value)
    return value
