"""One view of every generator: codes (B, L, W), whether it has style codes for its layers or only a z.

A generator with `codes(z, labels)` and `synthesise(codes)` is *styled*: L layers, each with a code of its own. Any
other has one layer, its z. Labels are shares, float (B, labels), so that styles can be blended and faded.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ganstyle.api import suggest
from ganstyle.errors import UsageError
from ganstyle.nn.modules import device_of

GROUP = 16  # latents drawn at once from one random generator; fixed, so that a count never changes a picture
SEED_STRIDE = 1_000_003
MEASURED = 1024  # codes from which the spread along a direction is taken


@dataclass(frozen=True)
class Pick:
    """One picture of a model: the index-th of a seed."""

    seed: int
    index: int = 0


@dataclass(frozen=True)
class Latents:
    """What pictures are made from.

    Attributes:
        codes: float (B, L, W).
        shares: float (B, labels), rows sum to 1; None for unconditional generators.
    """

    codes: Tensor
    shares: Tensor | None = None

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: slice | Tensor) -> Latents:
        return Latents(self.codes[rows], None if self.shares is None else self.shares[rows])


class CodeSpace:
    """The codes of a generator.

    Attributes:
        generator: in evaluation mode.
        styled: whether layers have codes of their own.
        z_dim: of the latents that are drawn.
        labels: number of labels; 0 is unconditional.
        device: of the generator.
    """

    def __init__(self, generator: nn.Module) -> None:
        """Look at a generator.

        Raises:
            UsageError: it takes no latent.
        """
        z_dim = getattr(generator, "z_dim", None)
        if not isinstance(z_dim, int):
            raise UsageError(f"{type(generator).__name__} makes no pictures from latents", where="generator")
        self.generator: Any = generator
        self.styled = hasattr(generator, "codes") and hasattr(generator, "synthesise")
        self.z_dim, self.labels = z_dim, int(getattr(generator, "labels", 0))
        self.device = device_of(generator)

    @functools.cached_property
    def shape(self) -> tuple[int, int]:
        """Layers and width of a code."""
        if not self.styled:
            return 1, self.z_dim
        shares = torch.eye(self.labels, device=self.device)[:1] if self.labels else None
        with torch.no_grad():
            layers, width = self.encode(torch.zeros(1, self.z_dim, device=self.device), shares).shape[1:]
        return layers, width

    def draw(self, picks: Sequence[Pick]) -> Tensor:
        """Return z, float (B, z_dim), standard normal; a pick's z depends on nothing but the pick and z_dim."""
        # Drawn on the CPU: a seed means the same picture on every device.
        rows = [_group(self.z_dim, pick.seed, pick.index // GROUP)[pick.index % GROUP] for pick in picks]
        return torch.stack(rows).to(self.device)

    def latents(self, picks: Sequence[Pick], *, shares: Tensor | None = None) -> Latents:
        """Return the latents of picks.

        Args:
            picks: at least one.
            shares: float (labels,) or (B, labels) for all; None gives every label in turn.
        """
        if self.labels and shares is None:
            turns = [(pick.seed + pick.index) % self.labels for pick in picks]
            shares = torch.eye(self.labels, device=self.device)[turns]
        elif shares is not None:
            shares = shares.to(self.device).expand(len(picks), -1)
        return Latents(self.encode(self.draw(picks), shares), None if self.styled else shares)

    def encode(self, z: Tensor, shares: Tensor | None = None) -> Tensor:
        """Return codes, float (B, L, W), of z (B, z_dim); blended labels blend the codes."""
        if not self.styled:
            return z[:, None, :]
        if shares is None:
            return self.generator.codes(z)
        present = [label for label in range(self.labels) if bool((shares[:, label] != 0).any())]
        parts = [
            shares[:, label, None, None] * self.generator.codes(z, z.new_full((len(z),), label, dtype=torch.int64))
            for label in present
        ]
        return torch.stack(parts).sum(0)

    def render(self, latents: Latents) -> Tensor:
        """Return pictures, float (B, C, H, W) in [-1, 1].

        Raises:
            UsageError: blended labels for a generator that can't blend them.
        """
        if self.styled:
            return self.generator.synthesise(latents.codes)
        z, shares = latents.codes[:, 0], latents.shares
        if shares is None:
            return self.generator(z)
        labels = shares.argmax(1)
        if bool((shares.amax(1) == 1).all()):
            return self.generator(z, labels)
        return self._blended(z, shares)

    def _blended(self, z: Tensor, shares: Tensor) -> Tensor:
        embedding = getattr(self.generator, "embedding", None)
        if not isinstance(embedding, nn.Embedding):
            raise UsageError(f"{type(self.generator).__name__} can't blend styles", where="option --style")
        # A table with one row for each picture, in place of one for each label.
        table = {"embedding.weight": shares.to(embedding.weight) @ embedding.weight}
        rows = torch.arange(len(z), device=z.device)
        return torch.func.functional_call(self.generator, table, (z, rows))

    @property
    def mean(self) -> Tensor | None:
        """The mean code, float (W,); None for a generator that keeps none."""
        return getattr(self.generator, "mean_code", None)

    def truncated(self, latents: Latents, psi: float) -> Latents:
        """Move codes toward the mean: mean + psi (code - mean) (arXiv:1812.04948, app. B).

        Raises:
            UsageError: the generator has no mean code.
        """
        if self.mean is None:
            raise UsageError(
                f"{type(self.generator).__name__} has no mean code to truncate to",
                where="option --truncation",
                hint="leave --truncation out; stylegan2 has a mean code",
            )
        return Latents(self.mean + psi * (latents.codes - self.mean), latents.shares)

    def loop(self, keys: Latents, steps: int) -> Latents:
        """Return a closed path through all keys.

        Spherical between z, which are all about sqrt(z_dim) long; linear between style codes, whose space is flat.

        Args:
            keys: where it passes, at least 2.
            steps: pictures from one key to the next.
        """
        moments = torch.arange(steps, device=self.device) / steps
        following = keys[torch.arange(1, len(keys) + 1, device=self.device) % len(keys)]
        between = linear if self.styled else spherical
        codes = torch.stack([between(keys.codes, following.codes, float(t)) for t in moments], 1).flatten(0, 1)
        if keys.shares is None or following.shares is None:
            return Latents(codes)
        shares = torch.stack([linear(keys.shares, following.shares, float(t)) for t in moments], 1).flatten(0, 1)
        return Latents(codes, shares)

    def mixed(self, rows: Latents, columns: Latents, layers: Sequence[int]) -> Latents:
        """Return the table of style mixtures (arXiv:1812.04948, section 3.1), row by row.

        Args:
            rows: R codes; what is not mixed comes from them.
            columns: C codes; they give the layers named.
            layers: from 0, coarse to fine.

        Raises:
            UsageError: the generator has one code for the whole picture.
        """
        if not self.styled:
            raise UsageError(
                f"{type(self.generator).__name__} has one code for the whole picture, nothing to mix",
                where="option --mix",
                hint="--interpolate works with every generator; stylegan2 mixes styles",
            )
        codes = rows.codes[:, None].repeat(1, len(columns), 1, 1)
        codes[:, :, list(layers)] = columns.codes[None, :, list(layers)]
        return Latents(codes.flatten(0, 1))

    def deviation(self, direction: Tensor) -> float:
        """Return the standard deviation of codes along a unit vector, float (W,): the unit of an edit's strength."""
        if not self.styled:
            return 1.0
        picks = [Pick(0, index) for index in range(MEASURED)]
        with torch.no_grad():
            codes = self.latents(picks).codes
        return float((codes @ direction.to(codes)).std(0).mean())


def spherical(a: Tensor, b: Tensor, t: float) -> Tensor:
    """Return the point at t between a and b on the great circle; lengths change linearly (Shoemake 1985).

    Args:
        a: float (..., W).
        b: same shape.
        t: 0 gives a, 1 gives b.
    """
    lengths = a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True)
    u, v = a / lengths[0].clamp_min(1e-12), b / lengths[1].clamp_min(1e-12)
    angle = (u * v).sum(-1, keepdim=True).clamp(-1, 1).acos()
    sine = angle.sin()
    curved = (((1 - t) * angle).sin() * u + (t * angle).sin() * v) / sine.clamp_min(1e-6)
    # Equal and opposite vectors have no great circle of their own.
    direction = torch.where(sine > 1e-6, curved, linear(u, v, t))
    return direction * linear(*lengths, t)


def linear(a: Tensor, b: Tensor, t: float) -> Tensor:
    """Return (1 - t) a + t b."""
    return a + t * (b - a)


def label_shares(styles: Mapping[str, float], known: Sequence[str]) -> Tensor:
    """Return float (labels,), summing to 1.

    Args:
        styles: name to weight, weights of at least 0.
        known: the labels' names in order.

    Raises:
        UsageError: a name that is not known.
    """
    for name in styles:
        if name not in known:
            raise UsageError(
                f"this model has no style {name!r}; {suggest(name, known)}"
                if known
                else f"this model has no styles; it was trained without labels (asked for {name!r})",
                where="option --style",
            )
    weights = torch.tensor([styles.get(name, 0.0) for name in known], dtype=torch.float32)
    return weights / weights.sum()


@functools.lru_cache(maxsize=8)
def _group(z_dim: int, seed: int, group: int) -> Tensor:
    generator = torch.Generator().manual_seed((seed * SEED_STRIDE + group * GROUP) % (1 << 63))
    return torch.randn(GROUP, z_dim, generator=generator)
