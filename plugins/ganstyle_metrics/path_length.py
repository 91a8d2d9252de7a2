"""Perceptual path length: how far pictures move when their latents move a little (arXiv:1812.04948, section 4.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ganstyle.data.weights import WeightsOptions
from ganstyle.errors import InputError, NoInputError, UsageError
from ganstyle_metrics.perceptual import LiteOptions, LpipsOptions, build_lpips, build_lpips_lite0

PAPERS = 50_000
AT_ONCE = 8
LARGEST_SIDE = 256  # larger pictures are averaged down to it, as the paper's code does
TRIMMED = 0.01  # at each end


class PathLengthOptions(WeightsOptions):
    """Options of the perceptual path length."""

    net: Annotated[
        Literal["efficientnet_lite0", "alex", "vgg", "squeeze"],
        Field(description="The distance: offline, or LPIPS on a network; the paper's is vgg."),
    ] = "efficientnet_lite0"
    samples: Annotated[int, Field(ge=2, le=1_000_000, description="Paths; the paper has 50000.")] = 2000
    space: Annotated[Literal["auto", "w", "z"], Field(description="Of the paths; auto is w where there is one.")] = (
        "auto"
    )
    sampling: Annotated[
        Literal["end", "full"], Field(description="Steps at the ends of paths (StyleGAN2), or anywhere (StyleGAN).")
    ] = "end"
    epsilon: Annotated[float, Field(gt=0, le=0.1, description="Length of the step.")] = 1e-4
    seed: Annotated[int, Field(ge=0, lt=2**32, description="Seed of the latents.")] = 2020


class PathLength:
    """Mean squared step of pictures per squared step of their latents, without the smallest and largest percent.

    Note:
        Pictures are not cropped (the paper crops faces). On the offline network the values are of another size than
        the paper's, and their key says so.
    """

    paired = False
    generative = True
    higher_is_better = False

    def __init__(self, distance: Any, options: PathLengthOptions, *, net: str) -> None:
        self.options, self.net, self._distance = options, net, distance
        self.weights_sha256 = distance.weights_sha256
        self.reset()

    def reset(self) -> None:
        """Forget all paths."""
        self._values: list[Tensor] = []
        self._space = ""

    @property
    def protocol(self) -> str:
        """The definition in words."""
        where = {"end": "at the ends of paths", "full": "anywhere on paths"}[self.options.sampling]
        return (
            f"steps of {self.options.epsilon:g} in {self._space or 'w or z'} {where}, {self.net}, trimmed 1-99 %, "
            f"no crop, averaged down to {LARGEST_SIDE} px, seed {self.options.seed}"
        )

    @property
    def key(self) -> str:
        """Of the value; holds space, sampling and network."""
        return f"ppl_{self._space}_{self.options.sampling}_{self.net}"

    @torch.inference_mode()
    def measure(self, source: Any, progress: Callable[[int], object]) -> None:
        """Walk the paths of a generator, see `EvaluatorLike`.

        Raises:
            UsageError: W is asked for, and the generator has none.
            InputError: pictures too small for the network.
        """
        if self.options.space == "w" and not source.styled:
            raise UsageError("this generator has no W space", where="metric.ppl.space", hint="metric.ppl.space=z")
        self._space = "w" if source.styled and self.options.space != "z" else "z"
        generator = torch.Generator().manual_seed(self.options.seed)
        for start in range(0, self.options.samples, AT_ONCE):
            count = min(AT_ONCE, self.options.samples - start)
            self._values.append(self._steps(source, count, generator).double().cpu())
            progress(count)

    def _steps(self, source: Any, count: int, generator: torch.Generator) -> Tensor:
        z = torch.randn(2 * count, source.z_dim, generator=generator)
        share = (
            torch.rand(count, 1, 1, generator=generator) if self.options.sampling == "full" else torch.zeros(1, 1, 1)
        )
        labels = None
        if source.labels:
            labels = torch.randint(source.labels, (count,), generator=generator)
        near, far = self._ends(source, z.split(count), share, labels)
        state = torch.get_rng_state()
        pictures = []
        for codes in (near, far):  # a generator that draws noise must draw the same for both
            torch.set_rng_state(state)
            pictures.append(_prepared(source.synthesise(codes, labels)))
        return self._distance.measure(*pictures) / self.options.epsilon**2

    def _ends(self, source: Any, z: tuple[Tensor, ...], share: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        step = share + self.options.epsilon
        if self._space == "w":
            first, second = (source.codes(one, labels) for one in z)
            start, end = (torch.lerp(first, second, at.to(first)) for at in (share, step))
            return start, end
        first, second = (one.double() for one in z)
        start, end = (
            source.codes(slerp(first, second, at.flatten(1).double()).float(), labels) for at in (share, step)
        )
        return start, end

    def compute(self) -> dict[str, float]:
        """Return the trimmed mean.

        Raises:
            NoInputError: nothing was measured.
        """
        return {self.key: _between(self._all()).mean().item()}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Return 95 % of the trimmed mean, from the winsorized variance (Tukey and McLaughlin 1963)."""
        values = self._all()
        if len(values) < 10:
            return {}
        low, high = _limits(values)
        spread = values.clamp(low, high).std().item() / (1 - 2 * TRIMMED)
        mean, half = self.compute()[self.key], 1.96 * spread / len(values) ** 0.5
        return {self.key: (mean - half, mean + half)}

    def warnings(self) -> list[str]:
        """Return what a reader of the score must know."""
        # Only a trunk may have other weights; the offline distance warns of pairs, of which it keeps none here.
        said = list(self._distance.warnings()) if hasattr(self._distance, "trunk") else []
        if self._space == "z":
            said.append("paths in the latents themselves: doesn't compare with values in W")
        if self.options.samples < PAPERS:
            said.append(f"{self.options.samples:,} paths; papers have {PAPERS:,} (metric.ppl.samples)")
        return said

    def _all(self) -> Tensor:
        if not self._values:
            raise NoInputError("no path was walked: there is no generator", hint="ganstyle eval RUN or MODEL")
        values = torch.cat(self._values)
        if not torch.isfinite(values).all():
            raise InputError("path lengths are not finite", hint="look for a diverged model")
        return values


