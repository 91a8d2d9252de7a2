"""What every network needs: freezing, modes, shape checks, initial weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrizations import spectral_norm

from ganstyle.errors import UsageError

ModuleT = TypeVar("ModuleT", bound=nn.Module)


@contextmanager
def frozen(module: ModuleT) -> Iterator[ModuleT]:
    """Let gradients pass through a module without reaching its parameters.

    The graph built inside stays free of the parameters, so `backward` may follow outside.

    Args:
        module: given back with each parameter's own `requires_grad`, also after an exception.
    """
    flags = [(parameter, parameter.requires_grad) for parameter in module.parameters()]
    try:
        for parameter, _ in flags:
            parameter.requires_grad_(False)
        yield module
    finally:
        for parameter, flag in flags:
            parameter.requires_grad_(flag)


@contextmanager
def evaluating(module: ModuleT) -> Iterator[ModuleT]:
    """Hold a module in evaluation mode; every sub-module gets its own mode back."""
    modes = [(part, part.training) for part in module.modules()]
    try:
        yield module.eval()
    finally:
        for part, training in modes:
            part.training = training


def unwrapped(module: nn.Module) -> nn.Module:
    """Return the network inside a DistributedDataParallel wrapper, or the module itself."""
    inner = getattr(module, "module", None)
    return inner if isinstance(inner, nn.Module) else module


def device_of(module: nn.Module) -> torch.device:
    """Return where the first parameter lives; the CPU for a module without any."""
    return next((parameter.device for parameter in module.parameters()), torch.device("cpu"))


def has_batch_norm(module: nn.Module) -> bool:
    """Return whether examples of a batch see each other through batch normalisation."""
    return any(isinstance(part, _BatchNorm) for part in module.modules())


def has_spectral_norm(module: nn.Module) -> bool:
    """Return whether a weight of the module is divided by its largest singular value."""
    return any(type(part).__name__ == "_SpectralNorm" for part in module.modules())


def spectrally_normalised(module: ModuleT) -> ModuleT:
    """Divide the weight of every convolution, linear layer and embedding by its largest singular value.

    Call it after the weights are drawn: the singular vectors are estimated here and refined in training.

    Source: Miyato et al. 2018 (arXiv:1802.05957).
    """
    for part in list(module.modules()):
        if isinstance(part, nn.Conv2d | nn.Linear | nn.Embedding):
            spectral_norm(part)
    return module


def check_shape(tensor: Tensor, shape: Sequence[int | None], *, name: str) -> Tensor:
    """Return the tensor if its shape fits.

    Args:
        tensor: any.
        shape: expected sizes; None takes any.
        name: how the message calls it.

    Raises:
        UsageError: says expected and found shape.
    """
    fits = tensor.ndim == len(shape) and all(want in (None, size) for want, size in zip(shape, tensor.shape))
    if not fits:
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise UsageError(f"{name} must have shape ({wanted}), found {tuple(tensor.shape)}", where=name)
    return tensor


def initialise_normal(module: ModuleT, *, std: float = 0.02) -> ModuleT:
    """Draw convolution and linear weights from N(0, std), norm gains from N(1, std); biases are 0.

    Source: Radford et al. 2016 (arXiv:1511.06434), section 4; the gains as in its reference code.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(part.weight, 0.0, std)
        elif isinstance(part, _BatchNorm) and part.affine:
            nn.init.normal_(part.weight, 1.0, std)
        bias = getattr(part, "bias", None)
        if isinstance(bias, nn.Parameter):
            nn.init.zeros_(bias)
    return module


def base_grid(height: int, width: int, *, name: str, largest: int = 256) -> tuple[int, int, int]:
    """Return (h0, w0, doublings): the grid from which doubling reaches the picture.

    Args:
        height: pixels.
        width: pixels.
        name: the architecture, for the message.
        largest: the longest side it makes, in pixels.

    Returns:
        h0 and w0 between 4 and 16, at least two doublings, as many as possible.

    Raises:
        UsageError: no such grid; names the nearest sizes that work.
    """
    grid = _grid(height, width, largest)
    if grid is None:
        raise UsageError(
            f"{name} can't make {height}x{width} pictures; near it: {_nearest(height, width, largest)}",
            where="train.resolution",
            hint=f"sides from 16 to {largest} that are 4..16 times the same power of two, e.g. 32, 48, 64, 96x64",
        )
    return grid


def _grid(height: int, width: int, largest: int) -> tuple[int, int, int] | None:
    for doublings in range(8, 1, -1):
        sides = [divmod(side, 2**doublings) for side in (height, width)]
        if all(rest == 0 and 4 <= side <= 16 for side, rest in sides) and max(height, width) <= largest:
            return sides[0][0], sides[1][0], doublings
    return None


def _nearest(height: int, width: int, largest: int) -> str:
    sides = range(16, largest + 1, 4)
    works = [
        (abs(h - height) + abs(w - width), h, w)
        for h in sides
        for w in ([h] if height == width else sides)
        if _grid(h, w, largest)
    ]
    return ", ".join(f"{h}x{w}" for _, h, w in sorted(works)[:3])
