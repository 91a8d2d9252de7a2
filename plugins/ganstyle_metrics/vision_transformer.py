"""A vision transformer for inference, in the two forms that metrics use.

Papers: Dosovitskiy et al. 2020 (arXiv:2010.11929); DINOv2, Oquab et al. 2023 (arXiv:2304.07193), which scales each
residual; CLIP, Radford et al. 2021 (arXiv:2103.00020), which normalises before the first block and has its own GELU.
Written from the papers and from the names and shapes of the published state dicts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganstyle.errors import ModelError


@dataclass(frozen=True)
class Shape:
    """What makes one transformer differ from another.

    Attributes:
        patch: side of a patch in pixels.
        grid: patches along a side that positions were learnt for.
        width: features of a token.
        depth: blocks.
        heads: of the attention.
        epsilon: of the layer norms.
        gelu: activation of the perceptron in each block.
        scaled: each residual is multiplied by a learnt vector.
        norm_first: tokens are normalised before the first block; patches then have no bias.
        out: width of a last projection without bias; 0 has none.
    """

    patch: int
    grid: int
    width: int
    depth: int
    heads: int
    epsilon: float = 1e-6
    gelu: Callable[[Tensor], Tensor] = F.gelu
    scaled: bool = False
    norm_first: bool = False
    out: int = 0


def quick_gelu(x: Tensor) -> Tensor:
    """Return x sigmoid(1.702 x), CLIP's approximation of GELU."""
    return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    """Attention and perceptron, each added to what comes in."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.gelu = shape.heads, shape.gelu
        self.norm1 = nn.LayerNorm(shape.width, eps=shape.epsilon)
        self.norm2 = nn.LayerNorm(shape.width, eps=shape.epsilon)
        self.qkv = nn.Linear(shape.width, 3 * shape.width)
        self.proj = nn.Linear(shape.width, shape.width)
        self.fc1 = nn.Linear(shape.width, 4 * shape.width)
        self.fc2 = nn.Linear(4 * shape.width, shape.width)
        if shape.scaled:
            self.scale1, self.scale2 = (nn.Parameter(torch.ones(shape.width)) for _ in range(2))
        self.scaled = shape.scaled

    def forward(self, tokens: Tensor) -> Tensor:
        """Return float (B, T, width) of tokens float (B, T, width)."""
        seen = self._attend(self.norm1(tokens))
        tokens = tokens + (seen * self.scale1 if self.scaled else seen)
        thought = self.fc2(self.gelu(self.fc1(self.norm2(tokens))))
        return tokens + (thought * self.scale2 if self.scaled else thought)

    def _attend(self, tokens: Tensor) -> Tensor:
        heads = self.qkv(tokens).unflatten(2, (3, self.heads, -1))  # (B, T, 3, heads, width / heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        return self.proj(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))


class VisionTransformer(nn.Module):
    """Pictures to the class token after the last norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.patches = nn.Conv2d(3, shape.width, shape.patch, shape.patch, bias=not shape.norm_first)
        self.class_token = nn.Parameter(torch.zeros(1, 1, shape.width))
        self.positions = nn.Parameter(torch.zeros(1, 1 + shape.grid**2, shape.width))
        self.first_norm = nn.LayerNorm(shape.width, eps=shape.epsilon) if shape.norm_first else nn.Identity()
        self.blocks = nn.Sequential(*(Block(shape) for _ in range(shape.depth)))
        self.norm = nn.LayerNorm(shape.width, eps=shape.epsilon)
        self.out = nn.Linear(shape.width, shape.out, bias=False) if shape.out else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """Return float (B, width or out) of normalised float images (B, 3, S, S), S a multiple of the patch."""
        patches = self.patches(images)
        tokens = torch.cat([self.class_token.expand(len(images), -1, -1), patches.flatten(2).transpose(1, 2)], dim=1)
        tokens = self.blocks(self.first_norm(tokens + self.positions_for(patches.shape[-1])))
        return self.out(self.norm(tokens[:, 0]))

    def positions_for(self, grid: int) -> Tensor:
        """Return the positions of a class token and grid x grid patches, float (1, 1 + grid², width).

        Other grids than the learnt one are resampled bicubic without antialias, at the scale (grid + 0.1) / learnt, as
        the published DINOv2 code does it (it thereby guarded against rounding); newer code and timm differ.
        """
        learnt = self.shape.grid
        if grid == learnt:
            return self.positions
        plane = self.positions[:, 1:].unflatten(1, (learnt, learnt)).permute(0, 3, 1, 2)
        scale = (grid + 0.1) / learnt
        moved = F.interpolate(plane, scale_factor=(scale, scale), mode="bicubic")
        return torch.cat([self.positions[:, :1], moved.flatten(2).transpose(1, 2)], dim=1)


def load_published(shape: Shape, state: dict[str, Tensor], *, names: dict[str, str], title: str) -> VisionTransformer:
    """Return a transformer with published weights, for inference.

    Args:
        shape: of the network.
        state: of a published file.
        names: regular expression to our name of a tensor; the first that matches a whole name counts, and an empty
            name leaves the tensor out. Others keep their names.
        title: what messages call the network.

    Raises:
        ModelError: tensors are missing, left over, or of another shape.
    """
    with torch.device("meta"):  # random numbers for a gigabyte would be drawn to be thrown away
        network = VisionTransformer(shape)
    try:
        network.load_state_dict(_renamed(state, names), assign=True)
    except RuntimeError:  # torch lists every name; one sentence says more
        raise ModelError(f"these are not the weights of {title}") from None
    return network.requires_grad_(False).eval()


def _renamed(state: dict[str, Tensor], names: dict[str, str]) -> dict[str, Tensor]:
    found = {}
    for name, value in state.items():
        ours = next((re.sub(old, new, name) for old, new in names.items() if re.fullmatch(old, name)), name)
        if ours:
            found[ours] = value
    return found
