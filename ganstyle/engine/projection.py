"""A real picture as a code of a generator, by optimisation (Karras et al. 2020, arXiv:1912.04958, section 5).

Unlike there, noise needs no regularisation: generators hold it fixed in evaluation mode. Generators without style
codes have many local optima in z, so several random starts are tried and the best one is refined.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ganstyle.data.transforms import Preprocess
from ganstyle.engine.latents import CodeSpace, Latents, Pick, label_shares
from ganstyle.engine.model import Model
from ganstyle.errors import UsageError
from ganstyle.functional.images import resize, shrink, to_bytes, to_signed
from ganstyle.functional.similarity import psnr
from ganstyle.functional.style import content_distance
from ganstyle.nn.encoders import EfficientNetLite0, load_lite0

TAPS = ("b1.output", "b3.output", "b5.output", "b8.output")
SIDES = (96, 224)  # shortest and longest side at which the encoder looks, in pixels
CANDIDATES = 64  # random codes from which the starts are chosen
EXPLORING = 0.3  # share of the steps that all starts get

Distance = Callable[[Tensor], Tensor]
"""Pictures, float (B, C, H, W) in [-1, 1], to float (B,)."""


@dataclass(frozen=True)
class Search:
    """How a code is looked for.

    Attributes:
        steps: of the optimiser, over both parts of the search.
        starts: random codes that are followed at first; a styled generator starts from its mean code alone.
        seed: of the starts.
        rate: learning rate in deviations of the generator's codes.
        prior: weight of the pull toward likely codes.
        perceptual: weight of the encoder's distance; 0 compares pixels on several scales.
    """

    steps: int = 300
    starts: int = 4
    seed: int = 0
    rate: float = 0.1
    prior: float = 0.003
    perceptual: float = 0.2


@dataclass(frozen=True)
class Found:
    """The result of a search.

    Attributes:
        latents: a batch of one.
        picture: what the generator makes of it, uint8 (3, H, W).
        psnr: of that to the picture looked for, in decibels.
        start_psnr: before the first step, of the best start.
        loss: what was minimised, in words.
        history: its value after each step.
    """

    latents: Latents
    picture: Tensor
    psnr: float
    start_psnr: float
    loss: str
    history: tuple[float, ...]


def project(
    model: Model,
    picture: Tensor,
    *,
    search: Search | None = None,
    style: dict[str, float] | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> Found:
    """Return the code whose picture is most like a given one.

    Args:
        model: with a generator.
        picture: uint8 (3, H, W) of the model's size.
        search: default `Search()`.
        style: weights of labels by name; None takes those of the best start.
        progress: called with steps done and the loss.

    Raises:
        UsageError: a picture of another size, an unknown style, or a model without latents.
    """
    search, space = search or Search(), CodeSpace(model.networks.get("generator", torch.nn.Identity()))
    expected = (3, model.image.height, model.image.width)
    if tuple(picture.shape) != expected:
        raise UsageError(f"the picture is {tuple(picture.shape)}, the model makes {expected}", where="picture")
    target = to_signed(picture)[None].to(space.device)
    distance, words = make_distance(target, search)
    shares = None if style is None else label_shares(style, model.card.styles)
    starts = _starts(space, distance, search=search, shares=shares)
    before = _psnr(space, starts[:1], target)
    part = _Optimisation(space, distance, search=search, progress=progress)
    latents = part.run(starts)
    made = _rendered(space, latents)
    return Found(latents, to_bytes(made)[0].cpu(), _psnr(space, latents, target), before, words, tuple(part.history))


def fitted(picture: Tensor, model: Model) -> Tensor:
    """Return a picture's largest centred crop of the model's shape, at the model's size.

    Args:
        picture: uint8 (3, H, W) of any size.
        model: says the size.
    """
    return Preprocess.plain(model.image.height, model.image.width).image(picture, torch.Generator())


def make_distance(target: Tensor, search: Search) -> tuple[Distance, str]:
    """Return the distance to a picture and its name.

    Args:
        target: float (1, 3, H, W) in [-1, 1].
        search: with the weight of the encoder; without its weights installed, pixels alone are compared.
    """
    encoder = _encoder(target.device) if search.perceptual else None
    if encoder is None:
        return lambda images: _pixel_distance(images, target), "pixels on several scales"
    seen = _seen_size(target)
    with torch.no_grad():
        wanted = encoder(resize(target, *seen), TAPS)

    def distance(images: Tensor) -> Tensor:
        images = images.expand(-1, 3, -1, -1)
        maps = encoder(resize(images, *seen), TAPS)
        batch = {tap: wanted[tap].expand(len(images), -1, -1, -1) for tap in TAPS}
        return search.perceptual * content_distance(maps, batch, TAPS) + _pixel_distance(images, target)

    return distance, "efficientnet-lite0 and pixels on several scales"


def _encoder(device: torch.device) -> EfficientNetLite0 | None:
    try:
        return load_lite0(last_block=8).to(device)
    except (FileNotFoundError, ValueError):  # not installed, or a file that is not the known one
        return None


def _seen_size(target: Tensor) -> tuple[int, int]:
    height, width = target.shape[-2:]
    scale = min(max(1.0, SIDES[0] / min(height, width)), SIDES[1] / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _pixel_distance(images: Tensor, target: Tensor) -> Tensor:
    """Return the mean over scales of the mean squared difference, float (B,)."""
    difference, values = images - target, []
    for factor in (1, 2, 4, 8):
        if min(difference.shape[-2:]) >= factor:
            values.append(shrink(difference, factor).square().flatten(1).mean(1))
    return torch.stack(values).mean(0)


@torch.no_grad()
def _starts(space: CodeSpace, distance: Distance, *, search: Search, shares: Tensor | None) -> Latents:
    """Return the codes to begin with, the best first."""
    found = space.latents([Pick(search.seed, index) for index in range(CANDIDATES)], shares=shares)
    if space.mean is not None:
        mean = space.mean.expand(1, found.codes.shape[1], -1)
        return Latents(mean.clone())
    scores = torch.cat([distance(space.render(found[index : index + 8])) for index in range(0, CANDIDATES, 8)])
    return found[scores.argsort()[: search.starts]]


class _Optimisation:
    """Moves codes toward a picture: all starts for a while, then the best alone."""

    def __init__(
        self,
        space: CodeSpace,
        distance: Distance,
        *,
        search: Search,
        progress: Callable[[int, float], None] | None = None,
    ) -> None:
        self.space, self.distance, self.search, self.progress = space, distance, search, progress
        self.history: list[float] = []
        self.spread, self.centre = _spread(space)

    def run(self, starts: Latents) -> Latents:
        """Return the best code found, a batch of one."""
        exploring = round(self.search.steps * EXPLORING)
        # One code for all layers first: free layers would fit noise before they agree on what is shown.
        several, scores = self._followed(starts, exploring, free=False)
        best = scores.argmin()[None]
        return self._followed(several[best], self.search.steps - exploring, free=True)[0]

    def _followed(self, start: Latents, steps: int, *, free: bool) -> tuple[Latents, Tensor]:
        units = ((start.codes if free else start.codes[:, :1]) - self.centre) / self.spread
        moved = units.clone().requires_grad_(True)
        optimiser = torch.optim.Adam([moved], lr=self.search.rate, betas=(0.9, 0.99))
        layers = start.codes.shape[1]
        scores = torch.zeros(len(moved))
        for step in range(steps + 1):
            codes = self.centre + self.spread * moved.expand(-1, layers, -1)
            losses = self.distance(self.space.render(Latents(codes, start.shares))) + self._prior(moved)
            scores = losses.detach()
            if step < steps:
                optimiser.param_groups[0]["lr"] = self.search.rate * _rate_factor(step / steps, falling=free)
                optimiser.zero_grad()
                losses.sum().backward()
                optimiser.step()
                self._tell(float(scores.min()))
        codes = self.centre + self.spread * moved.detach().expand(-1, layers, -1)
        return Latents(codes.contiguous(), start.shares), scores

    def _prior(self, units: Tensor) -> Tensor:
        """Return how unlikely codes are, float (B,): z are about sqrt(W) long, styles near their mean."""
        if self.space.styled:
            return self.search.prior * units.square().mean((1, 2))
        return self.search.prior * (units.square().mean((1, 2)) - 1).square()

    def _tell(self, loss: float) -> None:
        self.history.append(loss)
        if self.progress is not None:
            self.progress(len(self.history), loss)


def _spread(space: CodeSpace) -> tuple[float, Tensor]:
    """Return the deviation of codes about their centre, and the centre, float (W,)."""
    if not space.styled:
        return 1.0, torch.zeros(space.z_dim, device=space.device)
    with torch.no_grad():
        codes = space.latents([Pick(0, index) for index in range(256)]).codes
    centre = codes.mean((0, 1)) if space.mean is None else space.mean
    return max(float((codes - centre).square().mean().sqrt()), 1e-6), centre


def _rate_factor(moment: float, *, falling: bool) -> float:
    rising = min(1.0, (moment + 0.01) / 0.1)
    return rising * (0.5 + 0.5 * math.cos(math.pi * moment) if falling else 1.0)


@torch.no_grad()
def _rendered(space: CodeSpace, latents: Latents) -> Tensor:
    return space.render(latents).expand(-1, 3, -1, -1)


def _psnr(space: CodeSpace, latents: Latents, target: Tensor) -> float:
    made = to_bytes(_rendered(space, latents)).float()
    same = bool((made == to_bytes(target).float()).all())
    return 99.0 if same else float(psnr(made, to_bytes(target).float(), data_range=255.0)[0])
