"""Layers of StyleGAN2: Karras et al. 2020, arXiv:1912.04958. Written from the paper; no code was copied."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganstyle.nn.blocks import EqualizedConv2d, EqualizedLinear
from ganstyle.nn.filters import Blur, Halving

SLOPE = 0.2
NOISE_RATE = 0.1


class SlowLinear(EqualizedLinear):
    """A linear map that learns `rate` times as fast: its numbers are stored 1 / rate as large.

    Source: arXiv:1812.04948 (StyleGAN), app. C: the mapping network's learning rate is a hundredth of the others'.
    """

    def __init__(self, inputs: int, outputs: int, *, rate: float = 0.01) -> None:
        """Draw the weights from N(0, 1 / rate^2).

        Args:
            inputs: numbers in.
            outputs: numbers out.
            rate: of learning, over the optimizer's.
        """
        super().__init__(inputs, outputs)
        self.rate = rate
        self.scale *= rate
        with torch.no_grad():
            self.weight.div_(rate)

    def forward(self, features: Tensor) -> Tensor:
        """Map float (B, inputs) to (B, outputs)."""
        return F.linear(features, self.weight * self.scale, self.bias * self.rate)


class ModulatedConv2d(nn.Module):
    """A convolution whose weights a code scales per input channel; demodulated outputs have unit deviation.

    The paper scales the weights of each picture (eqs. 1 and 3). Convolution is linear, so scaling the input by the
    style and the output by the demodulation is the same, but the weights stay one set for the whole batch.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, w_dim: int, demodulate: bool = True, up: bool = False
    ) -> None:
        """Draw the weights; styles start at 1 on average.

        Args:
            inputs: channels in.
            outputs: channels out.
            kernel: side in pixels, odd.
            w_dim: numbers of a code.
            demodulate: bring every output channel back to unit deviation.
            up: double the sides: transposed, then the filter.
        """
        super().__init__()
        self.demodulate, self.padding = demodulate, kernel // 2
        self.style = EqualizedLinear(w_dim, inputs, gain=1.0)
        nn.init.ones_(self.style.bias)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.scale = 1.0 / math.sqrt(inputs * kernel**2)
        self.blur = Blur(padding=1, gain=4.0) if up else None

    def forward(self, features: Tensor, code: Tensor, *, bias: Tensor, gain: float = 1.0) -> Tensor:
        """Convolve, then add a bias.

        Args:
            features: float (B, inputs, H, W).
            code: float (B, w_dim).
            bias: float (outputs,), not scaled by `gain`.
            gain: multiplies the convolution.

        Returns:
            float (B, outputs, H, W), or twice the sides.
        """
        styles, weight = self.style(code), self.weight * self.scale
        features = features * styles[:, :, None, None].to(features.dtype)
        if self.blur is None:
            features = F.conv2d(features, weight, padding=self.padding)
        else:
            features = self.blur(F.conv_transpose2d(features, weight.transpose(0, 1), stride=2))
        bias = bias.view(-1, 1, 1).to(features.dtype)
        if not self.demodulate:
            return features * gain + bias
        factors = gain * self.demodulation(styles, weight)
        return torch.addcmul(bias, features, factors[:, :, None, None].to(features.dtype))

    def demodulation(self, styles: Tensor, weight: Tensor) -> Tensor:
        """Return 1 / |weights scaled by the styles| per picture and output channel (eq. 3), in float32.

        Args:
            styles: float (B, inputs).
            weight: float (outputs, inputs, k, k).

        Returns:
            float (B, outputs).
        """
        with torch.autocast(styles.device.type, enabled=False):
            return (styles.to(weight.dtype).square() @ weight.square().sum((2, 3)).t() + 1e-8).rsqrt()


class StyledLayer(nn.Module):
    """Modulated convolution, noise, bias, leaky rectifier.

    The rectifier's gain sqrt(2) is applied before it, where demodulation multiplies anyway: it is homogeneous.

    Note:
        The noise's strength is stored ten times as large as it acts: at the paper's rate, Adam without momentum moves
        a plain strength by 0.0025 at every step, much where features have a deviation of 0.1, as in short trainings.
    """

    noise: Tensor

    def __init__(
        self, inputs: int, outputs: int, *, w_dim: int, size: tuple[int, int], up: bool = False, noise: bool = True
    ) -> None:
        """Draw weights and the fixed noise; the noise's strength starts at 0.

        Args:
            inputs: channels in.
            outputs: channels out.
            w_dim: numbers of a code.
            size: (height, width) of the result.
            up: double the sides.
            noise: add it.
        """
        super().__init__()
        self.conv = ModulatedConv2d(inputs, outputs, 3, w_dim=w_dim, up=up)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.strength = nn.Parameter(torch.zeros(())) if noise else None
        self.register_buffer("noise", torch.randn(1, 1, *size) if noise else None)

    def forward(self, features: Tensor, code: Tensor) -> Tensor:
        """Return float (B, outputs, H, W); noise is drawn in training mode, and the stored one otherwise.

        Args:
            features: float (B, inputs, H, W), or half the sides.
            code: float (B, w_dim).
        """
        gain = math.sqrt(2.0)
        features = self.conv(features, code, bias=self.bias * gain, gain=gain)
        if self.strength is not None:
            noise = torch.randn_like(features[:, :1]) if self.training else self.noise.to(features.dtype)
            features = features + noise * (self.strength * (NOISE_RATE * gain)).to(features.dtype)
        return F.leaky_relu(features, SLOPE)


class ToRgb(nn.Module):
    """Features to a picture's share: modulated 1x1, not demodulated (section 4.1)."""

    def __init__(self, inputs: int, outputs: int, *, w_dim: int) -> None:
        """Draw the weights.

        Args:
            inputs: channels in.
            outputs: of the picture.
            w_dim: numbers of a code.
        """
        super().__init__()
        self.conv = ModulatedConv2d(inputs, outputs, 1, w_dim=w_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, features: Tensor, code: Tensor) -> Tensor:
        """Return float (B, outputs, H, W) of features (B, inputs, H, W) and code (B, w_dim)."""
        return self.conv(features, code, bias=self.bias)


class ResidualDown(nn.Module):
    """The discriminator's block: two convolutions beside a 1x1, sides halved, deviation kept (section 4.1, fig. 7).

    The division of the sum by sqrt(2) sits in the gains of the two last convolutions.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        """Draw the weights.

        Args:
            inputs: channels in.
            outputs: channels out.
        """
        super().__init__()
        self.same = EqualizedConv2d(inputs, inputs, 3, padding=1)
        self.blur = Blur(padding=2)
        self.down = EqualizedConv2d(inputs, outputs, 3, gain=1.0, stride=2)
        self.skip = nn.Sequential(Halving(), EqualizedConv2d(inputs, outputs, 1, gain=1.0 / math.sqrt(2.0), bias=False))

    def forward(self, features: Tensor) -> Tensor:
        """Return float (B, outputs, H / 2, W / 2) of float (B, inputs, H, W)."""
        inner = F.leaky_relu(self.same(features), SLOPE)
        return F.leaky_relu(self.down(self.blur(inner)), SLOPE) + self.skip(features)
