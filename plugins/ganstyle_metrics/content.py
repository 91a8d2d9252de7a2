"""What is left of a picture's content, and what a painting has that it should not have."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from ganstyle.api import Options
from ganstyle.functional.artefacts import border_excess, halo_excess, lattice_peak, seam_peak
from ganstyle.functional.images import to_signed
from ganstyle.functional.style import content_distance, instance_normalised, whitened
from ganstyle_metrics.backbones import Backbone, BackboneOptions, load_backbone
from ganstyle_metrics.paired import PairEvaluator, check_pair, mean_interval
from ganstyle_metrics.styled import judge_warnings

NORMALISED = MappingProxyType({"whitened": whitened, "instance": instance_normalised})
TESTS = ("dots", "border", "seams", "halos")
SHORTEST = 64


class ContentOptions(BackboneOptions):
    """Options of `content_distance`."""

    structure: Annotated[
        Literal["instance", "whitened"],
        Field(description="What is taken out as style: each channel's mean and deviation, or their covariance."),
    ] = "instance"


class ContentDistance(PairEvaluator):
    """Squared distance of feature maps without their style: 0 for the same layout, 2 for an unrelated one."""

    def __init__(self, backbone: Backbone, *, structure: str, device: torch.device | str) -> None:
        self.backbone, self.structure, self.weights_sha256 = backbone, structure, backbone.weights_sha256
        taps = f"{backbone.name} {' '.join(backbone.taps.content)}"
        protocol = f"mean squared difference of {structure} maps, mean of taps, {taps}, own size"
        super().__init__(key=f"content_distance_{structure}_{backbone.name}", protocol=protocol, device=device)

    def measure(self, images: Tensor, reference: Tensor, **styles: Any) -> Tensor:
        """Return the distance of each picture to its content, float (B,)."""
        check_pair(images, reference, shortest=SHORTEST)
        taps = self.backbone.taps.content
        mine, theirs = (self.backbone.maps(pictures, taps) for pictures in (images, reference))
        return content_distance(mine, theirs, taps, normalised=NORMALISED[self.structure])

    def warnings(self) -> list[str]:
        """Return what a reader of the score must know."""
        return judge_warnings(self.backbone)


class ArtefactOptions(Options):
    """The tests for artefacts have one protocol and no options."""


class EdgeArtefacts(PairEvaluator):
    """Dots, marked borders, seams and halos, each in dB above the content picture; the first value is the worst one.

    0 dB is nothing that the content hasn't. Strokes of a brush cost some dB as well: compare methods, not pictures.
    """

    def __init__(self, device: torch.device | str) -> None:
        protocol = (
            "worst of four tests per picture, dB above the content: spectrum at periods 2, 4 and 8 px; gradients in a "
            "border of 8 px; straight lines from side to side; gradients within 8 px of outlines"
        )
        super().__init__(key="edge_artefacts", protocol=protocol, device=device)

    def reset(self) -> None:
        """Forget all pairs."""
        super().reset()
        self._parts: list[Tensor] = []

    def measure(self, images: Tensor, reference: Tensor, **styles: Any) -> Tensor:
        """Return the worst test of each pair, float (B,)."""
        check_pair(images, reference, shortest=SHORTEST)
        found = artefact_levels(to_signed(reference), to_signed(images))
        levels = torch.stack([found[name] for name in TESTS], 1).double().cpu()
        self._parts.append(levels)
        return levels.amax(1)

    def compute(self) -> dict[str, float]:
        """Return the mean of the worst tests, then that of each test.

        Raises:
            NoInputError: there were no pairs.
        """
        return {key: values.mean().item() for key, values in self._by_key().items()}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Return 95 % of each mean over pairs."""
        found = {key: mean_interval(values) for key, values in self._by_key().items()}
        return {key: interval for key, interval in found.items() if interval is not None}

    def _by_key(self) -> dict[str, Tensor]:
        worst = self.values()
        parts = torch.cat(self._parts).sort(0).values
        return {self.key: worst} | {f"{self.key}_{name}": parts[:, i] for i, name in enumerate(TESTS)}


def artefact_levels(photo: Tensor, painted: Tensor) -> Mapping[str, Tensor]:
    """Return each test's level in dB above the photograph.

    Args:
        photo: float (B, 3, H, W) in [-1, 1], sides of at least 64.
        painted: the same shape as `photo`.

    Returns:
        Test -> float (B,), at least 0; halos are 0 where the photograph has no smooth places beside outlines.
    """
    return {
        "dots": (lattice_peak(painted) - lattice_peak(photo)).clamp_min(0),
        "border": 20 * border_excess(photo, painted).clamp_min(1).log10(),
        "seams": seam_peak(photo, painted),
        "halos": halo_excess(photo, painted).nan_to_num(0),
    }


def build_content_distance(options: ContentOptions, device: torch.device | str) -> ContentDistance:
    """Return the distance of layouts."""
    return ContentDistance(load_backbone(options, device), structure=options.structure, device=device)


def build_edge_artefacts(options: ArtefactOptions, device: torch.device | str) -> EdgeArtefacts:
    """Return the tests for dots, borders, seams and halos."""
    return EdgeArtefacts(device)
