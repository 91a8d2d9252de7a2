"""Tasks: phases train what they name only, never wait for the device; samples and state can be had again."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ganstyle.api import Batch, ImageSpec, Phase
from ganstyle.registry import Registry, default_registry
from ganstyle.testing._findings import Findings
from ganstyle.testing._networks import TOLERANCE, state_of
from ganstyle.testing._pictures import float_pictures
from ganstyle.testing._state import check_state
from ganstyle.testing._subject import Tested, subject_of

FRACTIONS = (0.0, 0.5, 1.0)
BATCH = 4
SAMPLES = 3
_SYNCHRONISING = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "unique")


def check_task(
    tested: Tested,
    options: Mapping[str, Any] | None = None,
    *,
    arch: str = "",
    size: tuple[int, int] = (32, 32),
    registry: Registry | None = None,
) -> None:
    """Check a task with the networks of an architecture and the loss `bce`.

    Args:
        tested: the record or its target.
        options: of the task; missing ones take their defaults.
        arch: whose networks; by default the first whose recipe names the task, else `dcgan`.
        size: height and width of the pictures.
        registry: where architecture and loss come from.

    Raises:
        ConformanceError: lists every breach.
    """
    subject = subject_of(tested, "task", options)
    findings, registry = subject.findings(), registry or default_registry()
    networks = registry.build("arch", arch or _matching_arch(registry, subject.component.name), {}, ImageSpec(*size))
    with findings.watching("building it"):
        task = subject.build(networks, loss=registry.build("loss", "bce", {}), penalties=())
        batch = _batch(*size)
        if _check_form(task, findings):
            for fraction in FRACTIONS:
                with findings.watching(f"a step after {fraction:.0%} of the budget"):
                    _check_steps(task, batch, fraction, findings=findings)
            with findings.watching("draw()"):
                _check_draw(task, batch, findings)
            with findings.watching("its state"):
                other = subject.build(copy.deepcopy(networks), loss=registry.build("loss", "bce", {}), penalties=())
                check_state(task, other, findings=findings)
            with findings.watching("sample()"):
                _check_sample(task, batch, size, findings=findings)
    findings.raise_any()


def _matching_arch(registry: Registry, task: str) -> str:
    named = [part.name for part in registry.components("arch") if getattr(part, "recipe", {}).get("task") == task]
    return named[0] if named else "dcgan"


def _batch(height: int, width: int) -> Batch:
    names = ("images", "style", "other")
    pictures = {name: float_pictures(BATCH, height, width, seed=seed) for seed, name in enumerate(names)}
    return Batch(pictures | {"labels": torch.arange(BATCH) % 2})


def _check_form(task: Any, findings: Findings) -> bool:
    roles, phases = set(task.networks), list(task.phases)
    typed = len(phases) > 0 and all(isinstance(phase, Phase) for phase in phases)
    if not findings.require(typed, "`phases` holds no Phase", "return a sequence of ganstyle.api.Phase"):
        return False
    names = [phase.name for phase in phases]
    findings.require(len(set(names)) == len(names), f"two phases share a name: {names}", "they key the optimizers")
    for phase in phases:
        unknown = set(phase.roles) - roles
        findings.require(
            not unknown, f"phase {phase.name} trains unknown roles {sorted(unknown)}", f"known: {sorted(roles)}"
        )
        usable = phase.lr_factor > 0 and phase.every >= 1 and len(phase.roles) > 0
        findings.require(
            usable, f"phase {phase.name} can never train: {phase}", "positive lr_factor and every, some roles"
        )
    unknown = set(task.averaged) - roles
    findings.require(not unknown, f"`averaged` names unknown roles {sorted(unknown)}", f"known: {sorted(roles)}")
    trained = {role for phase in phases for role in phase.roles}
    idle = [role for role in roles - trained if any(p.requires_grad for p in task.networks[role].parameters())]
    findings.require(not idle, f"no phase trains {sorted(idle)}", "add a phase, or freeze the network")
    return not findings.failures


def _check_draw(task: Any, batch: Batch, findings: Findings) -> None:
    if not hasattr(task, "draw"):
        return
    drawn = task.draw(batch)
    kept = isinstance(drawn, Batch) and all(drawn.get(key) is value for key, value in batch.items())
    findings.require(kept, "draw() doesn't hand on the batch", "return Batch({**batch, ...})")
    lengths = {key: len(value) for key, value in drawn.items() if len(value) != len(batch)}
    findings.require(not lengths, f"draw() adds {lengths} to {len(batch)} examples", "draw one for each example")


def _check_steps(task: Any, batch: Batch, fraction: float, *, findings: Findings) -> None:
    if hasattr(task, "progress"):
        task.progress(fraction)
    for network in task.networks.values():
        network.train()
    for phase in task.phases:
        with findings.watching(f"phase {phase.name} after {fraction:.0%} of the budget"):
            _check_phase(task, phase, batch, findings=findings)


def _check_phase(task: Any, phase: Phase, batch: Batch, *, findings: Findings) -> None:
    parameters = {
        f"{role}.{name}": part for role, net in task.networks.items() for name, part in net.named_parameters()
    }
    before = {name: (part.detach().clone(), part.requires_grad) for name, part in parameters.items()}
    inputs = {key: value.clone() for key, value in batch.items()}
    for part in parameters.values():
        part.grad = None
    with _Watch() as watch:
        found = phase.loss(batch, 0)
    loss, parts = found if isinstance(found, tuple) else (found, {})
    where = f"phase {phase.name}"
    remedy = "keep values on the device; the logger reads them later"
    findings.require(not watch.seen, f"{where} waits for the device ({', '.join(sorted(watch.seen))})", remedy)
    scalar = isinstance(loss, Tensor) and loss.shape == () and bool(torch.isfinite(loss))
    if not findings.require(scalar, f"{where} returns {loss!r:.80}", "return a finite scalar, the batch mean"):
        return
    loose = [key for key, value in parts.items() if not isinstance(value, Tensor) or value.requires_grad]
    findings.require(not loose, f"{where} reports {loose} attached to the graph", "detach what is only logged")
    loss.backward()
    kept = all(torch.equal(batch[key], inputs[key]) for key in inputs)
    findings.require(kept, f"{where} changes the batch", "work on new tensors")
    _check_reach(phase, parameters, before, findings=findings)


def _check_reach(
    phase: Phase, parameters: Mapping[str, Tensor], before: Mapping[str, Any], *, findings: Findings
) -> None:
    where = f"phase {phase.name}"
    moved = [name for name, part in parameters.items() if not torch.equal(part.detach(), before[name][0])]
    findings.require(not moved, f"{where} changes weights itself ({moved[:2]})", "the engine steps the optimizers")
    flipped = [name for name, part in parameters.items() if part.requires_grad != before[name][1]]
    findings.require(
        not flipped, f"{where} leaves requires_grad changed ({flipped[:2]})", "use ganstyle.nn.modules.frozen"
    )
    own = tuple(f"{role}." for role in phase.roles)
    leaked = [name for name, part in parameters.items() if not name.startswith(own) and _has_gradient(part)]
    found = f"{where} gives gradients to {leaked[:2]}, which it doesn't train"
    findings.require(not leaked, found, "use torch.no_grad() or ganstyle.nn.modules.frozen")


def _has_gradient(part: Tensor) -> bool:
    return part.grad is not None and bool(part.grad.any())


class _Watch(TorchDispatchMode):
    """Notes operators whose result the host must wait for, such as `.item()`."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, *call: Any) -> Any:
        name = func.overloadpacket.__name__
        if name in _SYNCHRONISING:
            self.seen.add({"_local_scalar_dense": "item"}.get(name, name))
        args, kwargs = (*call, {})[:2]
        return func(*args, **(kwargs or {}))


