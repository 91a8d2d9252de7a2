"""Task `multistyle`: many kinds of pictures, each to each, by codes drawn or read off a picture (arXiv:1912.01865)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from ganstyle.api import Batch, LossLike, Options, Phase, RegularizerLike
from ganstyle.nn.modules import frozen, unwrapped

from .adversary import Adversary, Logged, photographs, side_by_side, weighted
from .translators import ManyTranslator


class ManyTaskOptions(Options):
    """Weights of the losses, as in the paper."""

    adversarial: Annotated[float, Field(ge=0, description="Weight of convincing D.")] = 1.0
    reconstruct: Annotated[float, Field(ge=0, description="Weight of reading the code off the result again.")] = 1.0
    diversity: Annotated[
        float, Field(ge=0, description="Weight of how far two codes take a picture apart; falls to 0 over the budget.")
    ] = 1.0
    cycle: Annotated[float, Field(ge=0, description="Weight of coming back by the picture's own code.")] = 1.0
    d_lr_factor: Annotated[float, Field(gt=0, le=100, description="Rate of D over that of the translator.")] = 1.0


class ManyTask:
    """A translator by code and a discriminator by domain; even steps draw codes, odd ones read them off pictures.

    Note:
        Written from the paper alone. Domains enter by embeddings and a projection instead of a head for each, the
        style encoder knows no domain, and latents and references take turns instead of two updates in every step.
    """

    averaged = ("translator",)
    preview_columns = 4

    def __init__(
        self,
        options: ManyTaskOptions,
        networks: Mapping[str, nn.Module],
        *,
        loss: LossLike,
        penalties: Sequence[RegularizerLike],
    ) -> None:
        """Keep the networks `translator` and `discriminator`.

        Raises:
            UsageError: see `Adversary`.
        """
        self.options, self.networks = options, dict(networks)
        self.translator, self.discriminator = networks["translator"], networks["discriminator"]
        self.adversary = Adversary(loss, penalties, [self.discriminator], name="multistyle")
        self.diversity = options.diversity
        self.phases = (
            Phase("discriminator", ("discriminator",), self.discriminator_loss, options.d_lr_factor),
            Phase("translator", ("translator",), self.translator_loss),
        )

    def progress(self, fraction: float) -> None:
        """Let the weight of diversity fall in a line to 0; `fraction` of the budget is done, 0 to 1."""
        self.diversity = self.options.diversity * (1 - fraction)
        self.adversary.progress(fraction)

    def draw(self, batch: Batch) -> Batch:
        """Return the batch with two latents for each example, float (B, z_dim)."""
        translator, count = self._own, len(batch)
        drawn = torch.randn(2, count, translator.z_dim).to(batch["images"].device)
        return Batch({**batch, "z": drawn[0], "other_z": drawn[1]})

    def discriminator_loss(self, batch: Batch, step: int) -> Logged:
        """Raise D(style | domain), lower D(translated | domain).

        Args:
            batch: `images`, `style` and `other`, float (B, 3, H, W) in [-1, 1]; `labels`, int64 (B,), domains of the
                latter two; perhaps `z` and `other_z`.
            step: counted from 0.
        """
        with torch.no_grad():
            fake = self.translator(batch["images"], code=self._codes(batch, step)[0])
        judge = partial(self.discriminator, labels=batch["labels"])
        return self.adversary.judge(judge, batch["style"], fake, step=step)

    def translator_loss(self, batch: Batch, step: int) -> Logged:
        """Convince D of the domain; obey the code; keep the picture; two codes must make two pictures.

        Args:
            batch: as for `discriminator_loss`.
            step: counted from 0.
        """
        if step % 2 == 0:
            return self._loss(batch, step)
        # An encoder that learnt from codes of its own making would give all pictures the same one.
        with frozen(self._own.encoder):
            return self._loss(batch, step)

    def _loss(self, batch: Batch, step: int) -> Logged:
        options, content, translator = self.options, batch["images"], self._own
        code, other_code = self._codes(batch, step)
        fake = self.translator(content, code=code)
        convinced = self.adversary.convince(self.discriminator, fake, batch["style"], labels=batch["labels"])
        parts = {"adversarial": (options.adversarial, convinced)}
        parts["reconstruct"] = (options.reconstruct, (translator.encode(fake) - code).abs().mean())
        if self.diversity > 0:
            other = self.translator(content, code=other_code)
            parts["diversity"] = (-self.diversity, (fake - other).abs().mean())
        if options.cycle > 0:
            back = self.translator(fake, code=translator.encode(content))
            parts["cycle"] = (options.cycle, (back - content).abs().mean())
        return weighted(parts)

    @property
    def _own(self) -> ManyTranslator:
        return cast(ManyTranslator, unwrapped(self.translator))

    def _codes(self, batch: Batch, step: int) -> tuple[Tensor, Tensor]:
        """Return two codes of the wanted domain, float (B, code_length) each: of latents, or of works."""
        if step % 2:
            return self._own.encode(batch["style"]), self._own.encode(batch["other"])
        drawn = batch if "z" in batch else self.draw(batch)
        labels = batch["labels"]
        return self._own.coded(drawn["z"], labels), self._own.coded(drawn["other_z"], labels)

    @torch.no_grad()
    def sample(
        self,
        networks: Mapping[str, nn.Module],
        count: int,
        *,
        generator: torch.Generator,
        batch: Batch | None = None,
    ) -> Tensor:
        """Return photographs of a batch in the domains of its `labels`, by drawn codes; examples repeat.

        Returns:
            float (count, 3, H, W) in [-1, 1].

        Raises:
            UsageError: there is no batch.
        """
        chosen, translator = photographs(batch, count), cast(ManyTranslator, networks["translator"])
        z = torch.randn(count, translator.z_dim, generator=generator, device=generator.device)
        code = translator.coded(z.to(chosen["images"].device), chosen["labels"])
        return translator(chosen["images"], code=code)

    @torch.no_grad()
    def preview(
        self,
        networks: Mapping[str, nn.Module],
        count: int,
        *,
        generator: torch.Generator,
        batch: Batch | None = None,
    ) -> Tensor:
        """Return picture, by a drawn code, the reference, by its code in turns, float (4 * count, 3, H, W)."""
        chosen, translator = photographs(batch, count), cast(ManyTranslator, networks["translator"])
        drawn = self.sample(networks, count, generator=generator, batch=chosen)
        content, style = chosen["images"], chosen["style"]
        return side_by_side(content, drawn, style, translator(content, code=translator.encode(style)))
