"""The GAN task: two networks, two losses (arXiv:1406.2661)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from ganstyle.api import Batch, LossLike, Options, Phase, RegularizerLike
from ganstyle.errors import UsageError
from ganstyle.nn.modules import device_of, evaluating, frozen, has_batch_norm, has_spectral_norm, unwrapped
from ganstyle_gans.augment import AUGMENTATIONS, augment


class GanOptions(Options):
    """Options of the task `gan`."""

    d_steps: Annotated[int, Field(ge=1, le=100, description="Steps of D for each step of G.")] = 1
    d_lr_factor: Annotated[float, Field(gt=0, le=100, description="D's learning rate over G's.")] = 1.0
    augment: Annotated[
        tuple[str, ...], Field(description="DiffAugment for D: any of color, translation, cutout; [] is off.")
    ] = ()

    @field_validator("augment")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := sorted(set(names) - set(AUGMENTATIONS)):
            raise ValueError(f"{unknown[0]!r} is none of {', '.join(AUGMENTATIONS)}")
        return names


class GanTask:
    """A generator against a discriminator.

    Attributes:
        networks: `generator` and `discriminator`.
        phases: D first, then G.
        averaged: the generator.
    """

    averaged = ("generator",)

    def __init__(
        self,
        options: GanOptions,
        networks: Mapping[str, nn.Module],
        *,
        loss: LossLike,
        penalties: Sequence[RegularizerLike],
    ) -> None:
        """Keep the players.

        Args:
            options: of the task.
            networks: role to module.
            loss: what each player minimises.
            penalties: added to D's loss.

        Raises:
            UsageError: a missing role, or a loss or penalty that this discriminator makes senseless.
        """
        self.options, self.networks, self.loss, self.penalties = options, dict(networks), loss, tuple(penalties)
        check_combination(networks, loss, penalties)
        self.generator, self.discriminator = networks["generator"], networks["discriminator"]
        self.phases = (
            Phase("discriminator", ("discriminator",), self.discriminator_loss, lr_factor=options.d_lr_factor),
            Phase("generator", ("generator",), self.generator_loss, every=options.d_steps),
        )

    def discriminator_loss(self, batch: Batch, step: int) -> Tensor:
        """Raise D(x), lower D(G(z)); penalties that are due join in, times `every` (arXiv:1912.04958, app. B).

        Args:
            batch: images float (B, C, H, W) in [-1, 1], perhaps labels int64 (B,).
            step: counts from 0.

        Returns:
            Scalar.
        """
        labels = self.labels(batch)
        with torch.no_grad():
            fake = self.seen(self.generator(self.latents(batch), labels), real=False)
        real = self.seen(batch["images"], real=True)
        judge = Judge(self.discriminator, labels)
        loss = self.loss.discriminator(judge(real), judge(fake))
        due = [penalty for penalty in self.penalties if step % penalty.every == 0]
        return loss + sum(penalty.every * penalty(judge, real, fake) for penalty in due)

    def generator_loss(self, batch: Batch, step: int) -> Tensor:
        """Raise D(G(z)); D only passes gradients on.

        Args:
            batch: as for `discriminator_loss`.
            step: counts from 0.

        Returns:
            Scalar.
        """
        labels = self.labels(batch)
        with frozen(self.discriminator) as discriminator:
            fake = self.seen(self.generator(self.latents(batch), labels), real=False)
            fake_logits = discriminator(fake, labels)
            real_logits = None
            if self.loss.relativistic:
                real_logits = discriminator(self.seen(batch["images"], real=True), labels)
            return self.loss.generator(real_logits, fake_logits)

    def latents(self, batch: Batch) -> Tensor:
        """Return float (B, z_dim), standard normal, from torch's global random state."""
        generator: Any = unwrapped(self.generator)
        return torch.randn(len(batch), generator.z_dim, device=batch["images"].device)

    def labels(self, batch: Batch) -> Tensor | None:
        """Return int64 (B,), or None for an unconditional generator.

        Raises:
            UsageError: a conditional generator and pictures without labels.
        """
        if not getattr(unwrapped(self.generator), "labels", 0):
            return None
        if "labels" not in batch:
            raise UsageError(
                "a conditional generator needs labelled pictures, these have none",
                where="train.conditional",
                hint="put each style into its own folder, or --set train.conditional=false",
            )
        return batch["labels"]

    def seen(self, images: Tensor, *, real: bool) -> Tensor:
        """Return the pictures as D gets them: at its stage of growth, then augmented.

        Args:
            images: float (B, C, H, W) in [-1, 1].
            real: fade them as a growing generator fades its own.
        """
        prepare = getattr(unwrapped(self.discriminator), "prepare", None)
        images = images if prepare is None else prepare(images, real=real)
        return augment(images, self.options.augment)

    @property
    def follows_budget(self) -> bool:
        """Whether the share of the budget done changes anything; a longer run then differs from its start on."""
        return any(hasattr(unwrapped(network), "set_progress") for network in self.networks.values())

    def progress(self, fraction: float) -> None:
        """Let networks grow.

        Args:
            fraction: share of the budget done, in [0, 1].
        """
        for network in map(unwrapped, self.networks.values()):
            grow = getattr(network, "set_progress", None)
            if grow is not None:
                grow(fraction)

    @torch.no_grad()
    def sample(
        self,
        networks: Mapping[str, nn.Module],
        count: int,
        *,
        generator: torch.Generator,
        batch: Batch | None = None,
        labels: Tensor | None = None,
    ) -> Tensor:
        """Return pictures from latents drawn from `generator` alone.

        Args:
            networks: role to module, e.g. the averaged ones; their modes are kept.
            count: pictures.
            generator: random state.
            batch: its labels are used in turn.
            labels: int64 (count,); without them and without a batch, every label in turn.

        Returns:
            float (count, C, H, W) in [-1, 1].
        """
        network: Any = unwrapped(networks["generator"])
        device = device_of(network)
        z = torch.randn(count, network.z_dim, generator=generator, device=generator.device).to(device)
        with evaluating(network):
            return network(z, _sample_labels(network, count, batch=batch, labels=labels, device=device))


