"""What a frozen backbone says about a painted picture: its layout and its style."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ganstyle.functional.style import content_distance, style_distance, total_variation
from ganstyle.nn.encoders import EfficientNetLite0

from .windows import windowed_style_distance

GRAM_TAPS = tuple(f"b{i}.depthwise" for i in (0, 1, 3, 5, 7))
CONTENT_TAPS = ("b4.output", "b7.output", "b10.output")
LAST_BLOCK = 10


def perceptual_parts(
    backbone: EfficientNetLite0,
    painted: Tensor,
    *,
    content_maps: Mapping[str, Tensor],
    style_maps: Mapping[str, Tensor],
    moments: float = 3.0,
    matching: Tensor | None = None,
) -> dict[str, Tensor]:
    """Return the parts of the perceptual loss, each the mean over the batch.

    Args:
        backbone: with blocks 0 to `LAST_BLOCK`.
        painted: float32 (B, 3, H, W) in [-1, 1].
        content_maps: maps of the photos at `CONTENT_TAPS`.
        style_maps: maps of the works at `GRAM_TAPS` (others are ignored), batch B or 1.
        moments: weight of channel moments beside the Gram matrices.
        matching: from `matched_windows`, compares windows; None compares whole pictures.

    Returns:
        `style`, `content` and `variation`, scalars of at least 0; `variation` is that of
        pictures in [0, 1].
    """
    maps = backbone(painted, {*GRAM_TAPS, *CONTENT_TAPS})
    target = {tap: style_maps[tap] for tap in GRAM_TAPS}
    if matching is None:
        style = style_distance(maps, target, moments=moments)
    else:
        style = windowed_style_distance(maps, target, matching, moments=moments)
    return {
        "style": style.mean(),
        "content": content_distance(maps, content_maps, CONTENT_TAPS).mean(),
        "variation": total_variation(painted) / 2,
    }