def slerp(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """Return the points between the directions of latents on the sphere.

    Args:
        first: float (B, D), not zero.
        second: likewise.
        share: float (B, 1) or (1, 1), in [0, 1].

    Returns:
        float (B, D), of length 1 times the root of D, the length that normal latents have.

    Source: Shoemake 1985; arXiv:1812.04948, section 4.1. The original code leaves the length at 1, as its mapping
        network normalises latents; generators without one expect the usual length.
    """
    first, second = F.normalize(first, dim=1), F.normalize(second, dim=1)
    angle = (first * second).sum(1, keepdim=True).clamp(-1, 1).acos()
    across = F.normalize(second - first * (first * second).sum(1, keepdim=True), dim=1)
    return (first * (share * angle).cos() + across * (share * angle).sin()) * first.shape[1] ** 0.5


def _prepared(images: Tensor) -> Tensor:
    """Return float (B, 3, H, W) in [0, 255], at most 256 pixels wide or so, not rounded: the step is tiny."""
    factor = min(images.shape[2:]) // LARGEST_SIDE
    if factor > 1:
        images = F.avg_pool2d(images, factor)
    return images.float() * 127.5 + 127.5


def _limits(values: Tensor) -> tuple[float, float]:
    """Return the values at 1 and 99 %, the inner neighbours, as the original code takes them."""
    low = torch.quantile(values, TRIMMED, interpolation="lower").item()
    return low, torch.quantile(values, 1 - TRIMMED, interpolation="higher").item()


def _between(values: Tensor) -> Tensor:
    low, high = _limits(values)
    return values[(values >= low) & (values <= high)]


def build_ppl(options: PathLengthOptions, device: torch.device | str) -> PathLength:
    """Return the perceptual path length.

    Raises:
        EnvironmentProblem: weights of the distance are missing.
    """
    if options.net == "efficientnet_lite0":
        return PathLength(build_lpips_lite0(LiteOptions(), device), options, net="efficientnet_lite0")
    shared = {key: getattr(options, key) for key in WeightsOptions.model_fields}
    distance = build_lpips(LpipsOptions(net=options.net, **shared), device)
    return PathLength(distance, options, net=f"lpips_{options.net}")
