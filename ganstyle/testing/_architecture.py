"""Architectures: shape, range, gradients, seeds, saving, independent pictures, graphs that paint as the network."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import nn

from ganstyle.api import ImageSpec
from ganstyle.errors import UsageError
from ganstyle.testing._findings import Findings, NotCheckable
from ganstyle.testing._graph import check_graph
from ganstyle.testing._networks import calls_of, check_gradients, state_of
from ganstyle.testing._subject import Subject, Tested, subject_of

SIZES = ((32, 32), (96, 64))
LABELS = 3

Networks = Mapping[str, nn.Module]


def check_architecture(
    tested: Tested, options: Mapping[str, Any] | None = None, *, sizes: Sequence[tuple[int, int]] = SIZES
) -> None:
    """Check networks at several sizes, without and with labels.

    Args:
        tested: the record or its target.
        options: of the architecture, e.g. small widths; missing ones take their defaults.
        sizes: (height, width) in pixels; a size refused with a UsageError is passed over.

    Raises:
        ConformanceError: lists every breach.
        NotCheckable: every size was refused.
    """
    subject = subject_of(tested, "arch", options)
    findings = subject.findings()
    specs = [ImageSpec(height, width) for height, width in sizes]
    specs.append(ImageSpec(*sizes[0], labels=LABELS))
    refusals = [text for spec in specs if (text := _check_at(subject, spec, findings))]
    findings.raise_any()
    if len(refusals) == len(specs):
        raise NotCheckable(
            f"{subject.label} refuses every size: {refusals[0]}", hint="pass others: sizes=((256, 256),)"
        )


def _check_at(subject: Subject, spec: ImageSpec, findings: Findings) -> str:
    """Check one size; return why it was refused, if it was."""
    size = f"{spec.height}x{spec.width}" + (" with labels" if spec.labels else "")
    try:
        networks = _built(subject, spec, seed=0)
    except UsageError as error:
        return error.message
    except BaseException as error:
        with findings.watching(f"building at {size}"):
            raise error
        return ""
    if not _check_roles(networks, findings):
        return ""
    with findings.watching(f"seeds and saving at {size}"):
        _check_seeds(subject, spec, networks, findings=findings)
    if "stylizer" in networks:
        with findings.watching(f"graph at {size}"):
            check_graph(subject, networks["stylizer"], findings)
    for role, network in networks.items():
        with findings.watching(f"{role} at {size}"):
            for call in calls_of(networks, role, spec):
                call.check(network, findings, size)
    with findings.watching(f"gradients at {size}"):
        check_gradients(networks, spec, findings)
    return ""


def _built(subject: Subject, spec: ImageSpec, *, seed: int) -> Networks:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return subject.build(spec)


def _check_roles(networks: Any, findings: Findings) -> bool:
    is_mapping = isinstance(networks, Mapping) and len(networks) > 0
    if not findings.require(is_mapping, "it returns no mapping of role to module", 'return {"generator": ..., ...}'):
        return False
    modules = all(isinstance(role, str) and isinstance(part, nn.Module) for role, part in networks.items())
    if not findings.require(modules, "a role isn't text or a network is no nn.Module", "return {str: nn.Module}"):
        return False
    for role, network in networks.items():
        for name, part in network.named_parameters():
            plain = part.dtype == torch.float32 and part.device.type == "cpu"
            remedy = "make float32 on the CPU; the engine moves and casts"
            findings.require(plain, f"{role}.{name} is {part.dtype} on {part.device}", remedy)
    return True


def _check_seeds(subject: Subject, spec: ImageSpec, networks: Networks, *, findings: Findings) -> None:
    again, other = _built(subject, spec, seed=0), _built(subject, spec, seed=1)
    for role, network in networks.items():
        first, second, third = state_of(network), state_of(again[role]), state_of(other[role])
        same = first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)
        findings.require(same, f"{role}'s weights differ for equal seeds", "draw them with torch's global generator")
        trainable = any(part.requires_grad for part in network.parameters())
        differs = not trainable or any(not torch.equal(first[key], third[key]) for key in first.keys() & third.keys())
        findings.require(differs, f"{role}'s weights don't depend on the seed", "don't call torch.manual_seed")
        _check_saving(role, network, other[role], findings=findings)


def _check_saving(role: str, network: nn.Module, other: nn.Module, *, findings: Findings) -> None:
    """Save as the engine does, read into differently seeded networks, and compare."""
    tensors = {key: value.clone().contiguous() for key, value in network.state_dict().items()}
    read = from_bytes(to_bytes(tensors))
    other.load_state_dict(read, strict=True)
    everything, restored = state_of(network), state_of(other)
    lost = [key for key in everything if key not in restored or not torch.equal(everything[key], restored[key])]
    found = f"{role} is not the same after saving and loading: {', '.join(lost[:3])}"
    findings.require(not lost, found, "register random constants as persistent buffers")
    twin = state_of(copy.deepcopy(network))
    findings.require(twin.keys() == everything.keys(), f"{role} can't be deep-copied", "the average needs a copy")
