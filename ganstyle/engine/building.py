"""Networks of an architecture, the discriminator perhaps of another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from torch import nn

from ganstyle.api import ImageSpec
from ganstyle.errors import UsageError
from ganstyle.registry import Registry


class Named(Protocol):
    """A component's name and options: a configuration's selection, or what a model's card holds."""

    @property
    def name(self) -> str:
        """As registered."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Plain values."""


def build_networks(
    registry: Registry, image: ImageSpec, *, arch: Named, discriminator: Named | None = None
) -> dict[str, nn.Module]:
    """Return role to module.

    Args:
        registry: finds the architectures.
        image: what the networks make or judge.
        arch: whose networks.
        discriminator: an architecture whose discriminator takes the place of the former's own.

    Raises:
        UsageError: bad options, or that other architecture has no discriminator.
        EnvironmentProblem: a component can't be loaded.
    """
    networks = dict(registry.build("arch", arch.name, arch.options, image))
    if discriminator is None:
        return networks
    judges = registry.build("arch", discriminator.name, discriminator.options, image)
    if "discriminator" not in judges:
        raise UsageError(
            f"{discriminator.name} has no discriminator; it has {', '.join(judges)}",
            where="discriminator",
            hint="--set discriminator=none; architectures: ganstyle arch list",
        )
    return networks | {"discriminator": judges["discriminator"]}
