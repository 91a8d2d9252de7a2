"""The kit must catch deliberately broken architectures, and pass right ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganstyle.api import ImageSpec, Options
from ganstyle.errors import UsageError
from ganstyle.testing import ConformanceError, NotCheckable, check_architecture

SIZES = ((8, 12),)


class NoOptions(Options):
    pass


class G(nn.Module):
    """A perceptron; the broken ones below differ from it in one point each."""

    z_dim = 5

    def __init__(self, image: ImageSpec) -> None:
        super().__init__()
        self.size = (image.channels, image.height, image.width)
        self.linear = nn.Linear(self.z_dim, image.channels * image.height * image.width)

    def forward(self, z, labels=None):
        return torch.tanh(self.linear(z)).unflatten(1, self.size)


class D(nn.Module):
    def __init__(self, image: ImageSpec) -> None:
        super().__init__()
        self.linear = nn.Linear(image.channels * image.height * image.width, 1)

    def forward(self, images, labels=None):
        return self.linear(images.flatten(1))


class BatchDependent(G):
    def forward(self, z, labels=None):
        return super().forward(z - z.mean(0))


class DeadParameter(G):
    def __init__(self, image):
        super().__init__(image)
        self.unused = nn.Linear(3, 3)


class CutGradient(G):
    def forward(self, z, labels=None):
        return super().forward(z).detach() + 0 * self.linear.bias.sum()


class Unbounded(G):
    def forward(self, z, labels=None):
        return 3 * super().forward(z)


class ZeroToOne(G):
    def forward(self, z, labels=None):
        return (super().forward(z) + 1) / 2


class WrongShape(G):
    def forward(self, z, labels=None):
        return super().forward(z).transpose(2, 3)


class Noisy(G):
    def forward(self, z, labels=None):
        return super().forward(z + torch.randn_like(z))


class OwnSeed(G):
    def __init__(self, image):
        torch.manual_seed(7)
        super().__init__(image)


class Unseeded(G):
    def __init__(self, image):
        super().__init__(image)
        generator = torch.Generator()
        generator.seed()
        nn.init.normal_(self.linear.weight, generator=generator)


class Unsaved(G):
    def __init__(self, image):
        super().__init__(image)
        self.register_buffer("offset", torch.randn(self.z_dim), persistent=False)

    def forward(self, z, labels=None):
        return super().forward(z + self.offset)


class Counting(G):
    def __init__(self, image):
        super().__init__(image)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, z, labels=None):
        self.calls += 1
        return super().forward(z)


class Constant(G):
    def forward(self, z, labels=None):
        return super().forward(torch.ones_like(z))


class NoLatents(G):
    z_dim = property()

    def __init__(self, image):
        nn.Module.__init__(self)
        self.size = (image.channels, image.height, image.width)


class Half(G):
    def __init__(self, image):
        super().__init__(image)
        self.half()


BROKEN = {
    BatchDependent: "an example's result depends on the others of its batch",
    DeadParameter: "generator has parameters without a gradient: unused.weight, unused.bias",
    CutGradient: "generator has parameters without a gradient: linear.weight",
    Unbounded: "gives values from -",
    ZeroToOne: "gives no value below 0; pictures are in [-1, 1], not in [0, 1]",
    WrongShape: "generator(z) at 8x12 gives (4, 3, 12, 8)",
    Noisy: "differs when repeated; draw no noise in evaluation mode",
    OwnSeed: "generator's weights don't depend on the seed",
    Unseeded: "generator's weights differ for equal seeds",
    Unsaved: "generator is not the same after saving and loading: offset",
    Counting: "changes the network in evaluation mode",
    Constant: "gives the same for different inputs",
    NoLatents: "generator at 8x12 raised AttributeError",
    Half: "generator.linear.weight is torch.float16",
}


def architecture_of(generator: type[nn.Module], discriminator: type[nn.Module] = D):
    def build(options: NoOptions, image: ImageSpec):
        return {"generator": generator(image), "discriminator": discriminator(image)}

    return build


def failures_of(target, **kwargs) -> tuple[str, ...]:
    with pytest.raises(ConformanceError) as caught:
        check_architecture(target, sizes=SIZES, **kwargs)
    return caught.value.failures


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_generator_is_caught(broken):
    failures = failures_of(architecture_of(broken))
    assert any(BROKEN[broken] in failure for failure in failures), failures


def test_a_right_architecture_passes():
    assert check_architecture(architecture_of(G), sizes=SIZES) is None


class ZeroStart(G):
    """Starts with a layer at zero, as residual networks do: the layer before it gets no gradient at first."""

    def __init__(self, image):
        super().__init__(image)
        self.before = nn.Linear(self.z_dim, self.z_dim)
        self.gate = nn.Parameter(torch.zeros(self.z_dim))

    def forward(self, z, labels=None):
        return super().forward(z + self.gate * self.before(z))


class Growing(G):
    """Uses one of two layers, by its progress: each has a gradient at some time."""

    def __init__(self, image):
        super().__init__(image)
        self.late, self.fraction = nn.Linear(self.z_dim, self.linear.out_features), 0.0

    def set_progress(self, fraction):
        self.fraction = fraction

    def forward(self, z, labels=None):
        layer = self.linear if self.fraction < 0.5 else self.late
        return torch.tanh(layer(z)).unflatten(1, self.size)


class MinibatchDeviation(D):
    def forward(self, images, labels=None):
        return super().forward(images) + images.std(0).mean()


@pytest.mark.parametrize(("generator", "discriminator"), [(ZeroStart, D), (Growing, D), (G, MinibatchDeviation)])
def test_what_good_networks_do_is_no_failure(generator, discriminator):
    assert check_architecture(architecture_of(generator, discriminator), sizes=SIZES) is None


def test_a_discriminator_of_the_wrong_form_is_caught():
    class Mean(D):
        def forward(self, images, labels=None):
            return super().forward(images).mean()

    assert any("discriminator(images) at 8x12 gives ()" in text for text in failures_of(architecture_of(G, Mean)))


@pytest.mark.parametrize("result", [None, {}, G(ImageSpec(8, 8)), {"generator": 3}])
def test_what_is_no_mapping_of_modules_is_caught(result):
    def build(options: NoOptions, image: ImageSpec):
        return result

    assert "return {" in failures_of(build)[0]


def test_a_crash_at_one_size_is_named_with_its_place():
    def build(options: NoOptions, image: ImageSpec):
        if image.labels:
            raise RuntimeError("no labels here")
        return architecture_of(G)(options, image)

    (failure,) = failures_of(build)
    assert failure.startswith("building at 8x12 with labels raised RuntimeError: no labels here (line ")


def test_refused_sizes_are_passed_over_unless_all_are():
    def only_8(options: NoOptions, image: ImageSpec):
        if image.height != 8 or image.labels:
            raise UsageError("only 8 pixels high")
        return architecture_of(G)(options, image)

    assert check_architecture(only_8, sizes=((16, 16), (8, 12))) is None
    with pytest.raises(NotCheckable, match="refuses every size: only 8 pixels high"):
        check_architecture(only_8, sizes=((16, 16),))


class S(nn.Module):
    """A stylizer: the code is the style's mean colour."""

    def __init__(self, image: ImageSpec) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.randn(3)), nn.Parameter(torch.randn(3))

    def encode(self, style):
        return style.mean((2, 3)) * self.scale

    def stylize(self, content, code):
        return torch.tanh(content + (code + self.shift)[:, :, None, None])


class CroppingS(S):
    def stylize(self, content, code):
        return super().stylize(content, code)[:, :, 1:-1]


class LeakingS(S):
    def encode(self, style):
        return super().encode(style).mean(0, keepdim=True).expand(len(style), -1)


def stylizer_of(module):
    def build(options: NoOptions, image: ImageSpec):
        return {"stylizer": module(image)}

    return build


def test_a_right_stylizer_passes():
    assert check_architecture(stylizer_of(S), sizes=SIZES) is None


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (CroppingS, "stylizer.stylize(content, code) at 8x12 gives (4, 3, 6, 12)"),
        (LeakingS, "stylizer.encode(style) at 8x12: an example's result depends on the others"),
    ],
)
def test_a_broken_stylizer_is_caught(broken, message):
    failures = failures_of(stylizer_of(broken))
    assert any(message in failure for failure in failures), failures
