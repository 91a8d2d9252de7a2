"""Task `cyclegan`: both directions; there and back again must end where it began (arXiv:1703.10593)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from ganstyle.api import Batch, LossLike, Options, Phase, RegularizerLike

from .adversary import Adversary, Logged, photographs, side_by_side, weighted
from .pool import ImagePool
from .translators import A2B, B2A, Translator


class CycleTaskOptions(Options):
    """Weights of the losses; half the paper's, as `lsgan` is half of its least squares here."""

    adversarial: Annotated[float, Field(ge=0, description="Weight of convincing both discriminators.")] = 1.0
    cycle: Annotated[float, Field(ge=0, description="Weight of the L1 distance after there and back.")] = 5.0
    identity: Annotated[float, Field(ge=0, description="Weight of leaving a picture of the other side alone.")] = 2.5
    pool: Annotated[int, Field(ge=0, le=10_000, description="Former results that D is shown; 0 is off.")] = 50
    d_lr_factor: Annotated[float, Field(gt=0, le=100, description="Rate of D over that of the translator.")] = 1.0


def cycle_distance(images: Tensor, there: Callable[[Tensor], Tensor], back: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the mean of |back(there(x)) - x|.

    Args:
        images: float (B, 3, H, W).
        there: pictures to pictures.
        back: pictures to pictures.

    Source: Zhu et al. 2017 (arXiv:1703.10593), eq. 2.
    """
    return (back(there(images)) - images).abs().mean()


class CycleTask:
    """A translator with two directions and a discriminator for each side.

    Note:
        What each phase draws (pool, pieces) depends on the step alone.
    """

    averaged = ("translator",)
    preview_columns = 4

    def __init__(
        self,
        options: CycleTaskOptions,
        networks: Mapping[str, nn.Module],
        *,
        loss: LossLike,
        penalties: Sequence[RegularizerLike],
    ) -> None:
        """Keep the networks `translator`, `discriminator` of styles and `discriminator_a` of photographs.

        Raises:
            UsageError: see `Adversary`.
        """
        self.options, self.networks = options, dict(networks)
        self.translator = cast(Translator, networks["translator"])
        self.judges = {A2B: networks["discriminator"], B2A: networks["discriminator_a"]}
        self.adversary = Adversary(loss, penalties, list(self.judges.values()), name="cyclegan")
        self.pools = {name: ImagePool(options.pool) for name in self.judges}
        roles = ("discriminator", "discriminator_a")
        self.phases = (
            Phase("discriminator", roles, self.discriminator_loss, options.d_lr_factor),
            Phase("translator", ("translator",), self.translator_loss),
        )

    @property
    def follows_budget(self) -> bool:
        """Whether a penalty changes with the budget."""
        return self.adversary.follows_budget

    def progress(self, fraction: float) -> None:
        """Pass on the share of the budget that is done, 0 to 1."""
        self.adversary.progress(fraction)

    def discriminator_loss(self, batch: Batch, step: int) -> Logged:
        """Raise D on real pictures of each side, lower it on translated ones, some of them of former steps.

        Args:
            batch: `images` and `style`, float (B, 3, H, W) in [-1, 1].
            step: counted from 0.
        """
        sides = {A2B: (batch["images"], batch["style"]), B2A: (batch["style"], batch["images"])}
        losses, facts = [], []
        for salt, (name, (source, real)) in enumerate(sides.items()):
            with torch.no_grad():
                fake = self.pools[name].swapped(self.translator(source, name), step, salt=salt)
            loss, fact = self.adversary.judge(self.judges[name], real, fake, step=step)
            losses.append(loss)
            facts.append(fact)
        mean = {key: torch.stack([fact[key] for fact in facts]).mean() for key in facts[0]}
        return torch.stack(losses).sum(), mean

    def translator_loss(self, batch: Batch, step: int) -> Logged:
        """Convince both discriminators; come back; leave pictures of the other side alone.

        Args:
            batch: as for `discriminator_loss`.
            step: counted from 0.
        """
        options, content, style = self.options, batch["images"], batch["style"]
        wanted = options.identity > 0
        # One pass in each direction makes the translation and the identity; both normalise picture by picture.
        made_b = self.translator(torch.cat([content, style]) if wanted else content, A2B)
        made_a = self.translator(torch.cat([style, content]) if wanted else style, B2A)
        fake_b, fake_a = made_b[: len(content)], made_a[: len(style)]
        convinced = self.adversary.convince(self.judges[A2B], fake_b, style)
        convinced = convinced + self.adversary.convince(self.judges[B2A], fake_a, content)
        parts = {"adversarial": (options.adversarial, convinced)}
        if options.cycle > 0:
            there = cycle_distance(content, lambda _: fake_b, lambda images: self.translator(images, B2A))
            back = cycle_distance(style, lambda _: fake_a, lambda images: self.translator(images, A2B))
            parts["cycle"] = (options.cycle, there + back)
        if wanted:
            kept = (made_b[len(content) :] - style).abs().mean() + (made_a[len(style) :] - content).abs().mean()
            parts["identity"] = (options.identity, kept)
        return weighted(parts)

    def state_tensors(self) -> dict[str, Tensor]:
        """Return the pools, for checkpoints."""
        return {f"{name}_{key}": value for name, pool in self.pools.items() for key, value in pool.state().items()}

    def load_state_tensors(self, state: Mapping[str, Tensor]) -> None:
        """Take the pools back; one that is absent stays as it is."""
        device = next(self.translator.parameters()).device
        for name, pool in self.pools.items():
            if {f"{name}_kept", f"{name}_count"} <= set(state):
                pool.load(state[f"{name}_kept"], state[f"{name}_count"], device=device)

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
        return networks["translator"](photographs(batch, count)["images"], A2B)

    @torch.no_grad()
    def preview(
        self,
        networks: Mapping[str, nn.Module],
        count: int,
        *,
        generator: torch.Generator,
        batch: Batch | None = None,
    ) -> Tensor:
        """Return photograph, translation, style picture and its translation in turns, float (4 * count, 3, H, W)."""
        chosen, translator = photographs(batch, count), networks["translator"]
        content, style = chosen["images"], chosen["style"]
        return side_by_side(content, translator(content, A2B), style, translator(style, B2A))