class Judge(nn.Module):
    """The discriminator with the labels filled in, as penalties call it."""

    def __init__(self, discriminator: nn.Module, labels: Tensor | None) -> None:
        """Keep both.

        Args:
            discriminator: any that takes (images, labels).
            labels: int64 (B,) or None.
        """
        super().__init__()
        self.discriminator, self.labels = discriminator, labels

    def forward(self, images: Tensor) -> Tensor:
        """Return D's logits of float (B, C, H, W)."""
        return self.discriminator(images, self.labels)


def _sample_labels(
    network: nn.Module, count: int, *, batch: Batch | None, labels: Tensor | None, device: torch.device
) -> Tensor | None:
    known = getattr(network, "labels", 0)
    if not known:
        return None
    if labels is None:
        labels = batch["labels"] if batch and "labels" in batch else torch.arange(known)
    return labels.to(device)[torch.arange(count, device=device) % len(labels)]


def check_combination(networks: Mapping[str, nn.Module], loss: LossLike, penalties: Sequence[RegularizerLike]) -> None:
    """Refuse what can't train.

    Raises:
        UsageError: a missing role; a per-picture gradient penalty on a D with batch norm; an unbounded
            loss on a D without any constraint.
    """
    for role in ("generator", "discriminator"):
        if role not in networks:
            raise UsageError(f"task gan needs a {role}; this architecture has {', '.join(networks)}", where="arch")
    discriminator = networks["discriminator"]
    strict = [penalty for penalty in penalties if getattr(penalty, "per_picture", False)]
    if strict and has_batch_norm(discriminator):
        raise UsageError(
            "a gradient penalty is per picture, but batch norm in D mixes the pictures of a batch",
            where="regularizer",
            hint="--set arch.norm=none or --set arch.norm=spectral, or drop the regularizer",
        )
    if getattr(loss, "unbounded", False) and not strict and not has_spectral_norm(discriminator):
        raise UsageError(
            "the Wasserstein loss has no lower bound unless D is constrained",
            where="loss",
            hint="--set arch.norm=spectral, or --set arch.norm=none --set 'regularizer=[\"gradient_penalty\"]'",
        )
