"""Built-in GANs: architectures, adversarial losses, penalties and the task that trains them."""

from __future__ import annotations

from collections.abc import Iterable

from ganstyle.api import Architecture, Component, Loss, Task, hookimpl

ganstyle_api = 1


@hookimpl
def ganstyle_components() -> Iterable[Component]:
    """Yield the components."""
    yield Architecture(
        "dcgan",
        "Deep convolutional GAN, the simplest; 16 to 256 pixels, square or not.",
        "ganstyle_gans.dcgan:build_dcgan",
        "arXiv:1511.06434",
        recipe={"optimizer.lr": 2e-4, "optimizer.betas": [0.5, 0.999], "train.batch": 32},
    )
    yield from _losses()
    yield Task("gan", "A generator against a discriminator.", "ganstyle_gans.task:GanTask", "arXiv:1406.2661")


def _losses() -> Iterable[Component]:
    yield Loss("bce", "Cross-entropy, saturating or not.", "ganstyle_gans.losses:Bce", "arXiv:1406.2661")
    yield Loss(
        "lsgan", "Least squares, i.e. Euclidean, with labels a, b, c.", "ganstyle_gans.losses:Lsgan", "arXiv:1611.04076"
    )
    yield Loss("hinge", "Hinge on logits at +-1.", "ganstyle_gans.losses:Hinge", "arXiv:1802.05957")
    yield Loss("wgan", "Wasserstein; wants a gradient penalty.", "ganstyle_gans.losses:Wgan", "arXiv:1701.07875")
    yield Loss(
        "relativistic", "Real above fake, pair by pair.", "ganstyle_gans.losses:Relativistic", "arXiv:1807.00734"
    )
