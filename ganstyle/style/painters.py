"""What paints one piece of a picture: a small protocol over pixels, and its answer by a torch network.

Everything above speaks numpy; which library computes is a matter of the painter. Imports no torch.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Pixels = NDArray[np.uint8]
Code = NDArray[np.float32]


class TilePainter(Protocol):
    """Paints pieces of pictures.

    Attributes:
        code_length: how many numbers a style code has; None where any number will do.
        adapter_length: how many numbers of a style's adapter may follow the code; 0 where none may. Zeros mean none.
        device: where it computes: `cpu`, `cuda:0` ...
        engine: the library that computes, with its version.
    """

    code_length: int | None
    adapter_length: int
    device: str
    engine: str

    def paint_tile(
        self, content: Pixels, code: Code, *, statistics: Any = None, offset: tuple[int, int] = (0, 0), seed: int = 0
    ) -> Pixels:
        """Paint a piece.

        Args:
            content: uint8 (H, W, 3), any H and W of at least 1; perhaps a view into a larger picture.
            code: float32 (D,), or with the numbers of an adapter (D + A,).
            statistics: from `measure` of the whole picture; None normalises by the piece's own moments.
            offset: row and column of the piece in the picture, multiples of 8.
            seed: of the stroke noise.

        Returns:
            uint8 (H, W, 3).

        Raises:
            Exception: of whatever kind when memory runs out; `errors.is_out_of_memory` knows them.
        """
        ...

    def measure(self, content: Pixels, code: Code, *, seed: int = 0) -> Any:
        """Return the moments that all pieces normalise by, to be given back to `paint_tile`; arguments as there."""
        ...

    def release(self) -> None:
        """Give memory back that is kept for the next call."""
        ...

    def on_cpu(self) -> TilePainter:
        """Return a painter on the CPU that paints the same; this one stays as it is."""
        ...


class TorchPainter:
    """Paints with a torch module that follows the plugin contract for stylizers.

    Args:
        stylizer: has `stylize` and `measure`; it is on the device already.
        device: of its weights.
    """

    def __init__(self, stylizer: Any, device: str) -> None:
        import torch

        self.engine = f"torch {torch.__version__}"
        self.stylizer, self.device = stylizer, device
        self.code_length: int | None = getattr(stylizer, "code_length", None)
        self.adapter_length: int = getattr(stylizer, "adapter_length", 0)

    def paint_tile(
        self, content: Pixels, code: Code, *, statistics: Any = None, offset: tuple[int, int] = (0, 0), seed: int = 0
    ) -> Pixels:
        """Paint uint8 (H, W, 3) in the style of a code float32 (D,); see `TilePainter`."""
        import torch

        with torch.inference_mode():
            images, codes = self._input(content), self._code(code)
            painted = self.stylizer.stylize(images, codes, statistics=statistics, offset=offset, seed=seed)
            return from_signed(painted[0])

    def measure(self, content: Pixels, code: Code, *, seed: int = 0) -> Any:
        """Return the stylizer's moments of uint8 (H, W, 3); see `TilePainter`."""
        import torch

        with torch.inference_mode():
            return self.stylizer.measure(self._input(content), self._code(code), seed=seed)

    def release(self) -> None:
        """Empty torch's cache of a GPU."""
        if self.device.startswith("cuda"):
            import torch

            torch.cuda.empty_cache()

    def on_cpu(self) -> TorchPainter:
        """Return a painter with a copy of the network on the CPU."""
        return TorchPainter(copy.deepcopy(self.stylizer).to("cpu"), "cpu")

    def _code(self, code: Code) -> Tensor:
        import torch

        return torch.from_numpy(np.ascontiguousarray(code)).to(self.device)[None]

    def _input(self, content: Pixels) -> Tensor:
        return to_signed(content, self.device)


def planes(picture: Pixels) -> Tensor:
    """Return uint8 (3, H, W) of uint8 (H, W, 3): a copy."""
    import torch

    return torch.from_numpy(np.array(picture.transpose(2, 0, 1), order="C"))


def to_signed(picture: Pixels, device: Any = "cpu") -> Tensor:
    """Return float32 (1, 3, H, W) in [-1, 1] of uint8 (H, W, 3), in the layout that is fast on CPUs (channels last)."""
    import torch

    from ganstyle.functional import images

    pixels = torch.from_numpy(np.array(picture, order="C")).to(device)
    return images.to_signed(pixels).permute(2, 0, 1)[None]


def network_code(stylizer: Any, picture: Pixels, device: Any = "cpu") -> Code:
    """Return the style code, float32 (D,), that a torch module's `encode` reads off uint8 (H, W, 3)."""
    import torch

    with torch.no_grad():
        return stylizer.encode(to_signed(picture, device))[0].float().cpu().numpy()


def from_signed(painted: Tensor) -> Pixels:
    """Return uint8 (H, W, 3) of float (3, H, W) in [-1, 1] on any device, rounded; values beyond are clipped."""
    from ganstyle.functional.images import to_bytes

    return to_bytes(painted).permute(1, 2, 0).contiguous().cpu().numpy()
