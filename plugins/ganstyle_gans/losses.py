"""Adversarial losses as components; the formulas are in `ganstyle.functional.adversarial`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor

from ganstyle.api import Options
from ganstyle.functional import adversarial


class BceOptions(Options):
    """Options of `bce`."""

    saturating: Annotated[bool, Field(description="G minimises -sp(f), the minimax form, which stalls early.")] = False
    real_label: Annotated[
        float, Field(gt=0.5, le=1.0, description="Target of real pictures; 0.9 is one-sided smoothing.")
    ] = 1.0


class Bce:
    """Cross-entropy (arXiv:1406.2661)."""

    relativistic = False

    def __init__(self, options: BceOptions) -> None:
        """Keep the options."""
        self.options = options

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return l sp(-d) + (1 - l) sp(d) + sp(f)."""
        return adversarial.bce_discriminator(real_logits, fake_logits, real_label=self.options.real_label)

    def generator(self, real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
        """Return sp(-f), or -sp(f) if saturating."""
        return adversarial.bce_generator(fake_logits, saturating=self.options.saturating)


class LsganOptions(Options):
    """Options of `lsgan`, named as in the paper."""

    a: Annotated[float, Field(description="Target of fake pictures for D.")] = 0.0
    b: Annotated[float, Field(description="Target of real pictures for D.")] = 1.0
    c: Annotated[float, Field(description="Target of fake pictures for G.")] = 1.0


class Lsgan:
    """Least squares, i.e. the Euclidean distance to the labels (arXiv:1611.04076)."""

    relativistic = False

    def __init__(self, options: LsganOptions) -> None:
        """Keep the labels; `boundary` is the logit midway between them."""
        self.options, self.boundary = options, (options.a + options.b) / 2

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return ((d - b)^2 + (f - a)^2) / 2."""
        labels = {"fake_label": self.options.a, "real_label": self.options.b}
        return adversarial.lsgan_discriminator(real_logits, fake_logits, **labels)

    def generator(self, real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
        """Return (f - c)^2 / 2."""
        return adversarial.lsgan_generator(fake_logits, target=self.options.c)


class NoOptions(Options):
    """A loss without options."""


class Hinge:
    """Hinge (arXiv:1802.05957)."""

    relativistic = False

    def __init__(self, options: NoOptions) -> None:
        """Nothing to keep."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return relu(1 - d) + relu(1 + f)."""
        return adversarial.hinge_discriminator(real_logits, fake_logits)

    def generator(self, real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
        """Return -f."""
        return adversarial.negative_logit(fake_logits)


class Wgan(Hinge):
    """Wasserstein (arXiv:1701.07875); `unbounded`: the task asks for a constraint on D."""

    unbounded = True

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return f - d."""
        return adversarial.wasserstein_discriminator(real_logits, fake_logits)


class Relativistic:
    """Relativistic pairing (arXiv:1807.00734): D scores real above fake, pair by pair."""

    relativistic = True

    def __init__(self, options: NoOptions) -> None:
        """Nothing to keep."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return sp(f - d)."""
        return adversarial.relativistic_pairing(real_logits, fake_logits)

    def generator(self, real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
        """Return sp(d - f); real_logits float of fake_logits' shape."""
        if real_logits is None:
            raise ValueError("the relativistic loss needs real_logits in the generator phase")
        return adversarial.relativistic_pairing(fake_logits, real_logits)
