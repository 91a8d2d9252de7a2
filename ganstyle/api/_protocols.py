"""What components must offer. Types only: torch is never imported here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True)
class ImageSpec:
    """The pictures a network must make or judge.

    Attributes:
        height: pixels.
        width: pixels; need not equal the height.
        channels: 3 (RGB) or 1.
        labels: number of labels; 0 is unconditional.
    """

    height: int
    width: int
    channels: int = 3
    labels: int = 0


class Batch(dict[str, Any]):
    """Tensors of equal first dimension: `images` float32 (B, C, H, W) in [-1, 1], perhaps `labels`, `style` ...

    The length of a batch is its number of examples, not of keys.
    """

    def __len__(self) -> int:
        return len(next(iter(self.values()))) if self.keys() else 0

    def __bool__(self) -> bool:
        return len(self) > 0

    def split(self, micro_batch: int | None) -> Iterator[tuple[Batch, bool]]:
        """Yield (part, is_last) with at most micro_batch examples each; None keeps the batch whole."""
        size = micro_batch or len(self)
        for start in range(0, len(self), size):
            part = Batch({key: value[start : start + size] for key, value in self.items()})
            yield part, start + size >= len(self)

    def to(self, device: Any, **kwargs: Any) -> Batch:
        """Return the batch on another device."""
        return Batch({key: value.to(device, **kwargs) for key, value in self.items()})


@dataclass(frozen=True)
class Phase:
    """One optimisation of a training step.

    Attributes:
        name: key of its loss in the logs and of its optimizer in checkpoints.
        roles: the networks whose parameters it trains.
        loss: `(batch, step) -> scalar` or `(scalar, {name: detached scalar})`; the scalar is a batch mean.
        lr_factor: multiplies `optimizer.lr` (two time-scale rates, arXiv:1706.08500; lazy penalties).
        every: runs only at steps divisible by this.
        beta_power: Adam's betas are raised to it (lazy penalties: k / (k + 1), arXiv:1912.04958, app. B).
    """

    name: str
    roles: tuple[str, ...]
    loss: Callable[[Batch, int], Any]
    lr_factor: float = 1.0
    every: int = 1
    beta_power: float = 1.0


@runtime_checkable
class LossLike(Protocol):
    """An adversarial loss over logits of any shape; both methods return the batch mean, a scalar.

    Attributes:
        relativistic: `generator` needs the real logits as well; only differences of logits mean anything.

    Optional: `unbounded = True` says that D must be constrained; `boundary: float`, 0 if absent, is the logit midway
    between real and fake, from which signs and accuracy are counted.
    """

    relativistic: bool

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return what D minimises."""

    def generator(self, real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
        """Return what G minimises; real_logits is None unless relativistic."""


@runtime_checkable
class RegularizerLike(Protocol):
    """A penalty added to a player's loss every `every` steps, multiplied by `every` (lazy).

    Attributes:
        every: steps between two penalties.

    Optional, each a hook that the task calls if it exists:
        on: what the penalty is called with. "images" (the default): `(discriminator, real, fake)`, pictures float
            (B, C, H, W). "logits": `(discriminator, real_logits, fake_logits)`, those that the loss sees, attached to
            their graph. "codes": `(synthesis, codes, images)`, trains the generator: float32 codes (B, L, w_dim) that
            require grad, and `images = synthesis(codes)` with the graph.
        shrink: with "codes", the share of the batch for which codes are drawn is 1 / shrink (2).
        name: key in the logs; by default the class's name in lower case.
        per_picture: True if it takes the logits of a picture to depend on no other picture.
        begin(step): before the first use in a step, however many micro-batches follow.
        progress(fraction): share of the budget done, in [0, 1], before each step; `follows_budget: bool` says whether
            that changes anything (assumed if `progress` exists).
        strengthen(level, since=n) -> str: as of the task.
        state_tensors() -> dict[str, Tensor], load_state_tensors(mapping): what a checkpoint must hold; both or none.
    """

    every: int

    def __call__(self, network: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """Return a scalar."""


@runtime_checkable
class EvaluatorLike(Protocol):
    """A metric. Images are uint8 (B, 3, H, W).

    Attributes:
        paired: `update(images, reference)`; otherwise `update(images, real=bool)`.
        higher_is_better: direction.

    Optional, found by attribute:
        needs_real: False if only generated pictures matter (True).
        extractor, update_features(features, real=bool): a network whose `key` names weights, layer and resize, called
            with a batch, returns float (B, width) on the CPU. It runs once for all metrics with an equal key; each of
            them gets the same tensor, once for each side, all pictures of that side.
        take_moments(mean, covariance): in place of real pictures, float64 (D,) and (D, D) of a `.npz` reference.
        moments(real=bool) -> (mean, covariance): of one side, so that `--save-reference` can write them.
        judges_quality: False if noise may have the best value, e.g. because it repeats nothing (True).
        protocol, resize, weights_sha256: str; what else is needed to compare values.
        intervals() -> {key: (low, high)}, 95 %; warnings() -> list[str], what a reader must know.
        pair_values() -> Tensor (n,): with `paired`, one value for each pair in the order of `update`.
        styled: True (with `paired`): `take_styles(works)` is called once before the pairs, style name -> its pictures,
            uint8 (3, H, W) of any size; then `update(images, reference, styles=[name, ...])`, a name for each picture.
        film: True, in place of `update`: `update_film(frames, reference)`, once for each pair of films; both can be
            walked more than once and yield uint8 (3, H, W) in order, a result and what it was made from.
        generative: True, in place of `update`: `measure(source, progress)`. `source` has `z_dim`, `labels`, `device`,
            `styled` (whether codes are those of a mapping network), `codes(z, labels=None) -> (B, L, w_dim)` and
            `synthesise(codes, labels=None) -> images`, float (B, 3, H, W) in [-1, 1]; `progress(n)` counts latents.
    """

    paired: bool
    higher_is_better: bool

    def update(self, images: Tensor, *args: Any, **kwargs: Any) -> None:
        """Take one batch."""

    def compute(self) -> dict[str, float]:
        """Return values under keys that hold the protocol."""

    def reset(self) -> None:
        """Forget everything."""


@runtime_checkable
class DatasetLike(Protocol):
    """Map-style data: items are dicts; images are uint8 (3, H, W) tensors of any size.

    Optional: `sample(index, generator) -> item` draws at random from `generator` alone; `styles: list[str]`
    names the labels; `files: list[str]` names the items for messages; `fingerprint() -> str`; `licence: str`, of the
    pictures, for the cards of models trained on them; `goal: DatasetLike`, the pictures that scores while training
    compare results with, if not its own `images`.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Mapping[str, Any]: ...


@runtime_checkable
class TaskLike(Protocol):
    """What is minimised.

    Attributes:
        networks: role to module.
        phases: run in order, once each per step.
        averaged: roles of which the engine keeps an exponential moving average, used by `sample`.

    Optional:
        progress(fraction): called before each step with the share of the budget done, in [0, 1];
            `follows_budget: bool` says whether that changes anything (assumed if `progress` exists), so that a run
            made longer promises no more than it holds.
        strengthen(level, since=n) -> str: hold D back as after `level` collapses; what is in `state_tensors` is of a
            time after n of them. Returns what was done, in words; empty if there is nothing to strengthen.
        preview(networks, count, *, generator, batch) -> Tensor: as `sample`, for the grids of a run, with what the
            pictures were made of; `preview_columns: int` is how many pictures belong together.
        draw(batch) -> Batch: called once for each phase that is due, before the batch is cut into micro-batches: the
            batch with what is drawn at random per example (latents), so that the parts add up to the joint batch.
        state_tensors() -> dict[str, Tensor], load_state_tensors(mapping): what a checkpoint must hold besides the
            networks (stored under `task/`); both or none. Loading a mapping without a key leaves that value as it is.

    Networks may offer, all optional and found by attribute:
        generator: `z_dim`, `labels`; `codes(z, labels=None) -> (B, L, w_dim)` and `synthesise(codes) -> images` with
            `forward(z, labels) == synthesise(codes(z, labels))` in evaluation mode; buffer `mean_code` (w_dim,) for
            truncation; `style_weights() -> (n, w_dim)`, the maps by which codes enter.
        discriminator: `labels`; `prepare(images, real=bool)` before augmentation; `batch_dependent = True` if a logit
            depends on other pictures; `judge_real(images, labels) -> (logits, auxiliary_loss)` for real pictures in
            its own phase; `lower_layers() -> list[nn.Module]`, from the picture inwards.
    """

    networks: Mapping[str, nn.Module]
    phases: Sequence[Phase]
    averaged: Sequence[str]

    def sample(
        self,
        networks: Mapping[str, nn.Module],
        count: int,
        *,
        generator: torch.Generator,
        batch: Batch | None = None,
    ) -> Tensor:
        """Return float (count, C, H, W) in [-1, 1]; equal generators give equal pictures.

        Tasks over latents take `labels: Tensor | None` and `truncation: float | None` by keyword as well.
        """


class CallbackLike(Protocol):
    """An observer; every method is optional. A callback that raises is disabled, the run goes on."""

    def on_start(self, run: Any) -> None:
        """Before the first step; `run` has `folder`, `config`, `task`."""

    def on_step(self, step: int, scalars: Mapping[str, float]) -> None:
        """After each logged step."""

    def on_end(self, run: Any) -> None:
        """After the last step."""


@runtime_checkable
class BackboneLike(Protocol):
    """A frozen network, a module on whose feature maps losses compare pictures. Nothing of it is trained or saved.

    Attributes:
        style_taps: names of the maps for Gram matrices and moments, fine to coarse.
        content_taps: names of the maps for layout.
    """

    style_taps: tuple[str, ...]
    content_taps: tuple[str, ...]

    def __call__(self, images: Tensor, taps: Collection[str]) -> Mapping[str, Tensor]:
        """Return tap -> float (B, C, h, w) of float (B, 3, H, W) in [-1, 1]; gradients reach the pictures."""

    def to(self, device: Any) -> BackboneLike:
        """Return it on another device, as modules do."""
