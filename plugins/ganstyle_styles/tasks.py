"""Task `adastyle`: repaint a photo so that a frozen backbone and a rival believe the style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from ganstyle.api import BackboneLike, Batch, LossLike, Options, Phase, RegularizerLike
from ganstyle.errors import UsageError
from ganstyle.nn.modules import frozen

from .adastyle import Discriminator, Stylizer
from .backbones import named_backbone
from .perceptual import colour_distance, lattice_loss, light_distance, perceptual_parts
from .windows import matched_windows

IDENTITY_EVERY = 4  # lazy: a quarter of the batch, every fourth step, at four times the weight

Logged = tuple[Tensor, dict[str, Tensor]]


class AdaStyleTaskOptions(Options):
    """Weights of the losses and the shape of the schedule."""

    backbone: Annotated[
        str, Field(description="Frozen network of the content and style losses: ganstyle backbone list.")
    ] = "efficientnet_lite0"
    backbone_options: Annotated[
        dict[str, str | bool],
        Field(default_factory=dict, description="Its options, such as {download=true}: ganstyle backbone show NAME."),
    ]
    content: Annotated[float, Field(ge=0, description="Weight of the content's layout.")] = 0.8
    style: Annotated[float, Field(ge=0, description="Weight of Gram matrices and moments.")] = 6.0
    moments: Annotated[float, Field(ge=0, description="Moments beside one Gram matrix.")] = 3.0
    light: Annotated[float, Field(ge=0, description="Weight of light and dark areas staying where they are.")] = 5.0
    colour: Annotated[float, Field(ge=0, description="Weight of the distribution of colours.")] = 3.0
    variation: Annotated[float, Field(ge=0, description="Weight of total variation.")] = 0.3
    lattice: Annotated[float, Field(ge=0, description="Weight of fine structure that repeats with the layers.")] = 10.0
    window: Annotated[
        int, Field(ge=0, description="Side in pixels of what styles are compared on; 0: whole pictures.")
    ] = 64
    calm_start: Annotated[
        float,
        Field(ge=0, le=1, description="Share of the budget after which windows, light and lattice keep areas calm."),
    ] = 0.6
    identity: Annotated[float, Field(ge=0, description="Weight of repainting a photo in its own code.")] = 0.5
    adversarial: Annotated[float, Field(ge=0, description="Final adversarial weight.")] = 1.2
    d_lr_factor: Annotated[float, Field(gt=0, description="Rate of D over rate of G.")] = 4.0
    reconstruction_share: Annotated[
        float, Field(ge=0, le=1, description="Share of the budget that only rebuilds photos.")
    ] = 0.02
    d_start: Annotated[float, Field(ge=0, le=1, description="Share of the budget after which D learns.")] = 0.2
    ramp_start: Annotated[float, Field(ge=0, le=1, description="Share after which that weight rises.")] = 0.25
    ramp_end: Annotated[float, Field(ge=0, le=1, description="Share at which that weight is full.")] = 0.35
    wrong_style: Annotated[float, Field(ge=0, description="Weight of real works shown with another's style.")] = 0.5


class AdaStyleTask:
    """Perceptual style transfer with a style-conditional rival (arXiv:1703.06868, 1802.05637)."""

    averaged = ("stylizer",)

    def __init__(
        self,
        options: AdaStyleTaskOptions,
        networks: Mapping[str, nn.Module],
        *,
        loss: LossLike,
        penalties: Sequence[RegularizerLike],
    ) -> None:
        """Load the backbone that judges; start at the schedule's beginning.

        Raises:
            EnvironmentProblem: the backbone's weights are missing.
            UsageError: an unknown backbone, a penalty on the codes of a GAN's generator, or one that averages over
                steps.
        """
        if any(getattr(part, "on", "images") == "codes" or hasattr(part, "begin") for part in penalties):
            reason = "a painter has no latent codes, and this task keeps no averages for a penalty"
            raise UsageError(reason, where="regularizer", hint="use r1, r2, gradient_penalty or drift")
        self.options, self.networks = options, networks
        self.loss, self.penalties = loss, penalties
        self.stylizer = cast(Stylizer, networks["stylizer"])
        self.D = cast(Discriminator, networks["discriminator"])
        self.backbone: BackboneLike = named_backbone(options.backbone, options.backbone_options)
        self.phases = (
            Phase("stylizer", ("stylizer",), self.stylizer_loss),
            Phase("discriminator", ("discriminator",), self.discriminator_loss, options.d_lr_factor),
        )
        self.progress(0.0)

    def progress(self, fraction: float) -> None:
        """Set the curriculum.

        Args:
            fraction: share of the budget that is done, 0 to 1.
        """
        o = self.options
        self.rebuilding = fraction < o.reconstruction_share
        self.calming = fraction >= o.calm_start
        self.d_learns = o.adversarial > 0 and fraction >= o.d_start
        ramp = (fraction - o.ramp_start) / max(o.ramp_end - o.ramp_start, 1e-6)
        self.adversarial = o.adversarial * min(max(ramp, 0.0), 1.0)

    def stylizer_loss(self, batch: Batch, step: int) -> Logged:
        """Lower the distances to layout and style; raise D(painted | style)."""
        content, style = batch["images"], batch["style"]
        backbone = self.backbone.to(content.device)
        with torch.no_grad():
            style_maps = backbone(style, backbone.style_taps)
            content_maps = backbone(shifted(content, step), backbone.content_taps)
            moments = self.stylizer.encoder.moments(style)
        if self.rebuilding:
            loss = self.identity_loss(content)
            return loss, {"identity": loss.detach()}
        painted = self.stylizer.stylize(content, self.stylizer.encoder(moments), seed=step)
        parts = perceptual_parts(
            backbone,
            shifted(painted, step),
            content_maps=content_maps,
            style_maps=style_maps,
            moments=self.options.moments,
            matching=self.matching(content, style),
        )
        if self.calming and self.options.light > 0:
            parts["light"] = light_distance(painted, content, style)
        if self.options.colour > 0:
            pairs = zip(painted.split(1), style.split(1), strict=True)
            parts["colour"] = torch.stack([colour_distance(mine, theirs) for mine, theirs in pairs]).mean()
        if self.calming and self.options.lattice > 0:
            parts["lattice"] = lattice_loss(painted)
        total = sum(getattr(self.options, name) * part for name, part in parts.items())
        if step % IDENTITY_EVERY == 0:
            parts["identity"] = self.identity_loss(content[: max(1, len(content) // 4)])
            total = total + IDENTITY_EVERY * self.options.identity * parts["identity"]
        if self.adversarial > 0:
            parts["adversarial"] = self.adversarial_loss(painted, batch, moments, step=step)
            total = total + self.adversarial * parts["adversarial"]
        return total, _detached(parts)

    def matching(self, content: Tensor, style: Tensor) -> Tensor | None:
        """Return which windows of float32 (B, 3, H, W) photos and works are compared, or None for whole pictures.

        Whole pictures come first: two windows of one work differ half as much as one of them and a photo (a tenth for
        whole crops of 192 pixels), so that a painter that begins with windows learns hardly more than tints.
        """
        grid = content.shape[-1] // self.options.window if self.calming and self.options.window else 1
        return matched_windows(content, style, grid) if grid > 1 else None

    def identity_loss(self, content: Tensor) -> Tensor:
        """Return the L1 distance of float32 (B, 3, H, W) photos repainted in their own codes."""
        return (self.stylizer(content, content) - content).abs().mean()

    def adversarial_loss(self, painted: Tensor, batch: Batch, moments: Tensor, *, step: int) -> Tensor:
        """Return what the painted pictures pay for not fooling D; D only passes gradients on."""
        with frozen(self.D) as D:
            real = D(shifted(batch["other"], step), moments) if self.loss.relativistic else None
            return self.loss.generator(real, D(shifted(painted, step), moments))

    def discriminator_loss(self, batch: Batch, step: int) -> Tensor:
        """Raise D(work | its style); lower D(painted | style) and D(work | another style)."""
        if not self.d_learns:
            return 0.0 * torch.stack([p.sum() for p in self.D.parameters()]).sum()
        with torch.no_grad():
            moments = self.stylizer.encoder.moments(batch["style"])
            code = self.stylizer.encoder(moments)
            fake = self.stylizer.stylize(batch["images"], code, seed=step)
        fake, real = shifted(fake, step), shifted(batch["other"], step)
        D = cast(Any, partial(self.D, style=moments))
        real_features, fake_features = self.D.features(real), self.D.features(fake)
        real_logits, fake_logits = (self.D.judged(features, moments) for features in (real_features, fake_features))
        loss = self.loss.discriminator(real_logits, fake_logits)
        if len(real) > 1 and self.options.wrong_style > 0:
            wrong_logits = self.D.judged(real_features, moments.roll(1, 0))
            wrong = self.loss.discriminator(real_logits, wrong_logits)
            loss = loss + self.options.wrong_style * wrong
        due = [p for p in self.penalties if step % p.every == 0]  # lazy (arXiv:1912.04958, app. B)
        given = {"images": (real, fake), "logits": (real_logits, fake_logits)}
        terms = (p.every * p(D, *given[getattr(p, "on", "images")]) for p in due)
        return loss + sum(terms, loss.new_zeros(()))

    def sample(
        self,
        networks: Mapping[str, nn.Module],
        count: int,
        *,
        generator: torch.Generator,
        batch: Batch | None = None,
    ) -> Tensor:
        """Return painted photos of a batch, in its styles.

        Args:
            networks: with role `stylizer`.
            count: how many pictures.
            generator: seeds the stroke noise.
            batch: with `images` and `style`; at least one example.

        Returns:
            float32 (count, 3, H, W) in [-1, 1]; examples repeat if `count` exceeds the batch.

        Raises:
            ValueError: there is no batch to paint.
        """
        if batch is None or not len(batch):
            raise ValueError("adastyle samples need a batch with 'images' and 'style'")
        rows = torch.arange(count) % len(batch)
        seed = int(torch.randint(2**31, (), generator=generator))
        stylizer = cast(Stylizer, networks["stylizer"])
        code = stylizer.encode(batch["style"][rows])
        return stylizer.stylize(batch["images"][rows], code, seed=seed)


def shifted(images: Tensor, step: int) -> Tensor:
    """Return the pictures without their first 0 to 3 rows and columns, other ones at every step.

    A network that strides, backbone or D, sees some pixels more than others; always at the same
    places, that made the painter leave a grid of dots.

    Args:
        images: float (B, C, H, W), H and W above 3.
        step: counted from 0.

    Returns:
        float (B, C, H - 3, W - 3).
    """
    top, left = step % 4, step // 4 % 4
    return images[:, :, top : images.shape[2] - 3 + top, left : images.shape[3] - 3 + left]


def _detached(parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the parts without their graphs, for the log."""
    return {name: part.detach() for name, part in parts.items()}
