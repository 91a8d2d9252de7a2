"""Made-up things for metrics of every kind: pictures, pairs, pairs with styles, films, a generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ganstyle.testing._pictures import byte_pictures
from ganstyle.testing._subject import Subject

COUNT = 6
FRAMES = 5
STYLES = ("first", "second")

Values = dict[str, float]
Build = Callable[[Subject, str], Any]


class Trial:
    """A metric of single pictures, and what to feed it.

    Attributes:
        subject: under test.
        fake: like `real`, or made from it where the metric compares pairs.
        real: uint8 (COUNT, 3, side, side).
        noise: uint8, like neither.
    """

    kind = "pictures"

    def __init__(self, subject: Subject, build: Callable[[], Any], *, side: int) -> None:
        self.subject, self.new = subject, build
        self.fake, self.real = byte_pictures(COUNT, side, side, seed=1), byte_pictures(COUNT, side, side, seed=2)
        self.noise = _bytes(self.fake.shape, seed=3)

    def feed(self, metric: Any, fake: Tensor, real: Tensor, *, batch: int = COUNT, order: Tensor | None = None) -> Any:
        """Update a metric with all pictures, in some order, and return it."""
        rows = torch.arange(len(fake)) if order is None else order
        self.prepare(metric)
        for start in range(0, len(rows), batch):
            part = rows[start : start + batch]
            # Views where possible: a metric that writes into its pictures must be caught.
            chosen = slice(start, start + batch) if order is None else part
            self.update(metric, fake[chosen], real[chosen], rows=part.tolist())
        return metric

    def prepare(self, metric: Any) -> None:
        """Tell a metric what it needs before the pictures."""

    def update(self, metric: Any, fake: Tensor, real: Tensor, *, rows: Sequence[int]) -> None:
        """Feed one batch, whose places in the whole are `rows`."""
        metric.update(fake, real=False)
        metric.update(real, real=True)

    def values(self, fake: Tensor, real: Tensor, *, batch: int = COUNT, order: Tensor | None = None) -> Values:
        """Return what a fresh metric says."""
        return self.feed(self.new(), fake, real, batch=batch, order=order).compute()


class PairTrial(Trial):
    """Pairs: alike, each a little less than the one before, so that a wrong weighting shows."""

    kind = "pairs"

    def __init__(self, subject: Subject, build: Callable[[], Any], *, side: int) -> None:
        super().__init__(subject, build, side=side)
        strength = torch.linspace(0.02, 0.2, COUNT)[:, None, None, None]
        self.fake = _mixed(self.real, self.noise, strength)

    def update(self, metric: Any, fake: Tensor, real: Tensor, *, rows: Sequence[int]) -> None:
        """Feed pairs."""
        metric.update(fake, real)


class StyledTrial(PairTrial):
    """Pairs whose pictures are of one of two styles, in turn."""

    kind = "styled pairs"

    def prepare(self, metric: Any) -> None:
        """Show works of different sizes and numbers."""
        side = self.real.shape[-1]
        sides = {STYLES[0]: (side, side), STYLES[1]: (side, side + 8, side)}
        works = {
            name: [byte_pictures(1, size, side, seed=10 * index + size)[0] for size in sizes]
            for index, (name, sizes) in enumerate(sides.items())
        }
        metric.take_styles(works)

    def update(self, metric: Any, fake: Tensor, real: Tensor, *, rows: Sequence[int]) -> None:
        """Feed pairs with the style of each."""
        metric.update(fake, real, styles=[STYLES[row % 2] for row in rows])


class FilmTrial(PairTrial):
    """Films: a picture that moves by a pixel each frame; row by row a film (COUNT, FRAMES, 3, side, side)."""

    kind = "films"

    def __init__(self, subject: Subject, build: Callable[[], Any], *, side: int) -> None:
        super().__init__(subject, build, side=side)
        self.real = torch.stack([self.real.roll(step, dims=3) for step in range(FRAMES)], dim=1)
        self.noise = _bytes(self.real.shape, seed=3)
        strength = torch.linspace(0.02, 0.2, COUNT)[:, None, None, None, None]
        self.fake = _mixed(self.real, self.noise, strength)

    def update(self, metric: Any, fake: Tensor, real: Tensor, *, rows: Sequence[int]) -> None:
        """Feed films one by one."""
        for film, source in zip(fake, real, strict=True):
            metric.update_film(list(film), list(source))


class MadeUpSource:
    """A generator with codes: smooth pictures that depend on every latent."""

    z_dim, labels, styled, device = 4, 0, True, torch.device("cpu")

    def __init__(self, side: int) -> None:
        self._basis = torch.nn.functional.interpolate(
            torch.randn(self.z_dim, 3, 4, 4, generator=torch.Generator().manual_seed(5)), size=side, mode="bicubic"
        )

    def codes(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return (B, 2, 4)."""
        return (2 * z).tanh()[:, None].expand(-1, 2, -1)

    def synthesise(self, codes: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return pictures, float (B, 3, side, side) in [-1, 1]."""
        return torch.einsum("bz,zchw->bchw", codes.mean(1), self._basis).tanh()


def trial_for(metric: Any) -> type[Trial]:
    """Return the kind of trial that a metric wants."""
    if getattr(metric, "film", False):
        return FilmTrial
    if getattr(metric, "styled", False):
        return StyledTrial
    return PairTrial if metric.paired else Trial


def _bytes(shape: torch.Size, *, seed: int) -> Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def _mixed(pictures: Tensor, noise: Tensor, strength: Tensor) -> Tensor:
    return (pictures + (noise.float() - 128) * strength).round().clamp(0, 255).to(torch.uint8)
