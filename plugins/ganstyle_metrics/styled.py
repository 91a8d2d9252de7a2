"""Metrics that compare pictures with the works of a style."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ganstyle.api import Options
from ganstyle.errors import UsageError
from ganstyle.functional.artefacts import palette, palette_difference, recoloured_share
from ganstyle.functional.images import resize, to_bytes, to_signed
from ganstyle.functional.style import (
    Statistics,
    gram_distance,
    mean_statistics,
    moments_distance,
    style_statistics,
)
from ganstyle_metrics.backbones import Backbone, BackboneOptions, load_backbone
from ganstyle_metrics.paired import PairEvaluator, check_pair, check_side

TARGETS_KEPT = 64  # Gram matrices of one style at one size take 3 MB
RECOLOURED = 0.9  # of the variance: on photographs, matched histograms reach 0.93 to 0.99, real paintings 0.64 to 0.79
MOMENTS = 3.0  # weight of the moments beside the Gram matrix, as in functional.style.style_distance
WHAT = {"stats": "channel means and deviations", "fidelity": f"Gram matrices + {MOMENTS:g} x of means and deviations"}

Formula = Callable[[Statistics, Statistics], Tensor]


class StyledEvaluator(PairEvaluator):
    """Base of the metrics of styles: keeps the works, and what was measured on them at each size.

    A style is the mean of what is measured on its works. Works are brought to the long side of the picture they are
    compared with, since strokes have a size.
    """

    styled = True

    def take_styles(self, works: Mapping[str, Sequence[Tensor]]) -> None:
        """Take the works of each style, uint8 (3, H, W) of any size.

        Raises:
            NoInputError: a work is too small.
            UsageError: no style, or a style without works.
        """
        empty = [name for name, pictures in works.items() if not len(pictures)]
        if empty or not works:
            what = f"style {empty[0]!r} has no works" if empty else "there are no styles"
            raise UsageError(what, hint="ganstyle eval --pairs OUT CONTENT --style FOLDER")
        for pictures in works.values():
            check_side(pictures)
        self._works = works
        self._measured: OrderedDict[tuple[str, int], Any] = OrderedDict()

    def reset(self) -> None:
        """Forget all pairs; the styles stay."""
        super().reset()
        self._recoloured = 0

    @torch.inference_mode()
    def measure(self, images: Tensor, reference: Tensor, *, styles: Sequence[str] = (), **_: Any) -> Tensor:
        """Return the value of each pair, float (B,).

        Raises:
            UsageError: no styles were given, or an unknown one.
        """
        check_pair(images, reference)
        works = getattr(self, "_works", {})
        unknown = sorted(set(styles) - set(works))
        if unknown or len(styles) != len(images):
            given = f"there is no style {unknown[0]!r}" if unknown else f"{self.key} needs the style of each picture"
            raise UsageError(given, hint="ganstyle eval --pairs OUT CONTENT --style FOLDER")
        self._recoloured += int((recoloured_share(to_signed(reference), to_signed(images)) > RECOLOURED).sum())
        return self.compare(images, styles)

    def compare(self, images: Tensor, styles: Sequence[str]) -> Tensor:
        """Return the value of each of uint8 (B, 3, H, W) in its style."""
        raise NotImplementedError

    def target(self, works: Sequence[Tensor]) -> Any:
        """Return what is measured on a style's works, uint8 (1, 3, H, W) each."""
        raise NotImplementedError

    def target_of(self, style: str, side: int) -> Any:
        """Return what was measured on the works of a style at a long side of `side` pixels."""
        found = self._measured.pop((style, side), None)
        if found is None:
            found = self.target([_scaled(work.to(self.device), side) for work in self._works[style]])
        self._measured[style, side] = found
        while len(self._measured) > max(TARGETS_KEPT, len(self._works)):
            self._measured.popitem(last=False)
        return found

    def warnings(self) -> list[str]:
        """Return what a reader of the score must know."""
        if not self._recoloured:
            return []
        count = len(self.values())
        return [f"{self._recoloured:,} of {count:,} pictures are little more than their content recoloured"]


def _scaled(work: Tensor, side: int) -> Tensor:
    """Return uint8 (1, 3, H, W) with the given long side, of (3, h, w)."""
    scale = side / max(work.shape[1:])
    height, width = (max(32, round(length * scale)) for length in work.shape[1:])
    return to_bytes(resize(to_signed(work[None]), height, width))


class StyleDistance(StyledEvaluator):
    """Distance of the statistics of feature maps: 0 for a picture with the style's own; 1 for blank feature maps."""

    def __init__(self, backbone: Backbone, formula: Formula, *, name: str, device: torch.device | str) -> None:
        self.backbone, self.formula, self.weights_sha256 = backbone, formula, backbone.weights_sha256
        taps = f"{backbone.name} {' '.join(backbone.taps.style)}"
        what = WHAT.get(name, "Gram matrices")
        protocol = f"|a - b|² / |b|² of {what}, mean of taps, {taps}; b: mean of the works at the same size"
        super().__init__(key=f"style_{name}_{backbone.name}", protocol=protocol, device=device)

    def compare(self, images: Tensor, styles: Sequence[str]) -> Tensor:
        """Return the distance of each picture to its style."""
        mine, side = style_statistics(self.backbone.maps(images, self.backbone.taps.style)), max(images.shape[2:])
        return torch.cat([self.formula(_row(mine, i), self.target_of(name, side)) for i, name in enumerate(styles)])

    def target(self, works: Sequence[Tensor]) -> Statistics:
        """Return the mean statistics of the works."""
        return mean_statistics([style_statistics(self.backbone.maps(work, self.backbone.taps.style)) for work in works])

    def warnings(self) -> list[str]:
        """Return what a reader of the score must know."""
        return [*super().warnings(), *judge_warnings(self.backbone)]


