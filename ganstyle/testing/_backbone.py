"""Frozen networks: the maps that were asked for, of each picture alone, through which gradients reach the pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ganstyle.errors import EnvironmentProblem
from ganstyle.testing._findings import Findings, NotCheckable
from ganstyle.testing._pictures import float_pictures
from ganstyle.testing._subject import Subject, Tested, subject_of

SIDES = (61, 93)  # odd and not square, as crops are that are moved by some pixels


def check_backbone(tested: Tested, options: Mapping[str, Any] | None = None) -> None:
    """Check a backbone.

    Args:
        tested: the record or its target.
        options: of the backbone; missing ones take their defaults.

    Raises:
        ConformanceError: lists every breach.
        NotCheckable: its weights are missing here.
    """
    subject = subject_of(tested, "backbone", options)
    findings = subject.findings()
    with findings.watching("building or calling it"):
        backbone = _built(subject)
        if _check_form(backbone, findings):
            _check_maps(backbone, findings)
            _check_gradient(backbone, findings)
    findings.raise_any()


def _built(subject: Subject) -> Any:
    try:
        return subject.build()
    except EnvironmentProblem as error:
        raise NotCheckable(f"{subject.label}: {error.message}", hint=error.hint) from error


def _check_form(backbone: Any, findings: Findings) -> bool:
    for name in ("style_taps", "content_taps"):
        taps = getattr(backbone, name, None)
        good = isinstance(taps, tuple) and bool(taps) and all(isinstance(tap, str) for tap in taps)
        findings.require(good, f"`{name}` is {taps!r}", "set it to a tuple of names of maps")
    is_module = isinstance(backbone, torch.nn.Module)
    findings.require(is_module, "it is no torch.nn.Module", "derive from it: losses move it to their device")
    learns = is_module and any(parameter.requires_grad for parameter in backbone.parameters())
    findings.require(not learns, "it has parameters that want gradients", "freeze it: requires_grad_(False)")
    return not findings.failures


def _check_maps(backbone: Any, findings: Findings) -> None:
    images = float_pictures(2, *SIDES)
    taps = (*backbone.style_taps, *backbone.content_taps)
    with torch.no_grad():
        both, one = backbone(images, taps), backbone(images[:1], taps)
        few = backbone(images, backbone.content_taps[:1])
    findings.require(set(both) == set(taps), f"asked for {sorted(taps)} it gives {sorted(both)}", "give what is asked")
    alone = set(few) == set(backbone.content_taps[:1])
    findings.require(alone, f"asked for one map it gives {sorted(few)}", "give what is asked, no more")
    for tap, maps in both.items():
        if _check_map(tap, maps, findings):
            same = torch.allclose(maps[:1], one[tap], rtol=1e-3, atol=1e-4)
            findings.require(same, f"{tap} of a picture depends on the others", "use evaluation mode")


def _check_map(tap: str, maps: Any, findings: Findings) -> bool:
    is_map = isinstance(maps, Tensor) and maps.is_floating_point() and maps.ndim == 4 and len(maps) == 2
    if not findings.require(is_map, f"{tap} of two pictures is no float (2, C, h, w)", "return feature maps"):
        return False
    findings.require(bool(maps.isfinite().all()), f"{tap} is not finite", "check the weights and the range [-1, 1]")
    return True


def _check_gradient(backbone: Any, findings: Findings) -> None:
    images = float_pictures(1, *SIDES).requires_grad_()
    for tap in (*backbone.style_taps, *backbone.content_taps):
        maps = backbone(images, (tap,))[tap]
        gradient = torch.autograd.grad(maps.square().mean(), images)[0] if maps.requires_grad else torch.zeros(1)
        reached = bool(gradient.isfinite().all()) and bool(gradient.any())
        findings.require(reached, f"no gradient comes from {tap} to the picture", "run it with gradients")
