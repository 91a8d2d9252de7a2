"""How networks of each role are called, and what must hold of what they return."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ganstyle.api import ImageSpec
from ganstyle.testing._findings import Findings
from ganstyle.testing._pictures import float_pictures

COUNT = 4
GROWTH_STEPS = 16
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Call:
    """One way to use a network.

    Attributes:
        name: for messages.
        inputs: tensors whose first dimension is the batch.
        run: network and inputs to a tensor.
        shape: expected of each example; None if free.
        pictures: the result is pictures in [-1, 1].
        alone: in evaluation mode, an example's result must not depend on the others. Discriminators may compare the
            pictures of a batch (minibatch standard deviation, arXiv:1710.10196).
    """

    name: str
    inputs: tuple[Tensor, ...]
    run: Callable[..., Tensor]
    shape: tuple[int, ...] | None
    pictures: bool = False
    alone: bool = True

    def check(self, network: nn.Module, findings: Findings, size: str) -> None:
        """Check shape, range, repeatability and independence in evaluation mode."""
        where = f"{self.name} at {size}"
        network.eval()
        before = state_of(network)
        with torch.no_grad():
            result = self.run(network, *self.inputs)
            again = self.run(network, *self.inputs)
        if not self._check_shape(result, findings, where):
            return
        findings.require(
            bool(torch.isfinite(result).all()), f"{where} gives values that aren't finite", "check the scales"
        )
        findings.require(
            torch.equal(result, again), f"{where} differs when repeated", "draw no noise in evaluation mode"
        )
        after = state_of(network)
        kept = all(torch.equal(before[key], after[key]) for key in before)
        findings.require(
            kept, f"{where} changes the network in evaluation mode", "update buffers in training mode only"
        )
        varied = (result[0] - result[1]).abs().max() > 1e-6
        findings.require(bool(varied), f"{where} gives the same for different inputs", "use the input")
        if self.pictures:
            self._check_range(result, findings, where)
        if self.alone:
            self._check_alone(network, result, findings, where=where)

    def _check_shape(self, result: object, findings: Findings, where: str) -> bool:
        is_batch = isinstance(result, Tensor) and result.ndim > 0 and len(result) == COUNT
        fits = is_batch and (self.shape is None or tuple(result.shape[1:]) == self.shape)  # type: ignore[attr-defined]
        expected = ("B", *(self.shape or ("...",)))
        found = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
        return findings.require(fits, f"{where} gives {found}", f"return a tensor {expected} with B = {COUNT} here")

    @staticmethod
    def _check_range(result: Tensor, findings: Findings, where: str) -> None:
        low, high = result.min().item(), result.max().item()
        inside = low >= -1 - TOLERANCE and high <= 1 + TOLERANCE
        findings.require(
            inside, f"{where} gives values from {low:.3g} to {high:.3g}", "pictures are in [-1, 1]; use tanh"
        )
        findings.require(low < 0, f"{where} gives no value below 0", "pictures are in [-1, 1], not in [0, 1]")

    def _check_alone(self, network: nn.Module, result: Tensor, findings: Findings, *, where: str) -> None:
        with torch.no_grad():
            single = self.run(network, *(part[:1] for part in self.inputs))
        close = torch.allclose(single, result[:1], rtol=TOLERANCE, atol=TOLERANCE / 10)
        remedy = "compute nothing over the batch in evaluation mode"
        findings.require(close, f"{where}: an example's result depends on the others of its batch", remedy)


def calls_of(networks: Mapping[str, nn.Module], role: str, spec: ImageSpec) -> Iterator[Call]:
    """Yield the ways in which the contract's roles are called; other roles are the task's own affair."""
    network: Any = networks[role]
    pictures = float_pictures(COUNT, spec.height, spec.width, channels=spec.channels)
    labels = (torch.arange(COUNT) % spec.labels,) if spec.labels else ()
    shape = (spec.channels, spec.height, spec.width)
    if role == "generator":
        z = torch.randn(COUNT, network.z_dim, generator=torch.Generator().manual_seed(0))
        yield Call("generator(z)", (z, *labels), lambda network, *inputs: network(*inputs), shape, pictures=True)
    elif role == "discriminator" and ("generator" in networks or len(networks) == 1):
        call = Call(
            "discriminator(images)", (pictures, *labels), lambda network, *inputs: network(*inputs), None, alone=False
        )
        yield call
        if hasattr(network, "judge_real"):  # one number per logit that depends on both of its results
            both = lambda network, *inputs: torch.add(*network.judge_real(*inputs))  # noqa: E731
            yield Call("discriminator.judge_real(images)", (pictures, *labels), both, None, alone=False)
    elif role == "stylizer":
        yield Call("stylizer.encode(style)", (pictures,), lambda network, style: network.encode(style), None)
        with torch.no_grad():
            code = network.eval().encode(float_pictures(COUNT, 64, 64, channels=spec.channels, seed=1))
        run = lambda network, content, code: network.stylize(content, code)  # noqa: E731
        yield Call("stylizer.stylize(content, code)", (pictures, code), run, shape, pictures=True)
    elif role == "translator":
        yield from _translations(network, pictures, shape)


def _translations(network: Any, pictures: Tensor, shape: tuple[int, ...]) -> Iterator[Call]:
    run: Callable[..., Any]
    if not network.domains:
        for direction in network.directions:
            run = lambda network, images, direction=direction: network.translate(images, direction=direction)  # noqa: E731
            yield Call(f"translator.translate(images, {direction})", (pictures,), run, shape, pictures=True)
        return
    run = lambda network, images: network.translate(images, code=network.encode(images))  # noqa: E731
    yield Call("translator.translate(images, code)", (pictures,), run, shape, pictures=True)
    domains = torch.arange(COUNT) % network.domains
    run = lambda network, rows: torch.cat([network.drawn(int(row), seed=place) for place, row in enumerate(rows)])  # noqa: E731
    yield Call("translator.drawn(domain)", (domains,), run, None)


def check_gradients(networks: Mapping[str, nn.Module], spec: ImageSpec, findings: Findings) -> None:
    """Check that every parameter that is to be trained gets a gradient, at some stage of growth.

    Note:
        Weights are moved off their initial values first: layers that start at zero rightly block gradients then.
    """
    for role, network in networks.items():
        calls = list(calls_of(networks, role, spec))
        if not calls:
            continue
        _shake(network)
        alive = _alive(network.train(), calls)
        dead = [name for name, part in network.named_parameters() if part.requires_grad and name not in alive]
        found = f"{role} has parameters without a gradient: {', '.join(dead[:3])}"
        findings.require(not dead, found + (" ..." if len(dead) > 3 else ""), "use them in forward, or remove them")


def _alive(network: nn.Module, calls: list[Call]) -> set[str]:
    grow = getattr(network, "set_progress", None)
    alive: set[str] = set()
    for step in range(GROWTH_STEPS, -1, -1) if grow else [0]:
        if grow:
            grow(step / GROWTH_STEPS)
        network.zero_grad(set_to_none=True)
        for call in calls:
            output = call.run(network, *call.inputs)
            weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(1))
            (output * weights).sum().backward()
        alive |= {name for name, part in network.named_parameters() if part.grad is not None and part.grad.any()}
        if all(name in alive for name, part in network.named_parameters() if part.requires_grad):
            break
    if grow:
        grow(1.0)
    return alive


def _shake(network: nn.Module) -> None:
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for part in network.parameters():
            if part.requires_grad:
                part.add_(0.02 * torch.randn(part.shape, generator=generator))


def state_of(network: nn.Module) -> dict[str, Tensor]:
    """Return a copy of all parameters and buffers, those that aren't saved included."""
    tensors = [*network.named_parameters(), *network.named_buffers()]
    return {name: tensor.detach().clone() for name, tensor in tensors}