def judge_warnings(backbone: Backbone) -> list[str]:
    """Return what a reader must know of the network that judges."""
    if not backbone.standard:
        return ["these are not the published weights: the value compares with nothing but itself"]
    if backbone.name != "efficientnet_lite0":
        return []
    return ["adastyle is trained on this network: judge it against others with net=efficientnet_lite2 or vgg16"]


class StyleFidelity(StyleDistance):
    """Share of the pictures whose nearest style, of all that were given, is the intended one."""

    higher_is_better = True

    def __init__(self, backbone: Backbone, device: torch.device | str) -> None:
        super().__init__(backbone, _gram_and_moments, name="fidelity", device=device)
        self.protocol = f"nearest style is the intended one; {self.protocol}"

    def take_styles(self, works: Mapping[str, Sequence[Tensor]]) -> None:
        """Take the works of each style.

        Raises:
            UsageError: fewer than two styles.
        """
        super().take_styles(works)
        if len(works) < 2:
            what = f"style_fidelity chooses among styles, and there is only {next(iter(works))!r}"
            raise UsageError(what, hint="--style FOLDER with a sub-folder for each style")

    def compare(self, images: Tensor, styles: Sequence[str]) -> Tensor:
        """Return 1 for pictures nearest to their own style, else 0."""
        mine, side = style_statistics(self.backbone.maps(images, self.backbone.taps.style)), max(images.shape[2:])
        names = sorted(self._works)
        nearest = torch.stack([self.formula(mine, self.target_of(name, side)) for name in names]).argmin(0)
        return torch.tensor([float(names[i] == name) for i, name in zip(nearest.tolist(), styles, strict=True)])

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Return Wilson's 95 % interval of the share (E. B. Wilson 1927, eq. 5)."""
        values = self.values()
        n, share, z2 = len(values), values.mean().item(), 1.96**2
        half = 1.96 * (share * (1 - share) / n + z2 / (4 * n * n)) ** 0.5
        return {self.key: tuple((share + z2 / (2 * n) + s * half) / (1 + z2 / n) for s in (-1, 1))}  # type: ignore[dict-item]

    def warnings(self) -> list[str]:
        """Add what guessing would score."""
        return [*super().warnings(), f"guessing among {len(self._works)} styles would score {1 / len(self._works):.2f}"]


class ColourDistance(StyledEvaluator):
    """How far the picture's colours are from those of the works, wherever they stand; a recolouring can reach 0."""

    def compare(self, images: Tensor, styles: Sequence[str]) -> Tensor:
        """Return the distance of each picture's palette to its style's."""
        theirs = [self.target_of(name, max(images.shape[2:])) for name in styles]
        return palette_difference(palette(to_signed(images)), torch.cat(theirs))

    def target(self, works: Sequence[Tensor]) -> Tensor:
        """Return the mean palette, which is the Wasserstein barycentre along every direction."""
        return torch.stack([palette(to_signed(work)) for work in works]).mean(0)

    def warnings(self) -> list[str]:
        """Recolourings are what this metric is about: nothing to warn of."""
        return []


def _gram_and_moments(value: Statistics, target: Statistics) -> Tensor:
    return gram_distance(value, target) + MOMENTS * moments_distance(value, target)


def _row(statistics: Statistics, index: int) -> Statistics:
    return {tap: (gram[index : index + 1], moments[index : index + 1]) for tap, (gram, moments) in statistics.items()}


class ColourOptions(Options):
    """The distance of colours has one protocol and no options."""


def build_style_gram(options: BackboneOptions, device: torch.device | str) -> StyleDistance:
    """Return the distance of Gram matrices (Gatys et al. 2016)."""
    return StyleDistance(load_backbone(options, device), gram_distance, name="gram", device=device)


def build_style_stats(options: BackboneOptions, device: torch.device | str) -> StyleDistance:
    """Return the distance of channel means and deviations (Huang and Belongie 2017)."""
    return StyleDistance(load_backbone(options, device), moments_distance, name="stats", device=device)


def build_style_fidelity(options: BackboneOptions, device: torch.device | str) -> StyleFidelity:
    """Return how often the nearest style is the intended one."""
    return StyleFidelity(load_backbone(options, device), device)


def build_colour_distance(options: ColourOptions, device: torch.device | str) -> ColourDistance:
    """Return the distance of palettes (Rabin et al. 2011)."""
    protocol = "sliced Wasserstein distance of RGB in [0, 1], 32 directions, 512 quantiles; to the works' barycentre"
    return ColourDistance(key="colour_distance_sliced_rgb", protocol=protocol, device=device)
