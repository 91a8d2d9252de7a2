"""Task `cut`: one direction; pieces of the result must match the pieces of the photograph (arXiv:2007.15651)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from ganstyle.api import Batch, LossLike, Options, Phase, RegularizerLike

from .adversary import Adversary, Logged, photographs, side_by_side, weighted
from .contrast import Projector, patch_nce, places_of
from .translators import Translator


class CutTaskOptions(Options):
    """Weights of the losses; half the paper's, as `lsgan` is half of its least squares here."""

    adversarial: Annotated[float, Field(ge=0, description="Weight of convincing D.")] = 1.0
    nce: Annotated[float, Field(ge=0, description="Weight of PatchNCE.")] = 0.5
    identity: Annotated[bool, Field(description="PatchNCE on style pictures, too: they should stay as they are.")] = (
        True
    )
    rebuild: Annotated[float, Field(ge=0, description="Weight of the L1 distance of style pictures to theirs.")] = 0.0
    patches: Annotated[int, Field(ge=2, le=65536, description="Pieces compared in each picture and layer.")] = 256
    temperature: Annotated[float, Field(gt=0, le=10, description="Of the softmax over pieces.")] = 0.07
    across: Annotated[bool, Field(description="Pieces of all pictures of a batch compete: for single pictures.")] = (
        False
    )
    flip: Annotated[bool, Field(description="Half of the steps translate the mirror image: FastCUT.")] = False
    d_lr_factor: Annotated[float, Field(gt=0, le=100, description="Rate of D over that of the translator.")] = 1.0


class CutTask:
    """A translator, a discriminator of styles, and PatchNCE between photograph and result.

    Note:
        The pieces that are compared depend on the step alone, so that parts of a batch add up to the whole.
    """

    averaged = ("translator",)
    preview_columns = 2

    def __init__(
        self,
        options: CutTaskOptions,
        networks: Mapping[str, nn.Module],
        *,
        loss: LossLike,
        penalties: Sequence[RegularizerLike],
    ) -> None:
        """Keep the networks `translator`, `discriminator` and `projector`.

        Raises:
            UsageError: see `Adversary`.
        """
        self.options, self.networks = options, dict(networks)
        self.translator = cast(Translator, networks["translator"])
        self.discriminator = networks["discriminator"]
        self.projector = cast(Projector, networks["projector"])
        self.adversary = Adversary(loss, penalties, [self.discriminator], name="cut")
        self.phases = (
            Phase("discriminator", ("discriminator",), self.discriminator_loss, options.d_lr_factor),
            Phase("translator", ("translator", "projector"), self.translator_loss),
        )

    @property
    def follows_budget(self) -> bool:
        """Whether a penalty changes with the budget."""
        return self.adversary.follows_budget

    def progress(self, fraction: float) -> None:
        """Pass on the share of the budget that is done, 0 to 1."""
        self.adversary.progress(fraction)

    def discriminator_loss(self, batch: Batch, step: int) -> Logged:
        """Raise D(style), lower D(G(photograph)).

        Args:
            batch: `images` and `style`, float (B, 3, H, W) in [-1, 1].
            step: counted from 0.
        """
        with torch.no_grad():
            fake = self.translator(self._turned(batch["images"], step))
        return self.adversary.judge(self.discriminator, batch["style"], fake, step=step)

    def translator_loss(self, batch: Batch, step: int) -> Logged:
        """Raise D(G(photograph)); keep every piece recognisable; keep styles as they are.

        Args:
            batch: as for `discriminator_loss`.
            step: counted from 0.
        """
        options, content, style = self.options, batch["images"], batch["style"]
        keeps = options.identity or options.rebuild > 0
        inputs = torch.cat([content, style]) if keeps else content
        made = self.translator(self._turned(inputs, step))
        fake, kept = made[: len(content)], self._turned(made[len(content) :], step)
        parts = {"adversarial": (options.adversarial, self.adversary.convince(self.discriminator, fake, style))}
        if options.nce > 0:
            compared = len(inputs) if options.identity else len(content)
            parts["nce"] = (options.nce, self.contrast(inputs[:compared], made[:compared], step=step))
        if options.rebuild > 0:
            parts["rebuild"] = (options.rebuild, (kept - style).abs().mean())
        return weighted(parts)

    def contrast(self, inputs: Tensor, made: Tensor, *, step: int) -> Tensor:
        """Return the mean PatchNCE over all layers.

        Args:
            inputs: float (B, 3, H, W), before they were turned.
            made: float (B, 3, H, W), of the turned inputs, with its graph.
            step: chooses the pieces.
        """
        with torch.no_grad():
            source = self.translator.taps(inputs)
            places = places_of(source, step, count=self.options.patches)
            keys = self.projector(source, places)
        queries = self.projector([self._turned(tap, step) for tap in self.translator.taps(made)], places)
        how = {"temperature": self.options.temperature, "across": self.options.across}
        return torch.stack([patch_nce(query, key, **how) for query, key in zip(queries, keys, strict=True)]).mean()

    def _turned(self, images: Tensor, step: int) -> Tensor:
        """Mirror pictures or feature maps in half of the steps, chosen by the step alone."""
        if not self.options.flip:
            return images
        return images.flip(3) if np.random.default_rng(step).random() < 0.5 else images

    @torch.no_grad()
    def sample(
        self,
        networks: Mapping[str, nn.Module],
        count: int,
        *,
        generator: torch.Generator,
        batch: Batch | None = None,
    ) -> Tensor:
        """Return translated photographs of a batch, float (count, 3, H, W) in [-1, 1]; examples repeat.

        Raises:
            UsageError: there is no batch.
        """
        return networks["translator"](photographs(batch, count)["images"])

    def preview(
        self,
        networks: Mapping[str, nn.Module],
        count: int,
        *,
        generator: torch.Generator,
        batch: Batch | None = None,
    ) -> Tensor:
        """Return photograph and translation in turns, float (2 * count, 3, H, W)."""
        chosen = photographs(batch, count)
        return side_by_side(chosen["images"], self.sample(networks, count, generator=generator, batch=chosen))
