"""Endless batches whose order and chance depend on (seed, image counter) alone.

Picture number n of a run is the same, and changed in the same way, for any number of workers and ranks, and after any
resume: its place comes from a permutation that is a function of (seed, epoch), its chance from a generator that is a
function of (seed, n).
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ganstyle.api import Batch
from ganstyle.data.names import shown
from ganstyle.data.transforms import is_image
from ganstyle.errors import EnvironmentProblem, InputError, NoInputError, UsageError

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


@dataclass
class _Fetched:
    """What a worker hands over: one batch, and the files it could not read."""

    batch: dict[str, Tensor] = field(default_factory=dict)
    bad: list[tuple[int, str]] = field(default_factory=list)


class _Source:
    """The data set as a worker process sees it: picture numbers in, one batch out."""

    def __init__(self, dataset: Any, transform: Transform | None, seed: int, remember_bytes: int) -> None:
        self.dataset, self.transform, self.seed = dataset, transform, seed
        self.count = len(dataset)
        self.drawn = hasattr(dataset, "sample")  # such items differ each time
        keep = getattr(dataset, "remember", True) and not self.drawn
        self.room_bytes = remember_bytes if keep else 0
        self.memory: dict[int, Mapping[str, Any]] = {}

    def __getitems__(self, numbers: list[int]) -> _Fetched:
        fetched = _Fetched()
        items = [self._item(number, fetched.bad) for number in numbers]
        if all(item is not None for item in items):
            fetched.batch = collate(items)
        return fetched

    def _item(self, number: int, bad: list[tuple[int, str]]) -> Mapping[str, Any] | None:
        """Return a picture, or the next readable one of the same epoch; None if too many in a row are bad."""
        epoch, place = divmod(number, self.count)
        order = permutation(self.count, self.seed, epoch)
        for step in range(min(self.count, allowed_bad(self.count) + 1)):
            index = int(order[(place + step) % self.count])
            generator = generator_for(self.seed, number)
            try:
                item = self._load(index, generator)
            except InputError as error:
                bad.append((index, error.message))
                continue
            return self.transform(item, generator) if self.transform else item
        return None

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
        rank: which part of each batch is ours.
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
            raise UsageError(f"a batch of {batch} can't be shared by {world} ranks (rank {rank})", where="train.batch")
        self.dataset, self.batch, self.seed, self.workers = dataset, batch, seed, workers
        self.rank, self.world, self.counter = rank, world, counter
        self.restarts_left = 1
        self._bad: dict[int, str] = {}
        self._source = _Source(dataset, preprocess, seed, remember_bytes // max(1, workers))
        self._fetches: Iterator[_Fetched] | None = None

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
        return Batch({key: _as_input(value) for key, value in fetched.batch.items()})

    def close(self) -> None:
        """End the worker processes; iterating again starts new ones at the counter."""
        self._fetches = None

    def _fetch(self) -> _Fetched:
        if not self.workers:
            return self._source.__getitems__(_numbers(self.counter, self))
        try:
            return next(self._stream())
        except RuntimeError as error:  # torch's words for a worker that was killed or that hangs
            if not _worker_lost(error):
                raise
            return self._restarted(error)

    def _restarted(self, error: RuntimeError) -> _Fetched:
        self._fetches = None
        if not self.restarts_left:
            raise EnvironmentProblem(
                "a data worker process died or hung again, after one restart",
                where=f"image {self.counter}",
                hint="use --set train.workers=0, or give the machine more memory or a larger /dev/shm",
            ) from error
        self.restarts_left -= 1
        return self._fetch()

    def _stream(self) -> Iterator[_Fetched]:
        if self._fetches is None:
            state = torch.get_rng_state()
            self._fetches = iter(self._data_loader())
            torch.set_rng_state(state)  # making the iterator draws from the global generator
        return self._fetches

    def _data_loader(self) -> DataLoader[Any]:
        return DataLoader(
            self._source,  # type: ignore[arg-type]
            batch_sampler=_Numbers(self.counter, self.batch, self.rank, self.world),
            num_workers=self.workers,
            collate_fn=_unchanged,
            timeout=WORKER_TIMEOUT_S,
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


class _Numbers:
    """The picture numbers of each batch, without end; spawn-safe."""

    def __init__(self, counter: int, batch: int, rank: int, world: int) -> None:
        self.counter, self.batch, self.rank, self.world = counter, batch, rank, world

    def __iter__(self) -> Iterator[list[int]]:
        counter = self.counter
        while True:
            yield _numbers(counter, self)
            counter += self.batch


def _numbers(counter: int, share: Loader | _Numbers) -> list[int]:
    """Return this rank's numbers: ranks hold consecutive parts, so that together they are the batch in order."""
    size = share.batch // share.world
    start = counter + share.rank * size
    return list(range(start, start + size))


def _as_input(value: Tensor) -> Tensor:
    if value.dtype == torch.uint8 and value.ndim == 4 and is_image(value[0]):
        return value.float().div_(127.5).sub_(1.0)
    return value


def _unchanged(fetched: _Fetched) -> _Fetched:
    return fetched


def _worker_lost(error: RuntimeError) -> bool:
    text = str(error)
    return "DataLoader worker" in text or "DataLoader timed out" in text