def _check_sample(task: Any, batch: Batch, size: tuple[int, int], *, findings: Findings) -> None:
    """Sample as the engine does: from frozen copies in evaluation mode."""
    networks = {role: copy.deepcopy(net).eval().requires_grad_(False) for role, net in task.networks.items()}
    states = {role: state_of(network) for role, network in networks.items()}
    first, second = (_sampled(task, networks, batch, noise=noise) for noise in (0, 9))
    shaped = isinstance(first, Tensor) and tuple(first.shape) == (SAMPLES, 3, *size)
    if not findings.require(shaped, f"sample() returns {getattr(first, 'shape', first)!r}", "return (count, C, H, W)"):
        return
    inside = bool((first.abs() <= 1 + TOLERANCE).all())
    findings.require(inside, f"sample() gives values up to {first.abs().max():.3g}", "pictures are in [-1, 1]; clamp")
    repeatable = torch.equal(first, second)
    findings.require(repeatable, "sample() differs for equal generators", "draw from the given generator alone")
    kept = not any(part.training for network in networks.values() for part in network.modules())
    findings.require(kept, "sample() leaves the networks in training mode", "use ganstyle.nn.modules.evaluating")
    same = all(
        torch.equal(states[role][key], value) for role, net in networks.items() for key, value in state_of(net).items()
    )
    findings.require(same, "sample() changes the networks", "evaluate; don't update buffers")


def _sampled(task: Any, networks: Mapping[str, nn.Module], batch: Batch, *, noise: int) -> Any:
    part = Batch({key: value[:SAMPLES] for key, value in batch.items()})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(noise)  # must not matter
        return task.sample(networks, SAMPLES, generator=torch.Generator().manual_seed(1), batch=part)
