"""Several processes as one: which of them this is, means over all, batch normalisation over the joint batch.

Everything here is the identity in a process that trains alone. Ranks hold equal shares of a batch, so a mean of their
means is the mean of the joint batch.
"""

from __future__ import annotations

from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def joined() -> bool:
    """Return whether this process trains together with others."""
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    """Return this process's number, 0 up to `world_size() - 1`; rank 0 alone writes."""
    return dist.get_rank() if joined() else 0


def world_size() -> int:
    """Return how many processes train together; 1 for a process alone."""
    return dist.get_world_size() if joined() else 1


def mean_over_ranks(tensor: Tensor) -> Tensor:
    """Return the elementwise mean over all ranks, without a gradient; a process alone gets the tensor itself.

    Every rank must call it at the same place with the same shape. It is for statistics (the mean of a batch, a sign):
    where a gradient must cross ranks, the engine averages those of the parameters.

    Args:
        tensor: any shape, floating.
    """
    if world_size() == 1:
        return tensor
    total = tensor.detach().clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total / world_size()


class _SumOverRanks(torch.autograd.Function):
    """y = sum of x over ranks. Every rank's loss depends on y, so dL/dx is the sum of dL/dy; twice differentiable."""

    @staticmethod
    def forward(context: Any, tensor: Tensor) -> Tensor:
        total = tensor.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        return _SumOverRanks.apply(gradients[0])


def gathered(tensor: Tensor) -> Tensor:
    """Return the tensors of all ranks, stacked by rank: (world, ...); gradients flow back to the rank they came from.

    Args:
        tensor: the same shape on every rank, floating.
    """
    if world_size() == 1:
        return tensor[None]
    # One row filled and summed: a gather whose gradient, of any order, is again a sum.
    rows = [tensor if row == rank() else torch.zeros_like(tensor) for row in range(world_size())]
    return _SumOverRanks.apply(torch.stack(rows))


class JointBatchNorm(_BatchNorm):
    """Batch normalisation with the statistics of all ranks' examples, as one process on the joint batch has them.

    Parameters, buffers and names are those of `nn.BatchNorm1d` to `3d`. In evaluation mode, and in a process alone, it
    computes what they compute.

    Source: Ioffe and Szegedy 2015 (arXiv:1502.03167), algorithm 1; the joint variance from the ranks' by Chan, Golub
    and LeVeque 1983, eq. 2.1, without the cancellation of sums of squares.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        """Any (B, C, ...) will do."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (B, C, ...) per channel; statistics in float32 at least, the result in the input's dtype."""
        if world_size() == 1 or not (self.training or self.running_mean is None):
            return super().forward(input)
        x = input.float() if input.dtype in (torch.float16, torch.bfloat16) else input
        axes = [axis for axis in range(x.ndim) if axis != 1]
        own = torch.stack(torch.var_mean(x, dim=axes, correction=0))
        variances, means = gathered(own).unbind(1)
        mean = means.mean(0)
        variance = (variances + (means - mean).square()).mean(0)
        self._remember(mean.detach(), variance.detach(), count=x.numel() // x.shape[1] * world_size())
        shape = [1, -1] + [1] * (x.ndim - 2)
        scale = torch.rsqrt(variance + self.eps)
        scale = scale if self.weight is None else scale * self.weight
        result = (x - mean.view(shape)) * scale.view(shape)
        return (result if self.bias is None else result + self.bias.view(shape)).to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, *, count: int) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        factor = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, factor)
        self.running_var.lerp_(variance * (count / max(1, count - 1)), factor)


def join_batch_norms(module: ModuleT) -> ModuleT:
    """Let every batch normalisation inside a network see all ranks; the parameters stay the same objects.

    Args:
        module: changed in place; returned, or replaced if it is itself a batch normalisation.
    """
    if isinstance(module, _BatchNorm) and not isinstance(module, JointBatchNorm):
        return _joint(module)  # type: ignore[return-value]
    for name, child in module.named_children():
        module.register_module(name, join_batch_norms(child))
    return module


def _joint(norm: _BatchNorm) -> JointBatchNorm:
    twin = JointBatchNorm(
        norm.num_features, norm.eps, norm.momentum, affine=norm.affine, track_running_stats=norm.track_running_stats
    )
    twin._parameters, twin._buffers = norm._parameters, norm._buffers
    return twin.train(norm.training)
